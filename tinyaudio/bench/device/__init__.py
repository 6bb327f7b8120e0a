"""A typed conversation with running firmware: connect, stream clips, record its microphone, run a bare model, read and write settings;
survive faults of the line and resets of the device.
"""

from __future__ import annotations

from tinyaudio.bench.device.clip_run import Capture, ClipRun
from tinyaudio.bench.device.conversation import Device
from tinyaudio.bench.device.identity import check_identity, identity_of
from tinyaudio.bench.device.live_run import LiveRun, LiveSegment
from tinyaudio.bench.device.model_run import Inference, InferenceRequest
from tinyaudio.bench.device.self_test import SelfTestRun
from tinyaudio.bench.device.settings import (
    CALIBRATION_KEY,
    FIRST_FREE_KEY,
    PART_KEYS,
    PLACES,
    StoredCalibration,
    decode_calibration,
    decode_thresholds,
    encode_calibration,
    part_bytes,
    place_of,
)
from tinyaudio.bench.device.stored_calibration import forget_calibration, read_calibration, write_calibration

__all__ = [
    "CALIBRATION_KEY",
    "FIRST_FREE_KEY",
    "PART_KEYS",
    "PLACES",
    "Capture",
    "ClipRun",
    "Device",
    "Inference",
    "InferenceRequest",
    "LiveRun",
    "LiveSegment",
    "SelfTestRun",
    "StoredCalibration",
    "check_identity",
    "decode_calibration",
    "decode_thresholds",
    "encode_calibration",
    "forget_calibration",
    "identity_of",
    "part_bytes",
    "place_of",
    "read_calibration",
    "write_calibration",
]
