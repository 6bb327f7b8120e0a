"""A threshold for each label in the settings: encoded, decoded, given to a device whole or not at all, taken back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.test_device_live import CALIBRATION, LONG_PCM, SHA256, fake, open_device, prove
from tests.bench.test_fake_device import TABLES
from tinyaudio.bench.device import (
    CALIBRATION_KEY,
    PLACES,
    Device,
    decode_calibration,
    decode_thresholds,
    encode_calibration,
    forget_calibration,
    read_calibration,
    write_calibration,
)
from tinyaudio.core.artifacts import Calibration
from tinyaudio.core.decisions import calibration_fingerprint
from tinyaudio.core.errors import DeviceError, InputError
from tinyaudio.wire.messages import CalibrationSource, CalibrationState, SettingsKeys

OF_FIRMWARE: dict[str, Any] = {"model_sha256": SHA256, "frontend_fingerprint": TABLES.fingerprint}
OLD, NEW = ((-128, -128, 128), (128, 3, -128))


def by_label(thresholds: tuple[int, ...]) -> Calibration:
    return dataclasses.replace(CALIBRATION, class_thresholds=thresholds)


def settings_of(calibration: Calibration) -> dict[int, bytes]:
    return encode_calibration(calibration, label_count=len(calibration.class_thresholds) or 3, **OF_FIRMWARE)


def give(device: Device, calibration: Calibration) -> None:
    write_calibration(device, calibration, label_count=3, **OF_FIRMWARE)


def fingerprint_of(calibration: Calibration) -> str:
    return calibration_fingerprint(calibration, label_count=3, **OF_FIRMWARE)


@given(st.lists(st.integers(-128, 128), min_size=1, max_size=1_024).map(tuple))
def test_thresholds_come_back(thresholds: tuple[int, ...]) -> None:
    values = settings_of(by_label(thresholds))
    stored = decode_calibration(values[CALIBRATION_KEY])
    assert stored is not None
    assert decode_thresholds(stored, values, label_count=len(thresholds)) == thresholds


@pytest.mark.parametrize("label_count", [1, 55, 56, 57, 521, 1_024])
def test_they_fit_and_leave_room_for_other_settings(label_count: int) -> None:
    values = encode_calibration(by_label((128,) * label_count), label_count=label_count, place=PLACES[1], **OF_FIRMWARE)
    assert all(len(value) <= 64 for value in values.values())
    assert list(values)[-1] == CALIBRATION_KEY
    assert max(values) < 40
    assert 2 * (len(values) - 1) + 1 + 20 <= SettingsKeys.MAX_KEYS


def test_what_is_damaged_does_not_come_back() -> None:
    values = settings_of(by_label(tuple(range(-60, 60))))
    stored = decode_calibration(values[CALIBRATION_KEY])
    assert stored is not None
    parts = sorted(set(values) - {CALIBRATION_KEY})
    assert len(parts) == 3
    for key in parts:
        flipped = bytes([values[key][0] ^ 1]) + values[key][1:]
        for spoiled in ({**values, key: flipped}, {**values, key: values[key][:-1]}, {other: values[other] for other in values if other != key}):
            assert decode_thresholds(stored, spoiled, label_count=120) is None
    assert decode_thresholds(stored, values, label_count=119) is None
    assert decode_thresholds(dataclasses.replace(stored, first_key=3), values, label_count=120) is None


def test_each_label_has_its_own_until_they_are_taken_back() -> None:
    settings: dict[int, bytes] = {300: b"another"}
    device = open_device(fake(settings=settings))
    ever: set[int] = set()
    for thresholds in (OLD, NEW, OLD):
        give(device, by_label(thresholds))
        assert read_calibration(device, CALIBRATION, label_count=3) == dataclasses.replace(
            CALIBRATION, detection_threshold=128, class_thresholds=thresholds
        )
        assert len(settings) == 3  # those before are forgotten
        report = prove(fake(settings=settings))
        assert report.is_exact, report.mismatches
        assert report.calibration.class_thresholds == thresholds
        assert device.connect().recording_calibration_fingerprint.hex() == fingerprint_of(by_label(thresholds))
        detected = {item.label_index for item in device.stream_clip(0, LONG_PCM, decide_by=CalibrationSource.STORED).detections}
        ever |= detected
        assert not [label for label in detected if thresholds[label] == 128]
    assert ever
    give(device, CALIBRATION)  # one for all
    assert set(settings) == {CALIBRATION_KEY, 300}
    assert read_calibration(device, CALIBRATION, label_count=3) == CALIBRATION
    give(device, by_label(NEW))
    forget_calibration(device)
    assert settings == {300: b"another"}
    assert read_calibration(device, CALIBRATION, label_count=3) is None


def writes_of(change: Callable[[Device], None], settings: dict[int, bytes]) -> list[tuple[int, bytes]]:
    """Return what `change` has a device with `settings` write, in order."""
    device = open_device(fake(settings=dict(settings)))
    written: list[tuple[int, bytes]] = []
    write = device.write_setting

    def recorded(key: int, value: bytes, **options: Any) -> None:
        written.append((key, value))
        write(key, value, **options)

    device.write_setting = recorded  # type: ignore[method-assign]
    change(device)
    return written


@pytest.mark.parametrize("before", [CALIBRATION, by_label(OLD)], ids=["one for all", "one each"])
@pytest.mark.parametrize("after", [CALIBRATION, by_label(NEW), None], ids=["one for all", "one each", "none"])
def test_power_may_fail_between_any_two_writes(before: Calibration, after: Calibration | None) -> None:
    settings: dict[int, bytes] = {}
    give(open_device(fake(settings=settings)), before)
    writes = writes_of(forget_calibration if after is None else lambda device: give(device, after), settings)
    held = []
    for count in range(len(writes) + 1):
        kept = dict(settings)
        device = open_device(fake(settings=kept))
        for key, value in writes[:count]:
            device.write_setting(key, value)
        hello = open_device(fake(settings=kept)).connect()
        assert hello.calibration_state in (CalibrationState.STORED, CalibrationState.BUILT_IN)
        held.append(hello.recording_calibration_fingerprint.hex())
    new = open_device(fake()).connect().calibration_fingerprint.hex() if after is None else fingerprint_of(after)
    first = held.index(new)
    assert held[:first] == [fingerprint_of(before)] * first
    assert held[first:] == [new] * (len(held) - first)


def test_those_that_hold_are_not_written_and_a_stray_commit_is_refused() -> None:
    settings: dict[int, bytes] = {}
    device = open_device(fake(settings=settings))
    values = settings_of(by_label(OLD))
    with pytest.raises(DeviceError, match="did not store setting 1"):
        device.write_setting(CALIBRATION_KEY, values[CALIBRATION_KEY])  # its thresholds are not there
    give(device, by_label(OLD))
    for value in (values[2], b"", b"\x00"):
        with pytest.raises(DeviceError, match="did not store setting 2"):
            device.write_setting(2, value)
    for key, value in ((21, b"\x00" * 5), (22, values[2]), (40, b"x")):
        with pytest.raises(DeviceError, match=f"did not store setting {key}"):
            device.write_setting(key, value)
    assert settings == values


def test_damage_to_one_makes_the_built_in_one_hold() -> None:
    settings = settings_of(by_label(OLD))
    settings[2] = bytes(4)
    report = prove(fake(settings=settings))
    assert report.is_exact, report.mismatches
    assert report.identity.calibration_state == "corrupt"
    assert report.calibration == CALIBRATION
    for calibration in (by_label(OLD), by_label(NEW)):
        device = open_device(fake(settings=dict(settings)))
        give(device, calibration)
        assert device.connect().recording_calibration_fingerprint.hex() == fingerprint_of(calibration)


def test_what_cannot_be_a_calibration_is_refused() -> None:
    with pytest.raises(InputError, match="2 thresholds for 3 labels"):
        encode_calibration(by_label((1, 2)), label_count=3, **OF_FIRMWARE)
    with pytest.raises(InputError, match="threshold is -129"):
        settings_of(by_label((1, -129, 2)))
