"""What the flash tests share: a desk, an image, a progress that remembers, both programmers over fakes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from tinyaudio.bench.flash import FlashImage, FlashResult, Programmer, Segment, choose_probe, flash
from tinyaudio.bench.flash.fakes import FakeChip, FakeDesk, FakeOpenocd, FakeProbe, FakePyocd
from tinyaudio.bench.flash.openocd_programmer import OpenocdProgrammer
from tinyaudio.bench.flash.pyocd_programmer import PyocdProgrammer
from tinyaudio.core.board import Board, load_board
from tinyaudio.core.board import Probe as ProbeTable
from tinyaudio.core.canonical import sha256_bytes

LEFT, RIGHT = "003A00353133510F37363734", "0668FF555185754867213456"
FLASH = 0x0800_0000
SETTINGS = 0x081C_0000
PROGRAMMERS = ("pyocd", "openocd")


def board() -> Board:
    return load_board("stm32h7")


def probe_table() -> ProbeTable:
    table = board().probe
    assert isinstance(table, ProbeTable)
    return table


def random_bytes(count: int, *, seed: int = 1) -> bytes:
    return np.random.default_rng(seed).bytes(count)


#: Three segments: two share a flash word, the third begins in another sector and ends within a word.
IMAGE = FlashImage(
    elf_sha256=sha256_bytes(b"an ELF file"),
    segments=(
        Segment(address=FLASH, data=random_bytes(140_005)),
        Segment(address=FLASH + 140_012, data=random_bytes(300, seed=2)),
        Segment(address=FLASH + 0x10_0000, data=random_bytes(2_001, seed=3)),  # bank 2
    ),
)


@dataclass
class Recorder:
    """A `Progress` that remembers."""

    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    tasks: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def detail(self, text: str) -> None:
        pass

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    @contextlib.contextmanager
    def task(self, description: str) -> Iterator[Callable[[int, int], None]]:
        steps = self.tasks.setdefault(description, [])
        yield lambda done, total: steps.append((done, total))


def one_probe(**chip: object) -> FakeProbe:
    return FakeProbe(serial_number=LEFT, chip=FakeChip(table=probe_table(), **chip), port="/dev/ttyACM0")  # type: ignore[arg-type]


def programmer_of(name: str, desk: FakeDesk) -> Programmer:
    if name == "pyocd":
        return PyocdProgrammer(load=FakePyocd(desk).load, list_ports=desk.serial_ports)
    openocd = FakeOpenocd(desk)
    return OpenocdProgrammer(find=openocd.find, start=openocd.start, list_ports=desk.serial_ports)


def flash_on(
    programmer: Programmer,
    *,
    image: FlashImage = IMAGE,
    serial_number: str | None = None,
    progress: Recorder | None = None,
    force: bool = False,
    unique_id: str | None = None,
) -> FlashResult:
    probe = choose_probe(programmer, serial_number)
    return flash(image, board(), probe, programmer=programmer, progress=progress or Recorder(), force=force, unique_id=unique_id)


def holds_image(chip: FakeChip, image: FlashImage = IMAGE) -> bool:
    return all(chip.read(segment.address, len(segment.data)) == segment.data for segment in image.segments)
