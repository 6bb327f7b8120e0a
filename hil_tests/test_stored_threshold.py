"""A threshold over the wire: it holds at once, outlives a reset, and where it is damaged the one compiled in holds, which the device says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hil_tests.rigs import CALIBRATION, Line, Rig
from hil_tests.test_live import heard, open_device
from hil_tests.test_power_loss import SectorImage
from tests.golden_fixture import SIGNALS
from tinyaudio.bench.device import CALIBRATION_KEY, Device, decode_calibration, forget_calibration, write_calibration
from tinyaudio.bench.emulation import qemu
from tinyaudio.core.decisions import calibration_fingerprint, decide, moving_sums, unpack_labels
from tinyaudio.wire.messages import CalibrationSource, CalibrationState, Detection, Log

ALWAYS, NEVER = -128, 128
PCM = heard(1.0)
DAMAGED = "the stored detection threshold is damaged: the one compiled in holds"
FOREIGN = "the stored detection threshold is for another model, front end or smoothing: the one compiled in holds"


def storage(rig: Rig, folder: Path) -> Path | None:
    """Return the file that keeps the settings, None where RAM does."""
    return folder / "settings.bin" if "settings" in rig.capabilities else None


def decided(device: Device, *, decide_by: CalibrationSource = CalibrationSource.STORED) -> tuple[Detection, ...]:
    return device.stream_clip(0, PCM, decide_by=decide_by).detections


def check_that_it_outlives_a_reset(rig: Rig, folder: Path) -> None:
    with rig.open_line(settings=storage(rig, folder)) as line, open_device(rig, line) as device:
        compiled = decided(device, decide_by=CalibrationSource.BUILT_IN)
        hello = device.connect()
        assert hello.calibration_state is CalibrationState.BUILT_IN
        assert hello.recording_calibration_fingerprint == hello.calibration_fingerprint
        assert decided(device) == compiled != ()
        for threshold in (NEVER, ALWAYS):
            device.write_setting(CALIBRATION_KEY, rig.stored(threshold))
            at_once = decided(device)
            assert bool(at_once) == (threshold == ALWAYS)
            assert decided(device, decide_by=CalibrationSource.BUILT_IN) == compiled
            device.request_reset()
            hello = device.connect()
            stored = decode_calibration(device.read_setting(CALIBRATION_KEY) or b"")
            assert stored is not None
            assert (stored.threshold, stored.smoothing_patches) == (threshold, CALIBRATION.smoothing_patches)
            assert hello.calibration_state is CalibrationState.STORED
            assert hello.recording_calibration_fingerprint.hex() == stored.fingerprint != hello.calibration_fingerprint.hex()
            assert decided(device) == at_once
        device.write_setting(CALIBRATION_KEY, b"")
        assert decided(device) == compiled
        device.request_reset()
        assert device.connect().calibration_state is CalibrationState.BUILT_IN
        assert decided(device) == compiled


@pytest.mark.needs("kept_over_reset")
def test_it_holds_at_once_and_behind_a_reset(rig: Rig, tmp_path: Path) -> None:
    check_that_it_outlives_a_reset(rig, tmp_path)


@pytest.mark.needs("settings")
def test_it_holds_at_once_and_behind_a_reset_where_a_power_loss_is_outlived_too(rig: Rig, tmp_path: Path) -> None:
    check_that_it_outlives_a_reset(rig, tmp_path)


def check_that_one_for_each_label_holds(rig: Rig, folder: Path) -> None:
    """Labels that are never told are not, the others are as the twin decides, at once and behind a reset; the next ones replace them."""
    model = rig.golden.model
    of_firmware = {"model_sha256": model.sha256, "frontend_fingerprint": rig.tables.fingerprint}
    labels = range(len(model.labels))
    name = next(name for name in SIGNALS if len(rig.golden.outputs[name]))
    pcm, outputs = rig.golden.pcm[name], rig.golden.outputs[name]
    best = int(moving_sums(outputs, smoothing_patches=CALIBRATION.smoothing_patches)[0][-1].argmax())
    with rig.open_line(settings=storage(rig, folder)) as line, open_device(rig, line) as device:
        for thresholds in (
            tuple(NEVER if label == best else ALWAYS for label in labels),
            tuple(ALWAYS if label == best else NEVER for label in labels),
        ):
            calibration = replace(CALIBRATION, class_thresholds=thresholds)
            write_calibration(device, calibration, label_count=len(labels), **of_firmware)
            at_once = device.stream_clip(0, pcm, decide_by=CalibrationSource.STORED)
            device.request_reset()
            hello = device.connect()
            assert hello.calibration_state is CalibrationState.STORED
            fingerprint = calibration_fingerprint(calibration, label_count=len(labels), **of_firmware)
            assert hello.recording_calibration_fingerprint.hex() == fingerprint
            told = device.stream_clip(0, pcm, decide_by=CalibrationSource.STORED)
            assert told.detections == at_once.detections
            expected = decide(outputs, calibration).detected
            assert [unpack_labels(patch.detected, len(labels)).tolist() for patch in told.patches] == expected.tolist()
            assert bool(expected[-1].any()) == (thresholds[best] == ALWAYS)
        forget_calibration(device)
        assert device.connect().calibration_state is CalibrationState.BUILT_IN


@pytest.mark.needs("kept_over_reset")
def test_each_label_can_have_its_own(rig: Rig, tmp_path: Path) -> None:
    check_that_one_for_each_label_holds(rig, tmp_path)


@pytest.mark.needs("settings")
def test_each_label_can_have_its_own_where_a_power_loss_is_outlived_too(rig: Rig, tmp_path: Path) -> None:
    check_that_one_for_each_label_holds(rig, tmp_path)


def session(rig: Rig, line: Line) -> tuple[Device, list[str]]:
    log: list[Log] = []
    device = open_device(rig, line, log.append)
    device.connect()
    decided(device)  # the log comes behind Hello
    return device, [entry.text for entry in log if entry.level.name == "WARNING"]


def check_that_the_built_in_one_holds(rig: Rig, line: Line, *, state: CalibrationState, said: str) -> None:
    device, log = session(rig, line)
    assert log == [said]
    hello = device.connect()
    assert hello.calibration_state is state
    assert hello.recording_calibration_fingerprint == hello.calibration_fingerprint
    assert device.read_setting(CALIBRATION_KEY) is None
    assert decided(device) == decided(device, decide_by=CalibrationSource.BUILT_IN) != ()
    device.write_setting(CALIBRATION_KEY, rig.stored(NEVER))  # and all is well again
    assert decided(device) == ()
    device.request_reset()
    device, log = session(rig, line)
    assert log == []
    assert decided(device) == ()


@pytest.mark.needs("firmware", "settings")
@pytest.mark.parametrize("writes", [1, 3])
def test_a_damaged_one_falls_back_to_the_built_in_one_and_says_so(rig: Rig, tmp_path: Path, writes: int) -> None:
    """Whether the record is in the part that the log began with or behind it, and whether or not there is an older one."""
    stored = tmp_path / "settings.bin"
    with rig.open_line(settings=stored) as line, open_device(rig, line) as device:
        device.write_setting(300, b"another")
        for count in range(writes):
            device.write_setting(CALIBRATION_KEY, rig.stored(NEVER if count % 2 == 0 else ALWAYS))
    content = bytearray(stored.read_bytes())
    place = content.rindex(rig.stored(NEVER if writes % 2 else ALWAYS))
    content[place + 2] ^= 0x04  # the threshold
    stored.write_bytes(content)
    with rig.open_line(settings=stored) as line:
        check_that_the_built_in_one_holds(rig, line, state=CalibrationState.CORRUPT, said=DAMAGED)
        assert open_device(rig, line).read_setting(300) == b"another"


@pytest.mark.needs("emulator", "kept_over_reset")
def test_damaged_ram_falls_back_to_the_built_in_one_and_says_so(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """QEMU's loader writes a byte at every reset: at power-on, which erases nothing, and later into the record that was stored."""
    usual = qemu._qemu_command
    region = rig.board.memory.regions["noinit"]
    place = region.origin + region.program_bytes + 8 + 2  # behind the sector's header and the record's: the threshold
    loader = ["-device", f"loader,addr={place:#x},data=0x11,data-len=1"]
    monkeypatch.setattr(qemu, "_qemu_command", lambda machine, elf: [*usual(machine, elf), *loader])
    with rig.open_line() as line:
        device, log = session(rig, line)
        assert log == []  # what RAM holds at power-on is no damage
        device.write_setting(CALIBRATION_KEY, rig.stored(NEVER))
        assert decided(device) == ()
        device.request_reset()
        device, log = session(rig, line)
        assert log == [DAMAGED]
        assert device.connect().calibration_state is CalibrationState.CORRUPT
        assert decided(device) == decided(device, decide_by=CalibrationSource.BUILT_IN) != ()


@pytest.mark.needs("firmware", "settings", "gaps")  # on a host, where it takes no time
@pytest.mark.parametrize("place", [0, 1, 4, 20], ids=["format", "smoothing", "model", "front end"])
def test_one_for_other_firmware_does_not_hold(rig: Rig, tmp_path: Path, place: int) -> None:
    other = bytearray(rig.stored(NEVER))
    other[place] ^= 0x40  # of the format: into none that there is
    stored = settings_image(rig, tmp_path / "settings.bin", {CALIBRATION_KEY: bytes(other)})
    with rig.open_line(settings=stored) as line:
        check_that_the_built_in_one_holds(rig, line, state=CalibrationState.FOREIGN, said=FOREIGN)


@pytest.mark.needs("firmware", "settings")
def test_a_bare_threshold_of_earlier_firmware_does_not_hold(rig: Rig, tmp_path: Path) -> None:
    stored = settings_image(rig, tmp_path / "settings.bin", {CALIBRATION_KEY: b"\x80\x00"})
    with rig.open_line(settings=stored) as line:
        check_that_the_built_in_one_holds(rig, line, state=CalibrationState.FOREIGN, said=FOREIGN)


def settings_image(rig: Rig, path: Path, values: dict[int, bytes]) -> Path:
    """Write what keeps the settings as the firmware would have left it."""
    regions = [region for region in rig.board.memory.regions.values() if region.kind == "settings"]
    sector_bytes, program_bytes = (regions[0].sector_bytes, regions[0].program_bytes) if regions else (4_096, 32)  # of firmware/ports/native
    image = SectorImage(sector_bytes=sector_bytes, program_bytes=program_bytes)
    for key, value in values.items():
        image.append(key, value)
    image.write(path, sectors=2)
    if not regions:
        path.write_bytes(path.read_bytes()[: 2 * sector_bytes])  # this file has no second part
    return path
