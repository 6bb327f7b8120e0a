"""Firmware: its text, what lies where in it, and what a build makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

#: What firmware without a model, made to measure a front end, reports in place of the model file's SHA-256.
NO_MODEL_SHA256 = "0" * 64

Runtime = Literal["aot", "tflm"]
#: Kernels of a runtime: the fast ones (Armv7E-M assembly, CMSIS-NN, ESP-NN) or the plain ones they are compared with.
KernelChoice = Literal["optimized", "reference", "vendor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedItem:
    """One kind of content of an image, and the memory it goes to."""

    name: str  # "arena of the model"
    sections: tuple[str, ...]  # of the linked image that hold it
    region: str  # of board.memory.regions
    bytes: int  # in a plan: set aside, 0 where only the linker knows; of a linked image: measured
    reason: str  # why there, in one sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What lies where and why, the most important first."""

    items: tuple[PlacedItem, ...]

    def item(self, section: str) -> PlacedItem | None:
        """Return the item that the section `section` holds, if there is one."""
        return next((item for item in self.items if section in item.sections), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredArena:
    """How much memory a model needs on TFLite Micro, as a target has told."""

    used_bytes: int  # as the interpreter says
    arena_bytes: int  # what it is given
    measured_on: str  # "mps2_an500, virtual"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareProject:
    """A rendered PlatformIO project: text only, the same bytes for the same inputs."""

    board: str
    runtime: str
    files: dict[str, str]  # relative POSIX path -> text
    fingerprint: str  # compiled in and reported in Hello
    frontend_fingerprint: str
    model_sha256: str
    placement: Placement | None = None  # None: the host's linker places everything
    arena_bytes: int = 0  # of the model
    arena_used_bytes: int | None = None  # of it; None: `arena_bytes` is an estimate that no target has measured yet


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionUse:
    """Bytes used in one memory region."""

    used_bytes: int
    length_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StackUse:
    """How deep the stack can get, as far as the compiler's call graph tells."""

    worst_case_bytes: int  # the program and every interrupt on top of it
    program_bytes: int  # from reset
    interrupt_bytes: int  # all handlers nested once, with what the processor pushes for each
    reserved_bytes: int  # what the linker script sets aside
    deepest: tuple[str, ...]  # functions of the program's deepest path, outermost first
    assumptions: tuple[str, ...]  # what the compiler does not tell, and what was counted in its place; one sentence each


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedComponent:
    """Software that the linker took something of."""

    name: str  # "CMSIS-DSP"
    version: str  # "" if it is not told
    licence: str  # SPDX expression
    bytes: int  # of it in the image


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """A file that a build made."""

    path: str  # not part of any fingerprint
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildArtifact:
    """A linked image and its sizes."""

    board: str
    runtime: str
    elf: str  # path; not part of any fingerprint
    elf_sha256: str
    firmware_fingerprint: str
    flash_bytes: int  # vectors, code, constants and the initial values of .data
    ram_bytes: int  # data in all RAM regions, the reserved stack included
    regions: dict[str, RegionUse]
    budget_problems: tuple[str, ...]  # empty if the image fits the board's budget and its worst-case stack what is reserved
    toolchain: str  # compiler and version
    seconds: float
    frontend_fingerprint: str = ""
    model_sha256: str = ""
    placement: Placement | None = None  # measured; None: the host's linker placed everything
    stack: StackUse | None = None  # None: the stack is the host's affair
    components: tuple[LinkedComponent, ...] = ()  # what is linked, by name
    files: dict[str, OutputFile] = field(default_factory=dict)  # "elf", "bin", "hex", "map" -> file
    flags: tuple[str, ...] = ()  # of the C++ compiler
    model_kernels: str = ""  # whose kernels compute the model, and which version; "": those of tinyaudio
    arena_bytes: int = 0  # of the model
    arena_used_bytes: int | None = None  # of it, as planned by the compiler or measured on a target; None: not measured yet

    @property
    def arena_measured(self) -> bool:
        """Whether the arena has the size that the model needs; otherwise it is an estimate."""
        return self.arena_used_bytes is not None

    @property
    def budget_ok(self) -> bool:
        """Whether the image fits the board's budget."""
        return not self.budget_problems
