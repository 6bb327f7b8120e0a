"""The installed pyOCD and OpenOCD flash a chip that is modelled from its debug port on: pyOCD's own target, flash loader and
flash algorithm (which an emulated core runs), OpenOCD's own flash driver over a JTAG chain. No fake of either is involved.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bench.debug_port import DebugPort
from tests.bench.flash_desks import FLASH, LEFT, SETTINGS, Recorder, board, holds_image, probe_table, random_bytes
from tests.bench.modelled_probes import JtagChain, ModelledProbe
from tinyaudio.bench.flash import FlashImage, FlashResult, Programmer, Segment, choose_probe, flash
from tinyaudio.bench.flash.fakes import FakeChip
from tinyaudio.bench.flash.openocd_programmer import OpenocdProgrammer
from tinyaudio.bench.flash.pyocd_programmer import PyocdApi, PyocdProgrammer, load_pyocd
from tinyaudio.core.board import Board
from tinyaudio.core.errors import FlashError, WrongChipError

#: Small, since every bit goes through Python: both banks, two segments in one flash word, an end within a word.
IMAGE = FlashImage(
    elf_sha256="",
    segments=(
        Segment(address=FLASH, data=random_bytes(1_501)),
        Segment(address=FLASH + 1_516, data=random_bytes(300, seed=2)),
        Segment(address=FLASH + 0x10_0000, data=random_bytes(333, seed=3)),
    ),
)


class RealDesk:
    """A chip, and one of the two programs at its debug port."""

    def __init__(self, name: str, folder: Path, **chip: object) -> None:
        self.name = name
        self.chip = FakeChip(table=probe_table(), **chip)  # type: ignore[arg-type]
        self.port = DebugPort(self.chip)
        self.board: Board = board()
        self.progress = Recorder()
        self.stored = random_bytes(32, seed=9)
        self.chip.halted = True
        self.chip.program_word(SETTINGS, self.stored)
        self.chip.halted = False
        if name == "pyocd":
            self.probe = ModelledProbe(self.port, LEFT)
            self.programmer: Programmer = PyocdProgrammer(load=self._load, list_ports=tuple)
            return
        self.chain = JtagChain(self.port)
        interface = folder / "interface.cfg"
        # Without a work area in RAM, OpenOCD writes the flash word by word, so that no code of its own has to run beside it.
        interface.write_text(
            f"adapter driver remote_bitbang\nremote_bitbang host 127.0.0.1\nremote_bitbang port {self.chain.port_number}\n"
            "transport select jtag\nset WORKAREASIZE 0\n",
            encoding="utf-8",
        )
        table = probe_table().model_copy(update={"openocd_config": (str(interface), "target/stm32h7x_dual_bank.cfg")})
        self.board = self.board.model_copy(update={"probe": table})
        self.programmer = OpenocdProgrammer(list_ports=tuple)

    def _load(self) -> PyocdApi:
        return dataclasses.replace(load_pyocd(), get_all_connected_probes=lambda **_: [] if self.probe.unplugged else [self.probe])

    def pull_after_words(self, count: int) -> None:
        left = [count]

        def pull() -> None:
            left[0] -= 1
            if left[0] < 0:
                self.port.on_program = lambda: None
                self.chip.tear_word(FLASH + 32 * count)
                if self.name == "pyocd":
                    self.probe.unplugged = True
                else:
                    self.chain.hangs_up = True

        self.port.on_program = pull

    def plug_in(self) -> None:
        if self.name == "pyocd":
            self.probe.unplugged = False
        else:
            self.chain.hangs_up = False

    def flash(self, *, force: bool = False) -> FlashResult:
        probe = choose_probe(self.programmer, LEFT)
        return flash(IMAGE, self.board, probe, programmer=self.programmer, progress=self.progress, force=force)


needs_openocd = pytest.mark.skipif(shutil.which("openocd") is None, reason="OpenOCD is not installed")


@pytest.fixture(params=["pyocd", pytest.param("openocd", marks=needs_openocd)])
def plug(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., RealDesk]]:
    desks: list[RealDesk] = []

    def make(**chip: object) -> RealDesk:
        desks.append(RealDesk(request.param, tmp_path, **chip))
        return desks[-1]

    yield make
    for desk in desks:
        if desk.name == "openocd":
            desk.chain.close()


def test_an_image_is_written_read_back_and_runs(plug: Callable[..., RealDesk]) -> None:
    desk = plug()
    result = desk.flash()
    assert holds_image(desk.chip, IMAGE)
    assert (result.rung, result.attempts) == ("plain connect", 1)
    assert (result.chip.device_id, result.chip.revision_id, result.chip.flash_size_kib) == (0x450, 0x2003, 2_048)
    assert result.chip.unique_id == desk.chip.unique_id.hex()
    assert desk.chip.read(SETTINGS, 32) == desk.stored
    assert not desk.chip.halted
    assert desk.flash().attempts == 1, "what is there already is written over"


@pytest.mark.parametrize("asleep", [False, True])
def test_a_wrong_chip_is_refused(plug: Callable[..., RealDesk], asleep: bool) -> None:
    desk = plug(device_id=0x483, needs_reset=asleep)
    before = bytes(desk.chip.flash)
    with pytest.raises((WrongChipError, FlashError)) as caught:
        desk.flash(force=True)
    assert "0x483" in str(caught.value)
    assert bytes(desk.chip.flash) == before
    assert asleep or desk.chip.resets == 0, "a foreign board was disturbed"


def test_firmware_that_sleeps_is_reached_under_reset(plug: Callable[..., RealDesk]) -> None:
    desk = plug(needs_reset=True)
    assert desk.flash().rung == "connect under reset"
    assert holds_image(desk.chip, IMAGE)


@pytest.mark.parametrize("words", [0, 40])
def test_a_cable_that_is_pulled_in_mid_write_is_told_and_the_same_command_mends_it(plug: Callable[..., RealDesk], words: int) -> None:
    desk = plug()
    desk.flash()
    desk.pull_after_words(words)
    with pytest.raises(FlashError, match="the device now holds half an image"):
        desk.flash()
    assert desk.chip.torn_words == {FLASH + 32 * words}
    desk.plug_in()
    desk.flash()
    assert holds_image(desk.chip, IMAGE)
    assert desk.chip.read(SETTINGS, 32) == desk.stored


def test_what_does_not_verify_is_written_again(plug: Callable[..., RealDesk]) -> None:
    desk = plug()
    desk.chip.flips_bits = 1
    assert desk.flash().attempts == 2
    assert "verification failed: 1 of 1,501 bytes differ, the first at 0x08000005" in desk.progress.warnings[0]
    assert holds_image(desk.chip, IMAGE)


def test_a_flash_that_refuses_is_told(plug: Callable[..., RealDesk]) -> None:
    desk = plug()
    desk.chip.protected = True
    with pytest.raises(FlashError, match="could not be written") as caught:
        desk.flash()
    assert "--force" in caught.value.hint
    desk.chip.protected = False
    desk.flash()
    assert holds_image(desk.chip, IMAGE)


def test_with_force_all_is_erased_in_the_end(plug: Callable[..., RealDesk]) -> None:
    desk = plug()
    desk.chip.flips_bits = 10**9

    class Mending(Recorder):
        def warning(self, text: str) -> None:
            super().warning(text)
            if "stored settings are lost" in text:
                desk.chip.flips_bits = 0

    desk.progress = Mending()
    result = desk.flash(force=True)
    assert (result.attempts, result.rung) == (4, "mass erase under reset, slow SWD clock")
    assert holds_image(desk.chip, IMAGE)
    assert desk.chip.read(SETTINGS, 32) == b"\xff" * 32
