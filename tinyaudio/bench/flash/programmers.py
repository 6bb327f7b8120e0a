"""The programmers there are, the preferred one first."""

from __future__ import annotations

from collections.abc import Callable

from tinyaudio.bench.flash.openocd_programmer import OpenocdProgrammer
from tinyaudio.bench.flash.pyocd_programmer import PyocdProgrammer
from tinyaudio.bench.flash.roles import Programmer


def programmers(*, on_detail: Callable[[str], None]) -> dict[str, Programmer]:
    """Return {name: programmer} for probes of the kind ``stlink``, in the order of preference.

    Parameters
    ----------
    on_detail
        Called with every line that a programmer logs.
    """
    both: tuple[Programmer, ...] = (PyocdProgrammer(on_detail=on_detail), OpenocdProgrammer(on_detail=on_detail))
    return {programmer.name: programmer for programmer in both}
