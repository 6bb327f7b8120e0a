"""Flash a chip of Espressif through the loader in its ROM, with esptool as a library.

Which chip it is and its MAC are asked before anything is written. esptool checks each block, and the chip's own MD5 of
what its flash holds is compared at the end.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tinyaudio.bench.flash.chip import ChipIdentity
from tinyaudio.bench.flash.esptool_log import esptool_speaks_to
from tinyaudio.bench.flash.esptool_ports import await_port, require_right_to, uses_usb_of_chip
from tinyaudio.bench.flash.flashing import FlashResult
from tinyaudio.bench.flash.image import FlashImage
from tinyaudio.bench.flash.roles import ProbeInfo, Progress, RungError
from tinyaudio.core.board import Board, EsptoolProbe
from tinyaudio.core.errors import BuildError, DeviceError, FlashError, InputError, ProbeError, WrongChipError

_SAFE_BAUD = 115_200  # what the loader in ROM measures from the first packet; every bridge can do it
_CONNECT_ATTEMPTS = 4  # one with each of esptool's reset sequences for bridges: DTR and RTS at once or in turn, short and long
_PSRAM_KIB = {0: 0, 1: 8_192, 2: 2_048, 3: 16_384, 4: 4_096}  # what the efuses say (PSRAM_CAP)
_IMAGE_MAGIC = 0xE9  # of the boot loader, which lies at offset 0 on this chip


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderRung:
    """One rung of the ladder, from the fastest to the most patient."""

    name: str
    reset: str  # esptool's name of how the chip gets into its loader
    is_fast: bool  # at the baud rate of the board file
    uses_stub: bool  # esptool's own loader, run from RAM; else the one in ROM


LOADER_LADDER = (
    LoaderRung(name="esptool's loader", reset="default-reset", is_fast=True, uses_stub=True),
    LoaderRung(name="esptool's loader at 115,200 baud", reset="default-reset", is_fast=False, uses_stub=True),
    LoaderRung(name="the loader in ROM at 115,200 baud", reset="default-reset", is_fast=False, uses_stub=False),
    LoaderRung(name="the loader in ROM after a reset through USB", reset="usb-reset", is_fast=False, uses_stub=False),
    LoaderRung(name="the loader in ROM, entered by hand", reset="no-reset", is_fast=False, uses_stub=False),
)


class _State:
    """What is known from the rungs before."""

    def __init__(self) -> None:
        self.touched = False  # the flash holds half an image
        self.unique_id: str | None = None  # MAC of the chip that was met first: no other one is written to in its stead
        self.repeated: list[LoaderRung] = []  # tried again, since the port went away


def require_esptool_probe(board: Board) -> EsptoolProbe:
    """Return how `board` is flashed; raise `InputError` if not through esptool."""
    if not isinstance(board.probe, EsptoolProbe):
        raise InputError(f"{board.id} is not flashed through esptool", hint="its file has another [probe]", where="--board")
    return board.probe


def check_merged_image(image: FlashImage, board: Board) -> None:
    """Raise unless `image` is one segment from the start of the flash, and ends in front of the stored settings.

    Raises
    ------
    BuildError
        If not.
    """
    problems = []
    if len(image.segments) != 1 or image.segments[0].address != 0 or image.segments[0].data[:1] != bytes([_IMAGE_MAGIC]):
        problems.append("it does not begin with a boot loader at offset 0")
    for name, region in board.memory.regions.items():
        if region.kind == "settings" and image.length_bytes > region.origin:
            problems.append(
                f"it ends at 0x{image.length_bytes:x} and would erase the region {name} at 0x{region.origin:x}, which keeps stored settings"
            )
    if problems:
        raise BuildError(f"the image does not belong into the flash of {board.id}: {'; '.join(problems)}", hint="build it again", where=board.id)


def flash_through_loader(
    image: FlashImage, board: Board, probe: ProbeInfo, *, progress: Progress, unique_id: str | None = None, reappears_seconds: float = 10.0
) -> FlashResult:
    """Write the merged `image` to the chip at the serial port of `probe`, which must be that of `board`.

    Parameters
    ----------
    image
        From `read_merged_image`.
    board
        What the chip must be.
    probe
        The port; see `choose_loader_port`.
    progress
        Told of every rung that is tried.
    unique_id
        MAC of the one chip that is meant, hexadecimal; None: any of the board's kind.
    reappears_seconds
        How long to wait for a port that went away.

    Raises
    ------
    BuildError
        If the image does not belong into the board's flash.
    WrongChipError
        If the chip is of another kind, lacks memory that the board has, or is not the one meant; nothing was written then.
    ProbeError
        If the port is not there, is in use or may not be used.
    FlashError
        If the image could not be written on any rung, the port went away for good, or another chip came back at it; says what
        the device holds.
    """
    table = require_esptool_probe(board)
    check_merged_image(image, board)
    started = time.monotonic()
    state = _State()
    failures: list[str] = []
    rungs = list(LOADER_LADDER)
    while rungs:
        rung = rungs.pop(0)
        try:
            port = await_port(probe, seconds=reappears_seconds if failures else 0.0)
            progress.note(f"esptool: {rung.name}, port {port}")
            require_right_to(port)
            chip = _climb(image, board, table, port, rung=rung, progress=progress, state=state, unique_id=unique_id, is_usb=uses_usb_of_chip(probe))
            await_port(probe, seconds=reappears_seconds)
        except RungError as error:
            if _was_lost(error, state) and rung not in state.repeated:
                state.repeated.append(rung)
                rungs.insert(0, rung)  # the rung is not to blame, and slower ones take long
            failures.append(f"{rung.name}: {error}")
            progress.warning(f"{rung.name} failed: {error}")
        except (ProbeError, WrongChipError) as error:
            raise _with_state(error, state) from error
        else:
            return FlashResult(
                board=board.id,
                chip=chip,
                programmer="esptool",
                serial_number=probe.serial_number,
                elf_sha256=image.elf_sha256,
                image_sha256=image.sha256,
                segments=image.segments,
                rung=rung.name,
                attempts=len(failures) + 1,
                seconds=round(time.monotonic() - started, 3),
            )
    raise _given_up(failures, state, board)


def _climb(
    image: FlashImage,
    board: Board,
    table: EsptoolProbe,
    port: str,
    *,
    rung: LoaderRung,
    progress: Progress,
    state: _State,
    unique_id: str | None,
    is_usb: bool,
) -> ChipIdentity:
    """Try one rung, from connecting to the reset at the end."""
    from esptool import cmds

    with _loader(port, rung, progress) as loader:
        chip = read_loader_chip(loader)
        check_loader_chip(loader, chip, board, table, unique_id=unique_id or state.unique_id)
        state.unique_id = chip.unique_id
        progress.note(f"chip: {loader.get_chip_description()}, MAC {chip.unique_id}")
        stub = cmds.run_stub(loader) if rung.uses_stub else loader
        if rung.is_fast and table.baud != _SAFE_BAUD:
            stub.change_baud(table.baud)
        cmds.attach_flash(stub)
        chip = _with_flash_size(stub, chip)
        _check_flash_size(chip, board)
        state.touched = True
        stub.WRITE_FLASH_ATTEMPTS = 1  # esptool would go on with whatever chip comes back at the port
        data = image.segments[0].data
        with progress.task(f"writing {len(data):,} bytes") as advance, esptool_speaks_to(progress, advance):
            cmds.write_flash(stub, [(0, data)])
        _verify(stub, data)
        state.touched = False
        _run(stub, is_usb=is_usb)
    return chip


@contextmanager
def _loader(port: str, rung: LoaderRung, progress: Progress) -> Iterator[Any]:
    """Connect; turn every way in which esptool fails into a `RungError`. Errors of pyserial are `OSError`."""
    from esptool import cmds
    from esptool.util import FatalError

    loader = None
    try:
        with esptool_speaks_to(progress):
            loader = cmds.detect_chip(port, baud=_SAFE_BAUD, connect_mode=rung.reset, connect_attempts=_CONNECT_ATTEMPTS)
            yield loader
    except (FatalError, OSError) as error:
        raise RungError(_one_line(error)) from error
    finally:
        if loader is not None:
            with suppress(OSError):
                loader._port.close()  # esptool has no public name for it


def read_loader_chip(loader: Any) -> ChipIdentity:
    """Return what the chip says of itself; its flash is not asked yet."""
    security = loader.get_security_info()
    return ChipIdentity(
        device_id=security["chip_id"],
        revision_id=loader.get_chip_revision(),
        flash_size_kib=0,
        unique_id=bytes(loader.read_mac()).hex(),
    )


def check_loader_chip(loader: Any, chip: ChipIdentity, board: Board, table: EsptoolProbe, *, unique_id: str | None) -> None:
    """Raise unless the chip is the one of `board`. There is no way around this check.

    Raises
    ------
    WrongChipError
        Naming everything that differs.
    """
    wanted = table.chip
    actual = loader.CHIP_NAME.lower().replace("-", "")
    differences = []
    if actual != wanted:
        differences.append(f"it is an {loader.CHIP_NAME} instead of an {wanted.upper()}")
    elif (psram := _psram_kib(loader)) < (needed := _needed_psram_kib(board)):
        differences.append(f"it has {f'{psram} KiB of' if psram else 'no'} PSRAM, but the board {board.id} has {needed} KiB")
    if unique_id is not None and chip.unique_id != unique_id.lower().replace(":", ""):
        differences.append(f"its MAC is {chip.unique_id} instead of {unique_id}")
    if differences:
        raise WrongChipError(
            f"the chip is not that of {board.name} ({board.mcu}): {'; '.join(differences)}; nothing was written",
            hint="choose the right board with --board, or the right port with --port, --serial-number or --slot",
            where=f"--board {board.id}",
        )


def _psram_kib(loader: Any) -> int:
    return _PSRAM_KIB.get(int(loader.get_psram_cap()), 0)


def _needed_psram_kib(board: Board) -> int:
    return sum(region.length_bytes // 1_024 for region in board.memory.regions.values() if region.kind == "psram")


def _with_flash_size(loader: Any, chip: ChipIdentity) -> ChipIdentity:
    from esptool import cmds
    from esptool.util import flash_size_bytes

    size = cmds.detect_flash_size(loader)
    kib = flash_size_bytes(size) // 1_024 if size is not None else 0
    return ChipIdentity(device_id=chip.device_id, revision_id=chip.revision_id, flash_size_kib=kib, unique_id=chip.unique_id)


def _check_flash_size(chip: ChipIdentity, board: Board) -> None:
    wanted_kib = board.module.flash_size_kib if board.module is not None else 0
    if chip.flash_size_kib < wanted_kib:
        raise WrongChipError(
            f"the chip has {chip.flash_size_kib} KiB of flash, the board {board.id} {wanted_kib}; nothing was written",
            hint="choose the right board with --board, or make a board file for this module: tinyaudio boards new",
            where=f"--board {board.id}",
        )


def _verify(loader: Any, data: bytes) -> None:
    """Compare with what the chip finds in its flash; esptool does so as well, but not with every setting of the chip."""
    held = loader.flash_md5sum(0, len(data))
    if held != hashlib.md5(data, usedforsecurity=False).hexdigest():
        raise RungError("the chip's MD5 of its flash is not that of the image")


def _run(loader: Any, *, is_usb: bool) -> None:
    """Reset the chip into the firmware: with RTS, and through the chip's watchdog where RTS is emulated by the chip itself.

    The port may go away before the last command is answered.
    """
    from esptool import cmds
    from esptool.util import FatalError

    with suppress(FatalError, OSError):
        cmds.reset_chip(loader, "watchdog-reset" if is_usb else "hard-reset")


def _was_lost(error: RungError, state: _State) -> bool:
    """Return whether the port went away in the middle of writing."""
    return state.touched and isinstance(error.__cause__, OSError)


def _one_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and "troubleshooting" not in line.lower()]
    return " ".join(lines) or type(error).__name__


def _with_state(error: ProbeError | WrongChipError, state: _State) -> DeviceError:
    if not state.touched:
        return error
    if isinstance(error, WrongChipError):
        return FlashError(
            f"{error.message} to it; the chip that was there before, {state.unique_id}, holds half an image and will not run",
            hint="connect that one again and run the same command again; that mends it",
            where=error.where,
        )
    return FlashError(
        f"{error.message}, in the middle of writing: the device now holds half an image and will not run",
        hint="plug it in and run the same command again; that mends it",
        where=error.where,
    )


def _given_up(failures: list[str], state: _State, board: Board) -> FlashError:
    tried = "; ".join(failures)
    if state.touched:
        return FlashError(
            f"the image could not be written; the device now holds half an image and will not run ({tried})",
            hint="try another cable or USB socket, then run the same command again",
            where="flash",
        )
    return FlashError(
        f"no way to reach the chip of {board.id} ({tried})",
        hint="hold BOOT, press and release RESET, release BOOT, and run the same command again; is it the right port?",
        where="flash",
    )
