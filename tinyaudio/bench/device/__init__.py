"""A typed conversation with running firmware: connect, stream clips, survive faults of the line and resets of the device."""

from __future__ import annotations

from tinyaudio.bench.device.clip_run import Capture, ClipRun
from tinyaudio.bench.device.conversation import Device
from tinyaudio.bench.device.identity import check_identity, identity_of

__all__ = ["Capture", "ClipRun", "Device", "check_identity", "identity_of"]
