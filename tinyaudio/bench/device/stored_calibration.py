"""A calibration that a device keeps: given to it whole, read back, taken back."""

from __future__ import annotations

import dataclasses

from tinyaudio.bench.device.conversation import Device
from tinyaudio.bench.device.settings import (
    CALIBRATION_KEY,
    PART_KEYS,
    PLACES,
    decode_calibration,
    decode_thresholds,
    encode_calibration,
    part_keys,
    place_of,
)
from tinyaudio.core.artifacts import Calibration
from tinyaudio.core.errors import DeviceError


def write_calibration(device: Device, calibration: Calibration, *, label_count: int, model_sha256: str, frontend_fingerprint: str) -> None:
    """Have the device keep a calibration; the one before holds until the new one is there whole.

    Parameters
    ----------
    device
        Connected.
    calibration
        Thresholds; rule and smoothing are those of the firmware.
    label_count, model_sha256, frontend_fingerprint
        Of the firmware, as its Hello tells them; SHA-256 in hexadecimal.

    Raises
    ------
    InputError
        If a threshold is out of range, or there is not one for each label.
    DeviceError
        If the device refuses, saying why, cannot store, or falls silent.
    """
    value = device.read_setting(CALIBRATION_KEY)
    held = None if value is None else decode_calibration(value)
    if held is None:  # one that is damaged could hold again half-way, when the same thresholds are written
        device.write_setting(CALIBRATION_KEY, b"")
    place = PLACES[1] if held is not None and held.first_key == PLACES[0] else PLACES[0]
    values = encode_calibration(
        calibration, label_count=label_count, model_sha256=model_sha256, frontend_fingerprint=frontend_fingerprint, place=place
    )
    for key, part in values.items():
        device.write_setting(key, part)
    _forget_parts(device, but=place if calibration.class_thresholds else None)


def forget_calibration(device: Device) -> None:
    """Have the device go by what was compiled in; raise `DeviceError` as `write_calibration`."""
    device.write_setting(CALIBRATION_KEY, b"")
    _forget_parts(device, but=None)


def read_calibration(device: Device, built_in: Calibration, *, label_count: int) -> Calibration | None:
    """Return the stored calibration that holds, None if none does.

    Parameters
    ----------
    device
        Connected.
    built_in
        What was compiled in: rule and smoothing.
    label_count
        Number of labels.

    Raises
    ------
    DeviceError
        If the device says that it goes by thresholds which are not there, or falls silent.
    """
    value = device.read_setting(CALIBRATION_KEY)
    stored = None if value is None else decode_calibration(value)
    if stored is None:
        return None
    keys = () if stored.first_key is None else part_keys(stored.first_key, label_count)
    parts = {key: device.read_setting(key) or b"" for key in keys}
    thresholds = decode_thresholds(stored, parts, label_count=label_count)
    if thresholds is None:
        raise DeviceError("goes by thresholds that its settings do not hold", hint="`tinyaudio calibrate --reset` takes them back", where="settings")
    return dataclasses.replace(built_in, detection_threshold=stored.threshold, class_thresholds=thresholds)


def _forget_parts(device: Device, *, but: int | None) -> None:
    for key in device.list_settings():
        if key in PART_KEYS and place_of(key) != but:
            device.write_setting(key, b"")
