"""The application's own settings: keys, and values as they are stored."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tinyaudio.core.artifacts import Calibration
from tinyaudio.core.decisions import ALWAYS, NEVER, calibration_fingerprint, pack_labels, unpack_labels
from tinyaudio.core.errors import InputError

#: The stored calibration: what recordings are decided by, and clips that ask for it.
CALIBRATION_KEY = 1
#: Keys from here on are free for any use.
FIRST_FREE_KEY = 256

#: Thresholds for each label lie in settings from one of these keys on: new ones go where the old ones are not.
Place = Literal[2, 21]
PLACES: tuple[Place, Place] = (2, 21)
PART_KEYS = range(2, 40)  # of both places

_PART_LABELS = 56
_COMMON_FORMAT, _BY_LABEL_FORMAT = 2, 3  # 1 was a bare threshold
_COMMON = struct.Struct("<BBh16s12s32s")
_BY_LABEL = struct.Struct("<BBH12sI12s32s")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCalibration:
    """What setting 1 says: thresholds, bound to the firmware that they were made for."""

    threshold: int  # of all labels, a mean int8 score, -128 to 128 (never reached); of no interest with a `first_key`
    first_key: int | None  # where the thresholds of the labels are; None: `threshold` is that of all
    crc32: int  # of the settings from there on; 0 without them
    smoothing_patches: int
    model_sha256: str  # the first 16 bytes, 12 with a `first_key`
    frontend_fingerprint: str  # the first 12 bytes
    fingerprint: str  # of the calibration; see `tinyaudio.core.decisions.calibration_fingerprint`

    def is_for(self, *, model_sha256: str, frontend_fingerprint: str) -> bool:
        """Whether it was made for this model and front end; SHA-256 in hexadecimal."""
        return model_sha256.startswith(self.model_sha256) and frontend_fingerprint.startswith(self.frontend_fingerprint)


def encode_calibration(
    calibration: Calibration, *, label_count: int, model_sha256: str, frontend_fingerprint: str, place: Place = PLACES[0]
) -> dict[int, bytes]:
    """Return the settings that hold a calibration for firmware with this model and front end, in the order in which they are to be written.

    Parameters
    ----------
    calibration
        Thresholds; rule and smoothing are those of the firmware.
    label_count, model_sha256, frontend_fingerprint
        Of the firmware, as its Hello tells them; SHA-256 in hexadecimal.
    place
        Where thresholds for each label go: not where those are that hold.

    Returns
    -------
    {key: value}; `CALIBRATION_KEY` comes last and puts the others in force.

    Raises
    ------
    InputError
        If a threshold is out of range, or there is not one for each label.
    """
    if calibration.class_thresholds and len(calibration.class_thresholds) != label_count:
        raise InputError(
            f"there are {len(calibration.class_thresholds)} thresholds for {label_count} labels", hint="one for each", where="class_thresholds"
        )
    wrong = [value for value in (calibration.class_thresholds or (calibration.detection_threshold,)) if not ALWAYS <= value <= NEVER]
    if wrong:
        raise InputError(
            f"the threshold is {wrong[0]}; {ALWAYS} to {NEVER} are possible",
            hint="it is compared with a mean of int8 scores",
            where="class_thresholds" if calibration.class_thresholds else "detection_threshold",
        )
    own = calibration_fingerprint(calibration, label_count=label_count, model_sha256=model_sha256, frontend_fingerprint=frontend_fingerprint)
    model, frontend, fingerprint = bytes.fromhex(model_sha256), bytes.fromhex(frontend_fingerprint)[:12], bytes.fromhex(own)
    smoothing_patches = calibration.smoothing_patches
    if not calibration.class_thresholds:
        threshold = calibration.detection_threshold
        return {CALIBRATION_KEY: _COMMON.pack(_COMMON_FORMAT, smoothing_patches, threshold, model[:16], frontend, fingerprint)}
    thresholds = calibration.class_thresholds
    parts = [_encode_part(thresholds[first : first + _PART_LABELS]) for first in range(0, label_count, _PART_LABELS)]
    record = _BY_LABEL.pack(_BY_LABEL_FORMAT, smoothing_patches, place, model[:12], zlib.crc32(b"".join(parts)), frontend, fingerprint)
    return {**dict(enumerate(parts, place)), CALIBRATION_KEY: record}


def decode_calibration(value: bytes) -> StoredCalibration | None:
    """Return what a stored value of `CALIBRATION_KEY` stands for, None if it has another format."""
    if len(value) != _COMMON.size:
        return None
    if value[0] == _COMMON_FORMAT:
        _, smoothing_patches, threshold, model, frontend, own = _COMMON.unpack(value)
        first_key, crc32 = None, 0
    elif value[0] == _BY_LABEL_FORMAT:
        _, smoothing_patches, first_key, model, crc32, frontend, own = _BY_LABEL.unpack(value)
        threshold = NEVER
    else:
        return None
    return StoredCalibration(
        threshold=threshold,
        first_key=first_key,
        crc32=crc32,
        smoothing_patches=smoothing_patches,
        model_sha256=model.hex(),
        frontend_fingerprint=frontend.hex(),
        fingerprint=own.hex(),
    )


def part_keys(first_key: int, label_count: int) -> range:
    """Return the keys of the settings with thresholds for so many labels."""
    return range(first_key, first_key + -(-label_count // _PART_LABELS))


def part_bytes(key: int, label_count: int) -> int:
    """Return how long the value of a key of `PART_KEYS` is with so many labels; 0: there is none."""
    labels = min(_PART_LABELS, max(0, label_count - (key - place_of(key)) * _PART_LABELS))
    return labels + -(-labels // 8)


def place_of(key: int) -> Place:
    """Return the place that a key of `PART_KEYS` belongs to."""
    return PLACES[0] if key < PLACES[1] else PLACES[1]


def decode_thresholds(stored: StoredCalibration, values: Mapping[int, bytes], *, label_count: int) -> tuple[int, ...] | None:
    """Return the thresholds of the labels from the settings that hold them, ``()`` where there is one for all.

    Parameters
    ----------
    stored
        What setting 1 says.
    values
        {key: value} of `part_keys`; more do no harm.
    label_count
        Number of labels.

    Returns
    -------
    None if they are not those that setting 1 was written for.
    """
    if stored.first_key is None:
        return ()
    if stored.first_key not in PLACES:
        return None
    keys = part_keys(stored.first_key, label_count)
    parts = [values.get(key, b"") for key in keys]
    if zlib.crc32(b"".join(parts)) != stored.crc32 or [len(part) for part in parts] != [part_bytes(key, label_count) for key in keys]:
        return None
    return tuple(threshold for part in parts for threshold in _decode_part(part))


def _encode_part(thresholds: tuple[int, ...]) -> bytes:
    is_never = np.array(thresholds) == NEVER
    return np.where(is_never, 0, thresholds).astype(np.int8).tobytes() + pack_labels(is_never)


def _decode_part(part: bytes) -> list[int]:
    labels = len(part) * 8 // 9
    is_never = unpack_labels(part[labels:], labels)
    return list(np.where(is_never, NEVER, np.frombuffer(part[:labels], np.int8).astype(np.int64)).tolist())
