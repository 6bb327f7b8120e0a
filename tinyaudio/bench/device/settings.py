"""The application's own settings: keys, and values as they are stored."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tinyaudio.core.artifacts import Calibration
from tinyaudio.core.decisions import ALWAYS, NEVER, calibration_fingerprint
from tinyaudio.core.errors import InputError

#: The stored calibration: what recordings are decided by, and clips that ask for it.
CALIBRATION_KEY = 1
#: Keys from here on are free for any use.
FIRST_FREE_KEY = 256

_RECORD = struct.Struct("<BBh16s12s32s")
_FORMAT = 2  # 1 was a bare threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCalibration:
    """A threshold for all labels, bound to the firmware that it was made for."""

    threshold: int  # a mean int8 score, -128 to 128 (never reached)
    smoothing_patches: int
    model_sha256: str  # the first 16 bytes
    frontend_fingerprint: str  # the first 12 bytes
    fingerprint: str  # of the calibration; see `tinyaudio.core.decisions.calibration_fingerprint`


def encode_calibration(calibration: Calibration, *, label_count: int, model_sha256: str, frontend_fingerprint: str) -> bytes:
    """Return the value of `CALIBRATION_KEY` for firmware with this model and front end.

    Parameters
    ----------
    calibration
        One threshold for all labels; rule and smoothing are those of the firmware.
    label_count, model_sha256, frontend_fingerprint
        Of the firmware, as its Hello tells them; SHA-256 in hexadecimal.

    Raises
    ------
    InputError
        If there are thresholds for each label, or it is out of range.
    """
    if calibration.class_thresholds:
        raise InputError("a device stores one threshold for all labels", hint="build the firmware with the others", where="class_thresholds")
    if not ALWAYS <= calibration.detection_threshold <= NEVER:
        raise InputError(
            f"the threshold is {calibration.detection_threshold}; {ALWAYS} to {NEVER} are possible",
            hint="it is compared with a mean of int8 scores",
            where="detection_threshold",
        )
    own = calibration_fingerprint(calibration, label_count=label_count, model_sha256=model_sha256, frontend_fingerprint=frontend_fingerprint)
    return _RECORD.pack(
        _FORMAT,
        calibration.smoothing_patches,
        calibration.detection_threshold,
        bytes.fromhex(model_sha256)[:16],
        bytes.fromhex(frontend_fingerprint)[:12],
        bytes.fromhex(own),
    )


def decode_calibration(value: bytes) -> StoredCalibration | None:
    """Return what a stored value of `CALIBRATION_KEY` stands for, None if it has another format."""
    if len(value) != _RECORD.size:
        return None
    found, smoothing_patches, threshold, model, frontend, own = _RECORD.unpack(value)
    if found != _FORMAT:
        return None
    return StoredCalibration(
        threshold=threshold, smoothing_patches=smoothing_patches, model_sha256=model.hex(), frontend_fingerprint=frontend.hex(), fingerprint=own.hex()
    )
