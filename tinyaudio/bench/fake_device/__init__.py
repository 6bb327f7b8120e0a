"""A device that exists only here: it answers the true protocol byte by byte, and the integer twin computes for it."""

from __future__ import annotations

from tinyaudio.bench.fake_device.device import ClipComputer, FakeDevice, FakeMicrophone
from tinyaudio.bench.fake_device.twin import PatchModel, TwinComputer, expected_outputs_model

__all__ = ["ClipComputer", "FakeDevice", "FakeMicrophone", "PatchModel", "TwinComputer", "expected_outputs_model"]
