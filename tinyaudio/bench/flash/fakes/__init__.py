"""Boards that exist only here, behind the true edges of pyOCD and OpenOCD.

`FakeDesk` is what is plugged in: probes, chips, and what is wrong with them. `FakePyocd` answers under pyOCD's names and
raises pyOCD's exceptions; `FakeOpenocd` is a server on loopback that speaks OpenOCD's Tcl protocol, byte by byte.
"""

from __future__ import annotations

from tinyaudio.bench.flash.fakes.desk import FakeChip, FakeDesk, FakeProbe
from tinyaudio.bench.flash.fakes.openocd_server import FakeOpenocd
from tinyaudio.bench.flash.fakes.pyocd_api import FakePyocd

__all__ = ["FakeChip", "FakeDesk", "FakeOpenocd", "FakeProbe", "FakePyocd"]
