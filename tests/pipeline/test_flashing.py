"""From a build to a board that says that it runs it: what is chosen, what is refused before the build, and who answers at the end."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bench.flash_desks import LEFT, RIGHT, Recorder, one_probe, probe_table, programmer_of
from tests.pipeline.flash_line import FINGERPRINT, build_in, make_project, open_port_on, skip_building
from tinyaudio.bench.fake_device import FakeDevice
from tinyaudio.bench.flash import Programmer
from tinyaudio.bench.flash.fakes import FakeChip, FakeDesk, FakeProbe
from tinyaudio.bench.transport import LoopbackTransport
from tinyaudio.core.errors import BenchFileError, BuildError, DeviceError, IdentityError, InputError, ProbeError, WrongChipError
from tinyaudio.pipeline import Flashed, FlashRequest, flash_stage, flashing, open_line, slot_line
from tinyaudio.wire.messages import DeviceFault, FaultCode, Hello, Log, LogLevel, SettingsKeys

RIGHT_ID = bytes(range(12))


def same(hello: Hello) -> Hello:
    return hello


class Bench:
    """A project, a desk with one or two boards, and what was built for."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = make_project(directory)
        self.left = one_probe()
        self.right = FakeProbe(serial_number=RIGHT, chip=FakeChip(table=probe_table(), unique_id=RIGHT_ID), port="/dev/ttyACM1")
        self.desk = FakeDesk(probes=[self.left])
        self.built = skip_building(monkeypatch, build_in(directory))

    def plug_both(self) -> None:
        self.desk.probes = [self.left, self.right]

    def write_slots(self, text: str) -> None:
        (self.directory / "bench.toml").write_text(text, encoding="utf-8")

    def flash(self, name: str = "pyocd", *, spoil: Callable[[Hello], Hello] = same, **request: object) -> Flashed:
        programmers: dict[str, Programmer] = {name: programmer_of(name, self.desk)}
        line = open_line(self.directory, Recorder())
        return flash_stage(line, FlashRequest(**request), choose_from=programmers, open_port=open_port_on(self.desk, spoil=spoil))  # type: ignore[arg-type]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.chdir(tmp_path)
    return Bench(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["pyocd", "openocd"])
def test_the_board_says_that_it_runs_what_was_built(bench: Bench, name: str) -> None:
    flashed = bench.flash(name)
    facts = flashed.facts
    assert bench.built == ["stm32h7"]
    assert (facts["board"], facts["verified"], facts["port"], facts["programmer"]) == ("stm32h7", True, "/dev/ttyACM0", name)
    assert facts["elf_sha256"] == flashed.build.elf_sha256 == flashed.result.elf_sha256
    assert facts["hello"]["firmware_fingerprint"] == FINGERPRINT
    assert facts["hello"]["chip_id"] == facts["unique_id"] == facts["chip"]["unique_id"] == bench.left.chip.unique_id.hex()
    assert facts["chip"]["device_id"] == "0x450"
    assert [segment["address"] for segment in facts["segments"]] == ["0x08000000", "0x0800c360"]
    assert facts["image_sha256"] == flashed.result.image_sha256


def test_firmware_of_another_project_is_a_clear_error(bench: Bench) -> None:
    with pytest.raises(
        IdentityError, match=r"what answers at /dev/ttyACM0 is not what was written: .*firmware cdcdcdcdcdcd instead of abababababab"
    ) as caught:
        bench.flash(spoil=lambda hello: dataclasses.replace(hello, firmware_fingerprint=b"\xcd" * 32))
    assert "--port" in caught.value.hint


def test_a_board_of_another_kind_at_the_port_is_a_clear_error(bench: Bench) -> None:
    with pytest.raises(IdentityError, match="board esp32s3 instead of stm32h7"):
        bench.flash(spoil=lambda hello: dataclasses.replace(hello, board_id="esp32s3"))


def test_the_port_of_another_board_of_the_same_kind_is_a_clear_error(bench: Bench) -> None:
    bench.plug_both()
    bench.flash(serial_number=RIGHT)
    with pytest.raises(
        IdentityError, match=f"the chip {RIGHT_ID.hex()} answers at /dev/ttyACM1, but the chip {bench.left.chip.unique_id.hex()} was flashed"
    ):
        bench.flash(serial_number=LEFT, port="/dev/ttyACM1")


def test_a_device_that_does_not_answer_is_written_all_the_same(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    class Mute:
        def receive(self, data: bytes) -> None:
            pass

        def take_output(self) -> bytes:
            return b""

    monkeypatch.setattr(flashing, "_HELLO_SECONDS", 0.05)
    line = open_line(bench.directory, Recorder())
    with pytest.raises(DeviceError, match="the image is written and verified, but the device does not answer: ") as caught:
        flash_stage(
            line, FlashRequest(), choose_from={"pyocd": programmer_of("pyocd", bench.desk)}, open_port=lambda _port, _board: LoopbackTransport(Mute())
        )
    assert "is /dev/ttyACM0 the serial port of this board?" in caught.value.hint


@pytest.mark.parametrize("when", [Hello, SettingsKeys])  # together with the first answer, or just behind it
def test_a_model_that_does_not_start_is_not_told_to_run(bench: Bench, when: type) -> None:
    class Faulty(FakeDevice):
        def _handle(self, received: tuple[int, bytes]) -> None:
            super()._handle(received)
            if self._waiting and isinstance(self._waiting[-1], when):
                self._waiting.insert(
                    1 if when is Hello else 0, DeviceFault(code=FaultCode.SELF_CHECK, text="the model's arena of 4096 bytes is too small")
                )

    line = open_line(bench.directory, Recorder())
    programmers: dict[str, Programmer] = {"pyocd": programmer_of("pyocd", bench.desk)}
    with pytest.raises(DeviceError, match="the image is written and verified, but it does not work: self_check: the model's arena of 4096") as caught:
        flash_stage(line, FlashRequest(), choose_from=programmers, open_port=open_port_on(bench.desk, device=Faulty))
    assert "the model needs more memory" in caught.value.hint


def test_a_slot_names_probe_port_and_chip(bench: Bench) -> None:
    bench.plug_both()
    bench.write_slots(f'[slots.window]\nboard = "stm32h7"\nserial_number = "{RIGHT}"\nport = "/dev/ttyACM1"\nunique_id = "{RIGHT_ID.hex()}"\n')
    flashed = bench.flash(slot="window")
    assert (flashed.result.serial_number, flashed.port) == (RIGHT, "/dev/ttyACM1")
    assert set(bench.left.chip.flash) == {0xFF}


def test_another_chip_in_a_slot_is_refused_however_the_probe_was_chosen(bench: Bench) -> None:
    bench.write_slots(f'[slots.desk]\nboard = "stm32h7"\nserial_number = "{LEFT}"\nunique_id = "00112233445566778899aabb"\n')
    requests: tuple[dict[str, Any], ...] = ({"slot": "desk"}, {"serial_number": LEFT}, {})
    for request in requests:
        with pytest.raises(WrongChipError, match="instead of 00112233445566778899aabb"):
            bench.flash(**request)
    assert set(bench.left.chip.flash) == {0xFF}


@pytest.mark.parametrize("request_", [{"slot": "desk", "board_id": "stm32h7"}, {"serial_number": LEFT}, {}])
def test_a_probe_that_bench_toml_gives_to_another_board_is_refused_before_the_build(bench: Bench, request_: dict[str, Any]) -> None:
    bench.write_slots(f'[slots.desk]\nboard = "nucleo_h753zi"\nserial_number = "{LEFT}"\n')
    with pytest.raises(InputError, match=r"slot desk of .*bench\.toml holds a board nucleo_h753zi, not stm32h7"):
        bench.flash(**request_)
    assert bench.built == []


def test_a_slot_says_which_board_and_binds_the_probe_of_another_one_to_it(bench: Bench) -> None:
    bench.left.board_name, bench.left.board_mcu = "NUCLEO-H753ZI", "stm32h753zitx"
    with pytest.raises(WrongChipError, match="sits on a NUCLEO-H753ZI"):
        bench.flash()
    assert bench.built == []
    bench.write_slots(f'[slots.desk]\nboard = "stm32h7"\nserial_number = "{LEFT}"\n')
    assert bench.flash(slot="desk").result.board == "stm32h7"


@pytest.mark.parametrize(
    ("request_", "kind", "said"),
    [
        ({"slot": "window", "serial_number": LEFT}, InputError, "--slot and --serial-number both choose a probe"),
        ({"slot": "window"}, BenchFileError, "there is no slot 'window'"),
        ({"serial_number": RIGHT}, ProbeError, f"the debug probe {RIGHT} is not plugged in"),
        ({"board_id": "native"}, InputError, "native has nothing to flash"),
        ({"programmer": "jlink"}, InputError, "there is no programmer 'jlink'"),
    ],
)
def test_what_cannot_end_well_is_refused_before_the_build(bench: Bench, request_: dict[str, Any], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        bench.flash(**request_)
    assert bench.built == []


def test_a_probe_without_a_serial_port_needs_one_named(bench: Bench) -> None:
    bench.left.port = ""
    with pytest.raises(InputError, match="has no serial port, so the device could not be asked") as caught:
        bench.flash()
    assert "--port" in caught.value.hint
    assert bench.built == []


def test_an_image_over_its_budget_is_not_written(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_building(monkeypatch, build_in(bench.directory, budget_problems=("flash: 3 bytes used, 1 more than the budget of stm32h7 (2)",)))
    with pytest.raises(BuildError, match=r"breaks the budget of stm32h7: flash: 3 bytes used.*; nothing was written"):
        bench.flash()
    assert set(bench.left.chip.flash) == {0xFF}


def test_a_slot_gives_board_and_port_to_others(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flashing, "usb_serial_ports", bench.desk.serial_ports)
    bench.write_slots(
        f'[slots.desk]\nboard = "stm32h7"\nserial_number = "{LEFT.lower()}"\n'
        f'[slots.window]\nboard = "stm32h7"\nserial_number = "{RIGHT}"\nport = "socket://lab:5000"\n'
    )
    line = open_line(bench.directory, Recorder())
    nothing = {"board_id": None, "depth": None, "port": None}
    assert slot_line(line, "desk", **nothing) == ("stm32h7", "serial", "/dev/ttyACM0")
    assert slot_line(line, "window", **nothing) == ("stm32h7", "serial", "socket://lab:5000")
    assert slot_line(line, "window", board_id="stm32h7", depth="serial", port="socket://lab:5000")[2] == "socket://lab:5000"
    for option, asked in (("board_id", "native"), ("depth", "virtual"), ("port", "/dev/ttyACM9")):
        with pytest.raises(InputError, match=f"says {asked}"):
            slot_line(line, "window", **nothing | {option: asked})
    bench.left.plugged = False
    with pytest.raises(ProbeError, match="no serial port of the debug probe") as caught:
        slot_line(line, "desk", **nothing)
    assert caught.value.where == "--slot desk"


def test_a_firmware_that_faults_at_every_start_is_told_with_the_place_and_not_as_a_wrong_port(bench: Bench) -> None:
    class Faulting(FakeDevice):
        def _handle(self, received: tuple[int, bytes]) -> None:
            super()._handle(received)
            if self._waiting and isinstance(self._waiting[-1], Hello):
                text = "faults at every start: this firmware only tells of them until it is reset"
                self._waiting.extend([Log(level=LogLevel.ERROR, text="fault at pc=0x08001234"), DeviceFault(code=FaultCode.SELF_CHECK, text=text)])

    progress = Recorder()
    line = open_line(bench.directory, progress)
    programmers: dict[str, Programmer] = {"pyocd": programmer_of("pyocd", bench.desk)}
    said = r"it does not work: self_check: faults at every start.*; its log: fault at pc=0x08001234"
    with pytest.raises(DeviceError, match=said) as caught:
        flash_stage(line, FlashRequest(), choose_from=programmers, open_port=open_port_on(bench.desk, device=Faulting))
    assert "addr2line" in caught.value.hint
    assert "--port" not in caught.value.hint
    assert "the device: error: fault at pc=0x08001234" in progress.warnings
