"""esptool itself flashes a fake ESP32-S3 over a pseudo terminal, byte by byte in the true protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.flash_desks import Recorder
from tinyaudio.bench.flash.esptool_flashing import LOADER_LADDER, flash_through_loader
from tinyaudio.bench.flash.esptool_image import read_merged_image
from tinyaudio.bench.flash.esptool_ports import choose_loader_port, loader_ports
from tinyaudio.bench.flash.fakes.esp_port import FakeEspPort
from tinyaudio.bench.flash.fakes.esp_rom import ERASED, EspChip
from tinyaudio.bench.flash.image import FlashImage, Segment
from tinyaudio.bench.flash.roles import ProbeInfo
from tinyaudio.bench.transport import UsbSerialPort
from tinyaudio.core.board import Board, load_board
from tinyaudio.core.errors import BuildError, FlashError, InputError, ProbeError, WrongChipError

BOARD = load_board("esp32s3")
BOX = load_board("esp32s3_box_3")
BOX_CHIP: dict[str, Any] = {"flash_kib": 16_384, "psram_kib": 16_384}


def image(length_bytes: int = 150_000) -> FlashImage:
    """A merged image: half of it noise, with all that SLIP escapes, half of it empty."""
    noise = np.random.default_rng(length_bytes).integers(0, 256, length_bytes // 2, dtype=np.uint8).tobytes()
    content = (b"\xe9\x04\x02\x3f" + b"\xc0\xdb\xdc\xdd" * 64 + noise).ljust(length_bytes, b"\xff")
    return FlashImage(elf_sha256="ab" * 32, segments=(Segment(address=0, data=content),))


def probe_at(path: Path) -> ProbeInfo:
    return ProbeInfo(serial_number=str(path), product="serial port", port=str(path))


def held(chip: EspChip, written: FlashImage) -> bool:
    return chip.flash[: written.length_bytes] == written.segments[0].data


def test_a_whole_image_arrives_intact(tmp_path: Path) -> None:
    chip = EspChip()
    chip.flash[0x41_0000:0x41_0004] = b"kept"
    written, progress = image(), Recorder()
    with FakeEspPort(tmp_path / "port", chip) as port:
        result = flash_through_loader(written, BOARD, probe_at(port.path), progress=progress)
    assert held(chip, written)
    assert chip.flash[0x41_0000:0x41_0004] == b"kept"
    assert result.chip.unique_id == chip.mac
    assert (result.chip.device_id, result.chip.flash_size_kib, result.rung, result.attempts) == (9, 8_192, LOADER_LADDER[0].name, 1)
    assert result.image_sha256 == written.sha256
    assert port.baud_rates == [921_600]


@pytest.mark.parametrize("length_bytes", [4, 4_096, 4_097, 65_538])
def test_images_of_odd_lengths_arrive_intact(tmp_path: Path, length_bytes: int) -> None:
    chip, data = EspChip(), image(65_538).segments[0].data[:length_bytes]
    written = FlashImage(elf_sha256="", segments=(Segment(address=0, data=data),))
    with FakeEspPort(tmp_path / "port", chip) as port:
        flash_through_loader(written, BOARD, probe_at(port.path), progress=Recorder())
    assert held(chip, written)
    assert set(chip.flash[length_bytes + 4 : length_bytes + 100]) == {ERASED}


def test_a_chip_that_refuses_the_stub_is_flashed_by_its_own_loader(tmp_path: Path) -> None:
    chip, written = EspChip(takes_stub=False), image(20_000)
    with FakeEspPort(tmp_path / "port", chip) as port:
        result = flash_through_loader(written, BOARD, probe_at(port.path), progress=Recorder())
    assert held(chip, written)
    assert (result.rung, result.attempts) == (LOADER_LADDER[2].name, 3)


def test_a_line_that_is_too_slow_for_the_baud_rate_gets_a_slower_one(tmp_path: Path) -> None:
    chip, written = EspChip(), image()
    with FakeEspPort(tmp_path / "port", chip, highest_baud_rate=115_200) as port:
        result = flash_through_loader(written, BOARD, probe_at(port.path), progress=Recorder())
    assert held(chip, written)
    assert (result.rung, result.attempts) == (LOADER_LADDER[1].name, 2)


@pytest.mark.parametrize(
    ("board", "chip", "said"),
    [
        (BOARD, EspChip(chip_id=5), "it is an ESP32-C3 instead of an ESP32S3"),
        (BOX, EspChip(flash_kib=16_384), "it has no PSRAM, but the board esp32s3_box_3 has 16384 KiB"),
        (BOX, EspChip(flash_kib=16_384, psram_kib=2_048), "it has 2048 KiB of PSRAM, but the board esp32s3_box_3 has 16384 KiB"),
        (BOX, EspChip(flash_kib=4_096, psram_kib=16_384), "the chip has 4096 KiB of flash, the board esp32s3_box_3 16384"),
    ],
)
def test_another_chip_is_refused_and_not_written(tmp_path: Path, board: Board, chip: EspChip, said: str) -> None:
    with FakeEspPort(tmp_path / "port", chip) as port, pytest.raises(WrongChipError) as caught:
        flash_through_loader(image(), board, probe_at(port.path), progress=Recorder())
    assert said in caught.value.message
    assert "nothing was written" in caught.value.message
    assert set(chip.flash) == {ERASED}


def test_another_chip_of_the_same_kind_is_refused_where_it_matters_which(tmp_path: Path) -> None:
    chip = EspChip()
    with FakeEspPort(tmp_path / "port", chip) as port:
        with pytest.raises(WrongChipError, match="its MAC is 7cdfa1e0c0de instead of 7cdfa1e0c0df"):
            flash_through_loader(image(), BOARD, probe_at(port.path), progress=Recorder(), unique_id="7cdfa1e0c0df")
        assert set(chip.flash) == {ERASED}
        flash_through_loader(image(), BOARD, probe_at(port.path), progress=Recorder(), unique_id="7c:df:a1:e0:c0:de")
    assert held(chip, image())


def test_a_box_with_its_psram_is_flashed(tmp_path: Path) -> None:
    chip = EspChip(**BOX_CHIP)
    with FakeEspPort(tmp_path / "port", chip) as port:
        assert flash_through_loader(image(), BOX, probe_at(port.path), progress=Recorder()).chip.flash_size_kib == 16_384
    assert held(chip, image())


def test_a_port_that_vanishes_in_mid_write_and_comes_back_is_written_again(tmp_path: Path) -> None:
    chip, written = EspChip(), image()
    with FakeEspPort(tmp_path / "port", chip, vanishes_after_bytes=40_000) as port:
        result = flash_through_loader(written, BOARD, probe_at(port.path), progress=Recorder())
    assert held(chip, written)
    assert port.sessions == 2
    assert (result.rung, result.attempts) == (LOADER_LADDER[0].name, 2)


def test_a_port_that_vanishes_for_good_says_what_the_device_holds_and_the_same_command_mends_it(tmp_path: Path) -> None:
    chip, written = EspChip(), image()
    with FakeEspPort(tmp_path / "port", chip, vanishes_after_bytes=40_000, absent_seconds=float("inf")) as port, pytest.raises(FlashError) as caught:
        flash_through_loader(written, BOARD, probe_at(port.path), progress=Recorder(), reappears_seconds=0.2)
    assert "half an image" in caught.value.message
    assert "run the same command again" in caught.value.hint
    assert not held(chip, written)
    with FakeEspPort(tmp_path / "port", chip) as port:
        flash_through_loader(written, BOARD, probe_at(port.path), progress=Recorder())
    assert held(chip, written)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (EspChip(mac="7cdfa1e0ffff"), "its MAC is 7cdfa1e0ffff instead of 7cdfa1e0c0de"),
        (EspChip(chip_id=5), "it is an ESP32-C3 instead of an ESP32S3"),
    ],
)
def test_another_chip_that_comes_back_in_mid_write_is_not_written(tmp_path: Path, other: EspChip, said: str) -> None:
    chip, written = EspChip(), image()
    with FakeEspPort(tmp_path / "port", chip, vanishes_after_bytes=40_000, replaced_by=other) as port, pytest.raises(FlashError) as caught:
        flash_through_loader(written, BOARD, probe_at(port.path), progress=Recorder())
    assert said in caught.value.message
    assert "nothing was written to it; the chip that was there before, 7cdfa1e0c0de, holds half an image" in caught.value.message
    assert set(other.flash) == {ERASED}
    assert not held(chip, written)


def test_a_usb_port_that_goes_away_with_the_reset_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinyaudio.bench.flash.esptool_flashing.uses_usb_of_chip", lambda _: True)
    chip = EspChip()
    with FakeEspPort(tmp_path / "port", chip, reenumerates=True) as port:
        flash_through_loader(image(), BOARD, probe_at(port.path), progress=Recorder())
        assert port.path.exists()
        assert (port.sessions, chip.resets) == (2, 1)


def test_flash_that_does_not_keep_a_bit_is_found_by_the_chips_md5(tmp_path: Path) -> None:
    chip = EspChip(flips_a_bit_at=1_000)
    with FakeEspPort(tmp_path / "port", chip) as port, pytest.raises(FlashError) as caught:
        flash_through_loader(image(8_192), BOARD, probe_at(port.path), progress=Recorder())
    assert "MD5" in caught.value.message
    assert "half an image" in caught.value.message
    assert chip.resets == 0


def test_a_silent_port_is_given_up_after_every_rung(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinyaudio.bench.flash.esptool_flashing._CONNECT_ATTEMPTS", 1)
    controller, device = os.openpty()
    try:
        with pytest.raises(FlashError) as caught:
            flash_through_loader(image(), BOARD, probe_at(Path(os.ttyname(device))), progress=Recorder())
    finally:
        os.close(controller)
        os.close(device)
    assert all(rung.name in caught.value.message for rung in LOADER_LADDER)
    assert "hold BOOT" in caught.value.hint


def test_a_port_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match="did not come back") as caught:
        flash_through_loader(image(), BOARD, probe_at(tmp_path / "none"), progress=Recorder())
    assert caught.value.where == str(tmp_path / "none")


def test_a_port_without_rights_names_the_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system refuses it: root, as which tests may run, is refused nothing."""
    path = tmp_path / "port"
    path.touch()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("serial.Serial.open", refuse)
    with pytest.raises(ProbeError, match="no right to open the port") as caught:
        flash_through_loader(image(), BOARD, probe_at(path), progress=Recorder())
    assert f"usermod -aG {path.group()}" in caught.value.hint


@pytest.mark.parametrize(
    ("segments", "said"),
    [
        ((Segment(address=0x1000, data=b"\xe9"),), "does not begin with a boot loader at offset 0"),
        ((Segment(address=0, data=b"\x7fELF"),), "does not begin with a boot loader at offset 0"),
        ((Segment(address=0, data=b"\xe9" + bytes(0x41_0000)),), "would erase the region settings at 0x410000"),
    ],
)
def test_an_image_that_does_not_belong_there_never_reaches_the_port(tmp_path: Path, segments: tuple[Segment, ...], said: str) -> None:
    with pytest.raises(BuildError) as caught:
        flash_through_loader(FlashImage(elf_sha256="", segments=segments), BOARD, probe_at(tmp_path / "none"), progress=Recorder())
    assert said in caught.value.message


def test_a_board_with_a_debug_probe_is_not_flashed_through_esptool(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not flashed through esptool"):
        flash_through_loader(image(), load_board("stm32h7"), probe_at(tmp_path / "none"), progress=Recorder())


def test_the_merged_image_is_read_with_the_fingerprint_of_its_elf(tmp_path: Path) -> None:
    (tmp_path / "firmware.elf").write_bytes(b"elf")
    (tmp_path / "merged.bin").write_bytes(b"\xe9image")
    merged = read_merged_image(tmp_path / "merged.bin", elf=tmp_path / "firmware.elf")
    assert merged.segments == (Segment(address=0, data=b"\xe9image"),)
    (tmp_path / "merged.bin").write_bytes(b"")
    with pytest.raises(BuildError, match="empty"):
        read_merged_image(tmp_path / "merged.bin", elf=tmp_path / "firmware.elf")
    with pytest.raises(BuildError, match="cannot be read"):
        read_merged_image(tmp_path / "none.bin", elf=tmp_path / "firmware.elf")


def usb_port(device: str, vendor_id: int, product_id: int, serial_number: str = "") -> UsbSerialPort:
    return UsbSerialPort(device=device, serial_number=serial_number, vendor_id=vendor_id, product_id=product_id, product="")


OWN = usb_port("/dev/ttyACM0", 0x303A, 0x1001, "7C:DF:A1:E0:C0:DE")
BRIDGE = usb_port("/dev/ttyUSB0", 0x10C4, 0xEA60, "0001")
STLINK = usb_port("/dev/ttyACM1", 0x0483, 0x374E, "0034")


@contextmanager
def plugged_in(monkeypatch: pytest.MonkeyPatch, *ports: UsbSerialPort) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr("tinyaudio.bench.flash.esptool_ports.usb_serial_ports", lambda: ports)
        yield


def test_ports_of_chips_and_bridges_are_candidates_and_debug_probes_are_not() -> None:
    assert [probe.port for probe in loader_ports((OWN, BRIDGE, STLINK))] == ["/dev/ttyACM0", "/dev/ttyUSB0"]


def test_the_only_candidate_is_taken_and_of_two_none_is_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    with plugged_in(monkeypatch, STLINK, BRIDGE):
        assert choose_loader_port(None, None).port == "/dev/ttyUSB0"
    with plugged_in(monkeypatch, OWN, BRIDGE):
        with pytest.raises(ProbeError, match=r"2 serial ports may be the board's: 7C:DF:A1:E0:C0:DE .*/dev/ttyACM0.*; 0001"):
            choose_loader_port(None, None)
        assert choose_loader_port("7c:df:a1:e0:c0:de", None).port == "/dev/ttyACM0"
        assert choose_loader_port(None, "/dev/ttyUSB0").serial_number == "0001"
        with pytest.raises(InputError, match="is the port of 0001"):
            choose_loader_port("7C:DF:A1:E0:C0:DE", "/dev/ttyUSB0")
        with pytest.raises(ProbeError, match="no serial port has the serial number 9"):
            choose_loader_port("9", None)
    with plugged_in(monkeypatch, STLINK), pytest.raises(ProbeError, match="no serial port of a chip of Espressif"):
        choose_loader_port(None, None)


def test_nothing_of_esptool_reaches_the_terminal(tmp_path: Path) -> None:
    """In a process of its own: esptool's log is one for a process."""
    script = f"""
import json
from pathlib import Path
from tests.bench.test_flash_esptool import *
chip = EspChip()
with FakeEspPort(Path({str(tmp_path / "port")!r}), chip) as port:
    flash_through_loader(image(), BOARD, probe_at(port.path), progress=Recorder())
from esp_pylib.logger import EspLog
print(json.dumps([held(chip, image()), type(EspLog.instance).__name__]))
"""
    root = Path(__file__).resolve().parents[2]
    result = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [True, "EsptoolLogger"]
