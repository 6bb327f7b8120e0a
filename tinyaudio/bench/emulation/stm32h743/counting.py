"""Count instructions: exactly, by a small C hook that is compiled once, or coarsely by the clock on the wall."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

from unicorn import Uc, arm_const, unicorn_const
from unicorn.unicorn_py3.unicorn import uclib

from tinyaudio.core.errors import ToolError
from tinyaudio.core.files import storage_error
from tinyaudio.core.tools import cache_dir, find_tool, run_tool

#: What ended a run of the core; the numbers are those of count_blocks.c.
StopReason = Literal[0, 1, 2, 3]
RUNNING: StopReason = 0
DEADLINE: StopReason = 1
MASKS_CHANGED: StopReason = 2
FPU_OFF: StopReason = 3

#: What the fast mode assumes of a slice that a device or a sleep has cut short.
COARSE_INSTRUCTIONS_PER_MICROSECOND = 150
_COARSE_SLICE_INSTRUCTIONS = 50_000

MASK_REGISTERS = (arm_const.UC_ARM_REG_PRIMASK, arm_const.UC_ARM_REG_BASEPRI, arm_const.UC_ARM_REG_FAULTMASK)
_SOURCE = Path(__file__).with_name("count_blocks.c")
_FLAGS = ("-std=c11", "-O2", "-shared", "-fPIC")
_NO_COMPILER = "install one (Debian: apt install gcc), or set CC; run by hand, --mode fast needs none, and counts coarsely"


class Counter(Protocol):
    """The core's count of cycles, one an instruction, and when it is to stop."""

    cycles: int  # instructions begun, and cycles slept through
    slept: int  # the part of `cycles` that was slept through
    fpu_enabled: bool

    def now(self) -> int:
        """Return `cycles` at the latest access to a device; exact in the counting mode."""

    def run(self, start: Callable[[int], int], *, deadline: int) -> tuple[int, StopReason]:
        """Run the core by `start` (its argument: how many instructions, 0 for no limit); return Unicorn's error and the reason."""

    def stop_at_next_block(self) -> None:
        """Let the running core stop where an interrupt may be taken."""

    def settle(self, pc: int) -> None:
        """Take back the instructions at and behind `pc` of a block that was left in its middle."""

    def watch_masks(self, values: tuple[int, ...] | None) -> None:
        """Stop as soon as PRIMASK, BASEPRI, FAULTMASK are no longer `values`; ``None`` ends it."""

    def forget_code(self) -> None:
        """Code has changed."""


class _Struct(ctypes.Structure):
    _fields_ = [
        ("cycles", ctypes.c_uint64),
        ("slept", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("accessed_at", ctypes.c_uint64),
        ("block_address", ctypes.c_uint32),
        ("block_bytes", ctypes.c_uint32),
        ("stop_reason", ctypes.c_uint32),
        ("fpu_enabled", ctypes.c_uint32),
        ("watch_masks", ctypes.c_uint32),
        ("masks", ctypes.c_uint32 * 3),
        ("mask_registers", ctypes.c_int32 * 3),
        ("pc_register", ctypes.c_int32),
        ("register_read", ctypes.c_void_p),
        ("memory_read", ctypes.c_void_p),
        ("emulation_stop", ctypes.c_void_p),
    ]


class ExactCounter:
    """Counts by the compiled hook, block by block.

    Parameters
    ----------
    uc
        The core.
    device_ranges
        First and last addresses of what is mapped without rights, so that accesses to it have an exact time.

    Raises
    ------
    ToolError
        If the hook cannot be compiled.
    """

    def __init__(self, uc: Uc, device_ranges: tuple[tuple[int, int], ...]) -> None:
        self._library = _load(compile_hook())
        self._uc = uc
        self._pointer = self._library.counter_create()
        self._struct = _Struct.from_address(self._pointer)
        self._struct.mask_registers[:] = MASK_REGISTERS
        self._struct.pc_register = arm_const.UC_ARM_REG_PC
        self._struct.register_read = _address(uclib.uc_reg_read)
        self._struct.memory_read = _address(uclib.uc_mem_read)
        self._struct.emulation_stop = _address(uclib.uc_emu_stop)
        self._hook(unicorn_const.UC_HOOK_BLOCK, self._library.counter_block, 1, 0)
        access = unicorn_const.UC_HOOK_MEM_READ_PROT | unicorn_const.UC_HOOK_MEM_WRITE_PROT
        for first, last in device_ranges:
            self._hook(access, self._library.counter_access, first, last)

    def _hook(self, kind: int, function: object, first: int, last: int) -> None:
        handle = ctypes.c_size_t()
        status = uclib.uc_hook_add(
            self._uc._uch,
            ctypes.byref(handle),
            kind,
            _address(function),
            ctypes.c_void_p(self._pointer),
            ctypes.c_uint64(first),
            ctypes.c_uint64(last),
        )
        assert status == unicorn_const.UC_ERR_OK

    @property
    def cycles(self) -> int:
        """Instructions begun, and cycles slept through."""
        return int(self._struct.cycles)

    @cycles.setter
    def cycles(self, value: int) -> None:
        self._struct.cycles = value

    @property
    def slept(self) -> int:
        """The part of `cycles` that was slept through."""
        return int(self._struct.slept)

    @slept.setter
    def slept(self, value: int) -> None:
        self._struct.slept = value

    @property
    def fpu_enabled(self) -> bool:
        """Whether CPACR gives access to the FPU."""
        return bool(self._struct.fpu_enabled)

    @fpu_enabled.setter
    def fpu_enabled(self, value: bool) -> None:
        self._struct.fpu_enabled = value

    def now(self) -> int:
        """See `Counter`."""
        return int(self._struct.accessed_at)

    def stop_at_next_block(self) -> None:
        """See `Counter`."""
        self._struct.deadline = 0

    def run(self, start: Callable[[int], int], *, deadline: int) -> tuple[int, StopReason]:
        """See `Counter`."""
        self._struct.deadline = deadline
        self._struct.stop_reason = RUNNING
        error = start(0)
        return error, self._struct.stop_reason

    def settle(self, pc: int) -> None:
        """See `Counter`."""
        self._struct.cycles -= self._library.counter_remaining(self._pointer, self._uc._uch, pc)

    def watch_masks(self, values: tuple[int, ...] | None) -> None:
        """See `Counter`."""
        self._struct.watch_masks = values is not None
        if values is not None:
            self._struct.masks[:] = values

    def forget_code(self) -> None:
        """See `Counter`."""
        self._library.counter_forget(self._pointer)


class CoarseCounter:
    """Counts in slices: whole slices exactly, broken ones by the clock of the host. Interrupts come between slices."""

    def __init__(self) -> None:
        self.cycles = 0
        self.slept = 0
        self.fpu_enabled = True  # a missing CPACR is not noticed
        self._begun_ns = 0
        self._slice = 0  # instructions of the slice that runs; 0: none does
        self._watching = False

    def now(self) -> int:
        """See `Counter`."""
        return self.cycles + self._estimated()

    def stop_at_next_block(self) -> None:
        """Nothing can: the slice goes to its end."""

    def run(self, start: Callable[[int], int], *, deadline: int) -> tuple[int, StopReason]:
        """See `Counter`."""
        self._slice = 1 if self._watching else max(1, min(deadline - self.cycles, _COARSE_SLICE_INSTRUCTIONS))
        self._begun_ns = time.perf_counter_ns()
        error = start(self._slice)
        self.cycles += self._estimated()
        self._slice = 0
        return error, RUNNING

    def settle(self, pc: int) -> None:
        """Nothing to take back from an estimate."""

    def watch_masks(self, values: tuple[int, ...] | None) -> None:
        """Go step by step, not to miss the few instructions for which an interrupt is let in."""
        self._watching = values is not None

    def forget_code(self) -> None:
        """Nothing is remembered."""

    def _estimated(self) -> int:
        spent_ns = time.perf_counter_ns() - self._begun_ns
        return min(self._slice, spent_ns * COARSE_INSTRUCTIONS_PER_MICROSECOND // 1_000)


def compile_hook() -> Path:
    """Return the compiled hook, from the cache if it was compiled before; two processes may do so at once.

    Raises
    ------
    ToolError
        If there is no C compiler, or it fails.
    StorageError
        If the cache cannot be written to.
    """
    key = hashlib.sha256(b"\0".join([_SOURCE.read_bytes(), " ".join((*_FLAGS, sys.platform, platform.machine())).encode()])).hexdigest()[:16]
    library = cache_dir() / "emulation" / f"count_blocks-{key}.{'dylib' if sys.platform == 'darwin' else 'so'}"
    if library.is_file():
        return library
    name = next((name for name in (os.environ.get("CC", "cc"), "gcc", "clang") if shutil.which(name)), None)
    if name is None:
        raise ToolError("counting instructions exactly needs a C compiler of this computer", hint=_NO_COMPILER, where="cc")
    try:
        library.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=library.parent) as folder:
            built = Path(folder) / library.name
            run_tool([find_tool(name).path, *_FLAGS, _SOURCE, "-o", built], timeout_seconds=60, hint=_NO_COMPILER)
            built.replace(library)  # whole or not at all, whoever is first
    except OSError as error:
        raise storage_error(library, error) from error
    return library


def _load(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    library.counter_create.restype = ctypes.c_void_p
    library.counter_forget.argtypes = [ctypes.c_void_p]
    library.counter_remaining.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32]
    library.counter_remaining.restype = ctypes.c_uint32
    return library


def _address(function: object) -> int | None:
    return ctypes.cast(function, ctypes.c_void_p).value  # type: ignore[arg-type]
