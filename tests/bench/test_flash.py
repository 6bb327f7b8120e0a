"""Flashing against both fakes: the chip is checked before anything is written, faults end in one clear error, a retry mends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests.bench.flash_desks import (
    FLASH,
    IMAGE,
    LEFT,
    PROGRAMMERS,
    RIGHT,
    SETTINGS,
    Recorder,
    board,
    flash_on,
    holds_image,
    one_probe,
    probe_table,
    programmer_of,
    random_bytes,
)
from tinyaudio.bench.flash import FlashImage, Programmer, Segment, choose_probe, choose_programmer, flash
from tinyaudio.bench.flash.fakes import FakeChip, FakeDesk, FakeOpenocd, FakeProbe, FakePyocd
from tinyaudio.bench.flash.openocd_programmer import OpenocdProgrammer
from tinyaudio.bench.flash.pyocd_programmer import PyocdApi, PyocdProgrammer
from tinyaudio.core.board import load_board
from tinyaudio.core.errors import BuildError, FlashError, InputError, ProbeError, ToolError, WrongChipError

pytestmark = pytest.mark.parametrize("name", PROGRAMMERS)
ERASED = b"\xff"


def settings_of(chip: FakeChip) -> bytes:
    return chip.read(SETTINGS, 64)


def write_settings(chip: FakeChip) -> bytes:
    chip.halted = True
    stored = random_bytes(32, seed=9)
    chip.program_word(SETTINGS, stored)
    chip.halted = False
    return stored + ERASED * 32


def test_an_image_is_written_read_back_and_runs(name: str) -> None:
    probe = one_probe()
    stored = write_settings(probe.chip)
    progress = Recorder()
    result = flash_on(programmer_of(name, FakeDesk(probes=[probe])), progress=progress)
    assert holds_image(probe.chip)
    assert not probe.chip.halted
    assert settings_of(probe.chip) == stored
    assert probe.chip.read(FLASH + 140_005, 7) == ERASED * 7
    assert (result.board, result.programmer, result.serial_number, result.attempts) == ("stm32h7", name, LEFT, 1)
    assert (result.elf_sha256, result.image_sha256, result.rung) == (IMAGE.elf_sha256, IMAGE.sha256, "plain connect")
    assert (result.chip.device_id, result.chip.revision_id, result.chip.flash_size_kib) == (0x450, 0x2003, 2_048)
    assert result.chip.unique_id == probe.chip.unique_id.hex()
    written = progress.tasks["writing 142,306 bytes"]
    assert written[0][0] == 0
    assert written[-1][0] == written[-1][1] > 0
    assert [done for done, _ in written] == sorted(done for done, _ in written)
    assert progress.tasks["reading back"][-1] == (142_306, 142_306)
    assert progress.warnings == []


def test_flashing_again_writes_over_what_is_there(name: str) -> None:
    probe = one_probe()
    programmer = programmer_of(name, FakeDesk(probes=[probe]))
    other = FlashImage(elf_sha256="0" * 64, segments=(Segment(address=FLASH, data=random_bytes(99, seed=4)),))
    flash_on(programmer)
    flash_on(programmer, image=other)
    assert holds_image(probe.chip, other)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    ("chip", "said"),
    [
        ({"device_id": 0x483}, "device id 0x483 instead of 0x450"),
        ({"flash_size_kib": 1_024}, "1024 KiB of flash instead of 2048"),
        ({"device_id": 0x480, "flash_size_kib": 128}, "device id 0x480 instead of 0x450; 128 KiB of flash instead of 2048"),
        ({"unique_id": b"\xff" * 12}, "unique id ffffffffffffffffffffffff, which no chip has"),
    ],
)
def test_a_chip_of_another_kind_is_refused_whatever_is_forced(name: str, chip: dict[str, object], said: str, force: bool) -> None:
    probe = one_probe(**chip)
    before = bytes(probe.chip.flash)
    with pytest.raises(WrongChipError, match="nothing was written") as caught:
        flash_on(programmer_of(name, FakeDesk(probes=[probe])), force=force)
    assert said in caught.value.message
    assert "--force does not change this" in caught.value.hint
    assert bytes(probe.chip.flash) == before
    assert probe.chip.resets == 0, "a foreign board was disturbed"


@pytest.mark.parametrize("force", [False, True])
def test_a_chip_with_nothing_at_the_identity_register_is_not_written(name: str, force: bool) -> None:
    foreign = probe_table().model_copy(update={"idcode_address": 0xE004_2000})  # where an STM32F4 has it
    probe = FakeProbe(serial_number=LEFT, chip=FakeChip(table=foreign), port="/dev/ttyACM0")
    before = bytes(probe.chip.flash)
    with pytest.raises(FlashError, match="no way to reach the chip") as caught:
        flash_on(programmer_of(name, FakeDesk(probes=[probe])), force=force)
    assert "really that of --board" in caught.value.hint
    assert bytes(probe.chip.flash) == before


def test_a_wrong_chip_that_only_answers_under_reset_is_refused(name: str) -> None:
    probe = one_probe(device_id=0x483, needs_reset=True)
    with pytest.raises((WrongChipError, FlashError)) as caught:
        flash_on(programmer_of(name, FakeDesk(probes=[probe])), force=True)
    assert "0x483" in str(caught.value)
    assert set(probe.chip.flash) == {0xFF}


def test_another_chip_of_the_same_kind_is_refused_where_it_matters_which(name: str) -> None:
    probe = one_probe()
    programmer = programmer_of(name, FakeDesk(probes=[probe]))
    with pytest.raises(WrongChipError, match=f"unique id {probe.chip.unique_id.hex()} instead of 00112233445566778899aabb"):
        flash_on(programmer, unique_id="00112233445566778899aabb")
    assert set(probe.chip.flash) == {0xFF}
    flash_on(programmer, unique_id=probe.chip.unique_id.hex())
    assert holds_image(probe.chip)


def two_boards() -> FakeDesk:
    return FakeDesk(
        probes=[
            one_probe(),
            FakeProbe(serial_number=RIGHT, chip=FakeChip(table=probe_table(), unique_id=bytes(range(12))), board_name="", port="/dev/ttyACM1"),
        ]
    )


def test_with_two_boards_nothing_is_guessed(name: str) -> None:
    programmer = programmer_of(name, two_boards())
    with pytest.raises(ProbeError, match="2 debug probes are plugged in") as caught:
        choose_probe(programmer, None, name_slots=lambda serial_number: ["left"] if serial_number == LEFT else [])
    assert f"{LEFT} (" in caught.value.message
    assert "serial port /dev/ttyACM1" in caught.value.message
    assert "[slot left]" in caught.value.message
    assert ("NUCLEO-H743ZI2" in caught.value.message) == (name == "pyocd")
    assert "--serial-number" in caught.value.hint


def test_of_two_boards_the_one_with_the_serial_number_is_flashed(name: str) -> None:
    desk = two_boards()
    left, right = desk.probes
    result = flash_on(programmer_of(name, desk), serial_number=RIGHT.lower())
    assert (result.serial_number, result.chip.unique_id) == (RIGHT, bytes(range(12)).hex())
    assert holds_image(right.chip)
    assert set(left.chip.flash) == {0xFF}
    assert left.chip.resets == 0


def test_a_part_of_a_serial_number_is_not_enough(name: str) -> None:
    desk = two_boards()
    with pytest.raises((ProbeError, FlashError)) as caught:
        flash_on(programmer_of(name, desk), serial_number=RIGHT[:8])
    assert "plugged" in caught.value.message
    assert all(set(probe.chip.flash) == {0xFF} for probe in desk.probes)


@pytest.mark.parametrize("serial_number", ["", "12 34", "1; shutdown", "[exec rm]", "-f"])
def test_what_is_no_serial_number_reaches_no_programmer(name: str, serial_number: str) -> None:
    with pytest.raises(InputError, match="is no serial number"):
        choose_probe(programmer_of(name, two_boards()), serial_number)


@pytest.mark.parametrize("pulled_after_bytes", [0, 40_000, 140_320])
def test_a_cable_that_is_pulled_in_mid_write_is_told_and_the_same_command_mends_it(name: str, pulled_after_bytes: int) -> None:
    probe = one_probe()
    programmer = programmer_of(name, FakeDesk(probes=[probe]))
    stored = write_settings(probe.chip)
    flash_on(programmer, image=FlashImage(elf_sha256="0" * 64, segments=(Segment(address=FLASH, data=random_bytes(200_000, seed=5)),)))
    probe.pulled_after_bytes = pulled_after_bytes
    with pytest.raises(FlashError, match="was unplugged in the middle of writing: the device now holds half an image") as caught:
        flash_on(programmer)
    assert caught.value.hint == "plug it in and run the same command again; that mends it"
    assert probe.chip.torn_words
    probe.plugged = True
    flash_on(programmer)
    assert holds_image(probe.chip)
    assert not probe.chip.torn_words
    assert settings_of(probe.chip) == stored


def test_a_user_who_interrupts_in_mid_write_is_told_what_the_device_holds(name: str) -> None:
    class Impatient(Recorder):
        @contextlib.contextmanager
        def task(self, description: str) -> Iterator[Callable[[int, int], None]]:
            def interrupt(done: int, total: int) -> None:
                if description.startswith("writing") and done > total // 2:
                    raise KeyboardInterrupt

            yield interrupt

    probe = one_probe()
    programmer = programmer_of(name, FakeDesk(probes=[probe]))
    progress = Impatient()
    with pytest.raises(KeyboardInterrupt):
        flash_on(programmer, progress=progress)
    assert progress.warnings == ["interrupted in the middle of writing: the device now holds half an image; the same command again mends it"]
    flash_on(programmer)
    assert holds_image(probe.chip)


def test_a_cable_that_is_pulled_before_the_write_leaves_the_device_as_it_was(name: str) -> None:
    probe = one_probe()
    programmer = programmer_of(name, FakeDesk(probes=[probe]))
    chosen = choose_probe(programmer, None)
    probe.plugged = False
    with pytest.raises(ProbeError, match="was unplugged") as caught:
        flash(IMAGE, board(), chosen, programmer=programmer, progress=Recorder())
    assert "half an image" not in caught.value.message


def test_what_does_not_verify_is_written_again(name: str) -> None:
    probe = one_probe(flips_bits=1)
    progress = Recorder()
    result = flash_on(programmer_of(name, FakeDesk(probes=[probe])), progress=progress)
    assert (result.attempts, result.rung) == (2, "connect under reset")
    assert len(progress.warnings) == 1
    assert "verification failed: 1 of 140,005 bytes differ, the first at 0x08000005" in progress.warnings[0]
    assert holds_image(probe.chip)


@pytest.mark.parametrize(("force", "attempts"), [(False, 3), (True, 4)])
def test_what_never_verifies_is_given_up_after_every_rung(name: str, force: bool, attempts: int) -> None:
    probe = one_probe(flips_bits=10**9)
    progress = Recorder()
    with pytest.raises(FlashError, match="could not be written; the device now holds half an image") as caught:
        flash_on(programmer_of(name, FakeDesk(probes=[probe])), progress=progress, force=force)
    assert caught.value.message.count("verification failed") == attempts
    assert ("--force" in caught.value.hint) != force
    probe.chip.flips_bits = 0
    flash_on(programmer_of(name, FakeDesk(probes=[probe])))
    assert holds_image(probe.chip)


def test_firmware_that_sleeps_is_reached_under_reset(name: str) -> None:
    probe = one_probe(needs_reset=True)
    progress = Recorder()
    assert flash_on(programmer_of(name, FakeDesk(probes=[probe])), progress=progress).rung == "connect under reset"
    assert holds_image(probe.chip)
    assert [note.partition(", probe")[0] for note in progress.notes if ", probe" in note] == [
        f"{name}: plain connect",
        f"{name}: connect under reset",
    ]


def test_a_long_cable_is_served_by_a_slow_clock(name: str) -> None:
    probe = one_probe(needs_reset=True, fastest_clock_hz=1_000_000)
    assert flash_on(programmer_of(name, FakeDesk(probes=[probe]))).rung == "connect under reset, slow SWD clock"
    assert holds_image(probe.chip)


def test_a_chip_that_answers_to_nothing_is_given_up(name: str) -> None:
    probe = one_probe(fastest_clock_hz=1)
    with pytest.raises(FlashError, match=r"no way to reach the chip of stm32h7 \(plain connect: .*; connect under reset: .*slow SWD clock: "):
        flash_on(programmer_of(name, FakeDesk(probes=[probe])))


def test_all_is_erased_only_with_force(name: str) -> None:
    probe = one_probe()
    stored = write_settings(probe.chip)
    probe.chip.protected = True
    programmer = programmer_of(name, FakeDesk(probes=[probe]))
    with pytest.raises(FlashError, match="could not be written") as caught:
        flash_on(programmer)
    assert "--force adds a mass erase" in caught.value.hint
    assert settings_of(probe.chip) == stored
    progress = Recorder()
    result = flash_on(programmer, force=True, progress=progress)
    assert (result.attempts, result.rung) == (4, "mass erase under reset, slow SWD clock")
    assert any("stored settings are lost" in warning for warning in progress.warnings)
    assert holds_image(probe.chip)
    assert settings_of(probe.chip) == ERASED * 64


def test_force_alone_erases_no_settings(name: str) -> None:
    probe = one_probe()
    stored = write_settings(probe.chip)
    assert flash_on(programmer_of(name, FakeDesk(probes=[probe])), force=True).attempts == 1
    assert settings_of(probe.chip) == stored


@pytest.mark.parametrize(
    ("address", "length_bytes", "said"),
    [
        (SETTINGS + 32, 100, "0x081c0020 to 0x081c0083 would erase the region settings"),
        (SETTINGS - 10, 11, "0x081bfff6 to 0x081c0000 would erase the region settings"),
        (FLASH, 2_000_000, "would erase the region settings"),
        (0x0820_0000, 4, "0x08200000 to 0x08200003 is in no flash region"),
        (0x2000_0000, 4, "is in no flash region"),
    ],
)
def test_an_image_that_does_not_belong_there_never_reaches_the_probe(name: str, address: int, length_bytes: int, said: str) -> None:
    probe = one_probe()
    image = FlashImage(elf_sha256="0" * 64, segments=(Segment(address=address, data=b"\x01" * length_bytes),))
    with pytest.raises(BuildError) as caught:
        flash_on(programmer_of(name, FakeDesk(probes=[probe])), image=image, force=True)
    assert said in caught.value.message
    assert set(probe.chip.flash) == {0xFF}


def test_an_image_that_is_too_large_says_by_how_much(name: str) -> None:
    chip_board = board()
    regions = {key: region for key, region in chip_board.memory.regions.items() if region.kind != "settings"}
    small = chip_board.model_copy(update={"memory": chip_board.memory.model_copy(update={"regions": regions})})
    image = FlashImage(elf_sha256="0" * 64, segments=(Segment(address=FLASH, data=b"\x01" * (1_835_008 + 17)),))
    programmer = programmer_of(name, FakeDesk(probes=[one_probe()]))
    with pytest.raises(BuildError, match="is 17 bytes too large for the region flash"):
        flash(image, small, choose_probe(programmer, None), programmer=programmer, progress=Recorder())


def test_a_board_without_a_probe_is_not_flashed(name: str) -> None:
    programmer = programmer_of(name, FakeDesk(probes=[one_probe()]))
    with pytest.raises(InputError, match="mps2_an500 has nothing to flash"):
        flash(IMAGE, load_board("mps2_an500"), choose_probe(programmer, None), programmer=programmer, progress=Recorder())


def test_no_probe_is_one_clear_error(name: str) -> None:
    with pytest.raises(ProbeError, match="no debug probe") as caught:
        flash_on(programmer_of(name, FakeDesk(probes=[])))
    assert "plug the board in" in caught.value.hint


def test_a_probe_in_use_is_one_clear_error(name: str) -> None:
    probe = one_probe()
    probe.in_use = True
    progress = Recorder()
    with pytest.raises(ProbeError, match=f"the debug probe {LEFT} is in use by another program") as caught:
        flash_on(programmer_of(name, FakeDesk(probes=[probe])), progress=progress)
    assert "close the debugger" in caught.value.hint
    assert len(progress.notes) == 1, "no other rung can help"


@pytest.mark.parametrize("has_port", [True, False])
def test_a_probe_without_rights_gets_the_udev_rule(name: str, has_port: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    probe = one_probe()
    probe.denied = True
    probe.port = "/dev/ttyACM0" if has_port else ""
    with pytest.raises(ProbeError, match="you have no right to use the debug probe") as caught:
        flash_on(programmer_of(name, FakeDesk(probes=[probe])), serial_number=LEFT)
    assert "/etc/udev/rules.d/60-stlink.rules" in caught.value.hint


def test_a_programmer_of_another_name_is_refused(name: str) -> None:
    desk = FakeDesk(probes=[one_probe()])
    both = {key: programmer_of(key, desk) for key in PROGRAMMERS}
    assert choose_programmer(both, name, on_note=lambda _: None).name == name
    with pytest.raises(InputError, match="there is no programmer 'jlink'"):
        choose_programmer(both, "jlink", on_note=lambda _: None)


def test_openocd_serves_where_pyocd_cannot_be_used(name: str) -> None:
    desk = FakeDesk(probes=[one_probe()])
    openocd = programmer_of("openocd", desk)

    def missing() -> PyocdApi:
        raise ToolError("cannot be loaded: no module named pyocd", hint="pip install pyocd", where="pyocd")

    load = missing if name == "pyocd" else FakePyocd(desk, has_libusb=False).load
    notes: list[str] = []
    chosen = choose_programmer({"pyocd": PyocdProgrammer(load=load, list_ports=desk.serial_ports), "openocd": openocd}, None, on_note=notes.append)
    assert chosen is openocd
    assert notes[0].startswith("pyocd cannot be used: pyocd: ")

    absent = FakeOpenocd(desk, installed=False)
    neither: dict[str, Programmer] = {"pyocd": PyocdProgrammer(load=missing), "openocd": OpenocdProgrammer(find=absent.find, start=absent.start)}
    with pytest.raises(ToolError, match=r"no programmer can be used: pyocd: cannot be loaded.*; openocd: is not installed") as caught:
        choose_programmer(neither, None, on_note=notes.append)
    assert "install openocd" in caught.value.hint
