"""The image that is flashed, on an emulated chip that loses power at every flash step of a write: old or new, all else stays."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from hil_tests.rigs import Rig
from hil_tests.test_live import open_device
from tinyaudio.bench.device import CALIBRATION_KEY
from tinyaudio.core.errors import DeviceError, TransportError

OLD = {256: b"old", 300: bytes(range(64)), 301: b"stays"}
NEW = b"the new value, longer than one flash word holds of it"
FILLER_KEY = 400


def old(rig: Rig) -> dict[int, bytes]:
    """Return the settings before the write: a calibration, and others."""
    return {CALIBRATION_KEY: rig.stored(7), **OLD}


class SectorImage:
    """A settings sector as firmware/lib/tinyaudio_settings lays it out, generation 1, begun with no record copied."""

    def __init__(self, *, sector_bytes: int, program_bytes: int) -> None:
        self._sector_bytes = sector_bytes
        self._program_bytes = program_bytes
        fields = struct.pack("<IIIII", 0x53415454, 1, 1, self._padded(24), 0)
        self._content = self._pad(fields + struct.pack("<I", zlib.crc32(fields)))
        self.append(0xFFFF, struct.pack("<I", 1))

    @property
    def room_bytes(self) -> int:
        return self._sector_bytes - len(self._content)

    def append(self, key: int, value: bytes) -> None:
        start = struct.pack("<HH", key, len(value))
        crc32 = zlib.crc32(struct.pack("<II", 1, len(self._content)) + start + value)
        self._content += self._pad(start + struct.pack("<I", crc32) + value)

    def write(self, path: Path, *, sectors: int) -> None:
        """Write the file that keeps the emulated sectors: their content, then for each flash word whether it is programmed."""
        content = self._content.ljust(sectors * self._sector_bytes, b"\xff")
        programmed = len(self._content) // self._program_bytes
        path.write_bytes(content + (b"\1" * programmed).ljust(len(content) // self._program_bytes, b"\0"))

    def _padded(self, count: int) -> int:
        return -(-count // self._program_bytes) * self._program_bytes

    def _pad(self, data: bytes) -> bytes:
        return data.ljust(self._padded(len(data)), b"\xff")


def stored_settings(rig: Rig, path: Path, *, room_words: int | None) -> Path:
    """Write a settings file with `old` in it, and beyond that filled up but for `room_words` flash words; None: not filled up."""
    (region,) = (region for region in rig.board.memory.regions.values() if region.kind == "settings")
    assert region.sector_bytes
    assert region.program_bytes
    image = SectorImage(sector_bytes=region.sector_bytes, program_bytes=region.program_bytes)
    for key, value in old(rig).items():
        image.append(key, value)
    while room_words is not None and image.room_bytes > room_words * region.program_bytes:
        image.append(FILLER_KEY, b"x")
    image.write(path, sectors=region.length_bytes // region.sector_bytes)
    return path


def write_until_power_is_lost(rig: Rig, settings: Path, step: int) -> bool:
    """Write the new value; return whether the device could answer before its power was lost at a step."""
    with rig.open_line(settings=settings, power_loss_at=step) as line, open_device(rig, line) as device:
        try:
            device.write_setting(256, NEW)
        except (TransportError, DeviceError):
            assert f"power lost at flash step {step}:" in (line.board.exit_reason() if line.board else "")
            return False
        return True


def check_settings(rig: Rig, settings: Path) -> bytes | None:
    """Start again; all other settings must be as before. Return what is stored under the key that was written; write it again."""
    with rig.open_line(settings=settings) as line, open_device(rig, line) as device:
        found = device.read_setting(256)
        for key, value in old(rig).items():
            assert key == 256 or device.read_setting(key) == value
        assert [key for key in device.list_settings() if key != FILLER_KEY] == sorted(old(rig))
        device.write_setting(256, NEW)
    with rig.open_line(settings=settings) as line, open_device(rig, line) as device:
        assert device.read_setting(256) == NEW
        assert all(key == 256 or device.read_setting(key) == value for key, value in old(rig).items())
    return found


@pytest.mark.needs("power_loss")
@pytest.mark.parametrize(("room_words", "steps"), [(None, range(2, 8)), (4, range(6, 24))], ids=["append", "copy to the other sector"])
def test_power_is_lost_at_the_flash_steps_of_a_write(rig: Rig, tmp_path: Path, every_flash_step: bool, room_words: int | None, steps: range) -> None:
    found = []
    stride = 1 if every_flash_step or room_words is None else 4
    for step in range(1, steps.stop, stride):
        settings = stored_settings(rig, tmp_path / f"settings-{step}.bin", room_words=room_words)
        is_answered = write_until_power_is_lost(rig, settings, step)
        found.append(check_settings(rig, settings))
        assert found[-1] in (OLD[256], NEW)
        if is_answered:
            assert found[-1] == NEW
            assert step in steps, "so many flash steps the write must have"
            break
    else:
        pytest.fail("the write has more flash steps than were tried")
    assert found == sorted(found, key=lambda value: value == NEW), "from some step on the new value must be there"
    assert OLD[256] in found
