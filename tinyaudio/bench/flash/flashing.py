"""`flash`: check the chip, write, read back, let it run; climb a ladder of rougher ways where the gentle one fails."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tinyaudio.bench.flash.chip import ChipIdentity, check_chip, check_probe, read_chip
from tinyaudio.bench.flash.image import FlashImage, Segment, check_image
from tinyaudio.bench.flash.roles import LADDER, MASS_ERASE, Connection, ProbeInfo, Programmer, Progress, Rung, RungError
from tinyaudio.core.board import Board, EsptoolProbe
from tinyaudio.core.board import Probe as ProbeTable
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import DeviceError, FlashError, InputError, ProbeError

_READ_BYTES = 16_384  # at once, while reading back


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashResult:
    """An image that was written and read back."""

    board: str
    chip: ChipIdentity
    programmer: str
    serial_number: str  # of the debug probe
    elf_sha256: str
    image_sha256: str  # of the flash from the first to the last byte of the image, gaps as erased flash
    segments: tuple[Segment, ...]  # each was read back and has the SHA-256 of what was to be written
    rung: str  # of the ladder, the one that succeeded
    attempts: int  # rungs tried, this one included
    seconds: float


class _State:
    """What is known about the chip's flash, for the words of an error."""

    touched = False  # erasing has begun, and nothing has been verified since


def flash(
    image: FlashImage,
    board: Board,
    probe: ProbeInfo,
    *,
    programmer: Programmer,
    progress: Progress,
    force: bool = False,
    unique_id: str | None = None,
    probe_is_bound: bool = False,
) -> FlashResult:
    """Write `image` to the chip at `probe`, which must be that of `board`; return what was written and read back.

    Parameters
    ----------
    image
        What to write; must lie in flash of the board, outside of its stored settings, which survive.
    board
        What the chip must be; `probe` of its table says where the chip's identity lies.
    probe
        The debug probe; see `choose_probe`.
    programmer
        What speaks to the probe.
    progress
        Told of every rung that is tried.
    force
        Whether the ladder may end with a mass erase, which erases stored settings, too. The chip is checked all the same.
    unique_id
        Of the one chip that is meant, hexadecimal; None: any of the board's kind.
    probe_is_bound
        Whether the user has said that the board hangs at this probe, even if the probe is part of another board.

    Raises
    ------
    InputError
        If nothing of this board can be flashed.
    BuildError
        If the image does not belong into the board's flash.
    WrongChipError
        If the chip is of another kind, or not the one meant; nothing was written then, whatever `force` is.
    ProbeError
        If the probe is in use, may not be used, or was pulled before anything was written.
    FlashError
        If the image could not be written on any rung, or the probe was pulled in mid-write; says what the device holds.
    """
    table = require_probe_table(board)
    check_image(image, board)
    if not probe_is_bound:
        check_probe(probe, board)
    started = time.monotonic()
    state = _State()
    failures: list[str] = []
    for attempt, rung in enumerate((*LADDER, *((MASS_ERASE,) if force else ())), start=1):
        progress.note(f"{programmer.name}: {rung.name}, probe {probe.serial_number}")
        try:
            chip = _climb(image, board, table, probe, programmer=programmer, progress=progress, rung=rung, state=state, unique_id=unique_id)
        except RungError as error:
            failures.append(f"{rung.name}: {error}")
            progress.warning(f"{rung.name} failed: {error}")
        except ProbeError as error:
            raise _with_state(error, state) from error
        except KeyboardInterrupt:
            if state.touched:
                progress.warning("interrupted in the middle of writing: the device now holds half an image; the same command again mends it")
            raise
        else:
            return FlashResult(
                board=board.id,
                chip=chip,
                programmer=programmer.name,
                serial_number=probe.serial_number,
                elf_sha256=image.elf_sha256,
                image_sha256=image.sha256,
                segments=image.segments,
                rung=rung.name,
                attempts=attempt,
                seconds=round(time.monotonic() - started, 3),
            )
    raise _given_up(failures, state, board, force=force)


def require_probe_table(board: Board) -> ProbeTable:
    """Return how `board` is flashed; raise `InputError` if nothing of it can be."""
    if isinstance(board.probe, EsptoolProbe):
        raise InputError(f"{board.id} has no debug probe: it is flashed through its serial port", hint="use esptool", where="--board")
    if board.probe is None:
        raise InputError(
            f"{board.id} has nothing to flash: its file has no [probe]",
            hint=f"run it with `tinyaudio hil --board {board.id}`; `tinyaudio boards list` shows the real boards",
            where="--board",
        )
    return board.probe


def _climb(
    image: FlashImage,
    board: Board,
    table: ProbeTable,
    probe: ProbeInfo,
    *,
    programmer: Programmer,
    progress: Progress,
    rung: Rung,
    state: _State,
    unique_id: str | None,
) -> ChipIdentity:
    """Try one rung, from connecting to the reset at the end."""
    with programmer.connect(probe.serial_number, table, rung) as connection:
        chip = read_chip(connection, table)
        check_chip(chip, board, table, unique_id=unique_id)
        progress.note(f"chip: {chip.describe()}")
        connection.halt()
        state.touched = True
        if rung.mass_erase:
            progress.warning("erasing the whole flash; stored settings are lost")
            connection.mass_erase()
        with progress.task(f"writing {image.length_bytes:,} bytes") as advance:
            connection.write(image.blocks(), advance)
        _verify(image, connection, progress)
        state.touched = False
        connection.run()
    return chip


def _verify(image: FlashImage, connection: Connection, progress: Progress) -> None:
    """Read every segment back, after a reset so that no cache answers, and compare SHA-256."""
    connection.halt()
    done = 0
    with progress.task("reading back") as advance:
        for segment in image.segments:
            held = bytearray()
            start = segment.address - segment.address % 4
            while start + len(held) < segment.end:
                address = start + len(held)
                count = min(_READ_BYTES, segment.end - address)
                held += connection.read(address, count + -count % 4)
                advance(min(done + len(held), image.length_bytes), image.length_bytes)
            held = held[segment.address - start :][: len(segment.data)]
            if sha256_bytes(bytes(held)) != segment.sha256:
                raise RungError(_difference(segment, bytes(held)))
            done += len(held)


def _difference(segment: Segment, held: bytes) -> str:
    wrong = [index for index, (expected, actual) in enumerate(zip(segment.data, held, strict=True)) if expected != actual]
    first = wrong[0]
    return (
        f"verification failed: {len(wrong):,} of {len(segment.data):,} bytes differ, "
        f"the first at 0x{segment.address + first:08x} (0x{held[first]:02x} instead of 0x{segment.data[first]:02x})"
    )


def _with_state(error: ProbeError, state: _State) -> DeviceError:
    """Return `error`, with what the device holds now if that is not what it held before."""
    if not state.touched:
        return error
    return FlashError(
        f"{error.message} in the middle of writing: the device now holds half an image and will not run",
        hint="plug it in and run the same command again; that mends it",
        where=error.where,
    )


def _given_up(failures: list[str], state: _State, board: Board, *, force: bool) -> FlashError:
    tried = "; ".join(failures)
    if not state.touched:
        return FlashError(
            f"no way to reach the chip of {board.id} ({tried})",
            hint="check power, jumpers and cable of the board; is the chip at the probe really that of --board?",
            where="flash",
        )
    hint = "check the supply and the cable, then run the same command again"
    if not force:
        hint += "; --force adds a mass erase as the last resort (stored settings are lost)"
    return FlashError(f"the image could not be written; the device now holds half an image and will not run ({tried})", hint=hint, where="flash")
