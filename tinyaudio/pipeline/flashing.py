"""From a build to a board that runs it: choose the probe, build, write, read back, and ask the device who it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyaudio.bench.device import Device, check_identity
from tinyaudio.bench.flash import (
    FlashResult,
    ProbeInfo,
    Programmer,
    await_port,
    check_probe,
    choose_loader_port,
    choose_probe,
    choose_programmer,
    flash,
    flash_through_loader,
    programmers,
    read_flash_image,
    read_merged_image,
    require_probe_table,
)
from tinyaudio.bench.transport import SerialTransport, Transport, usb_serial_ports
from tinyaudio.core.artifacts import BuildArtifact, DeviceIdentity
from tinyaudio.core.bench_file import Bench, Slot, load_bench
from tinyaudio.core.board import PROJECT_BOARDS, Board, EsptoolProbe, board_ids
from tinyaudio.core.errors import BuildError, DeviceError, IdentityError, InputError, ProbeError
from tinyaudio.pipeline.data import project_board
from tinyaudio.pipeline.firmware import USUAL_FIRMWARE, FirmwareRequest, build_stage, keep_arena
from tinyaudio.pipeline.line import Line
from tinyaudio.wire.messages import FaultCode, Hello

_HELLO_SECONDS = 15.0  # from the reset to the first answer
_SELF_CHECK = f"{FaultCode.SELF_CHECK.name.lower()}: "  # how it begins when a device tells why it cannot work


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashRequest:
    """What the user asked for."""

    board_id: str | None = None  # None: the slot's, else the project's
    slot: str | None = None  # of bench.toml
    serial_number: str | None = None  # of the debug probe
    port: str | None = None  # any pyserial URL; None: the slot's, else the serial port of the probe
    programmer: str | None = None  # None: the first that can be used
    force: bool = False  # a mass erase may end the recovery ladder
    offline: bool = False  # of the build
    firmware: FirmwareRequest = USUAL_FIRMWARE


@dataclass(frozen=True, slots=True, kw_only=True)
class Flashed:
    """A board that runs what was built."""

    result: FlashResult
    build: BuildArtifact
    identity: DeviceIdentity  # what the device says of itself
    port: str

    @property
    def facts(self) -> dict[str, Any]:
        """The outcome as the command line's JSON shows it."""
        result, chip, said = self.result, self.result.chip, self.identity
        return {
            "board": result.board,
            "chip": {
                "device_id": f"0x{chip.device_id:03x}",
                "revision_id": f"0x{chip.revision_id:04x}",
                "flash_size_kib": chip.flash_size_kib,
                "unique_id": chip.unique_id,
            },
            "unique_id": chip.unique_id,
            "image_sha256": result.image_sha256,
            "elf": self.build.elf,
            "elf_sha256": result.elf_sha256,
            "verified": True,  # a result exists only of what was read back
            "segments": [
                {"address": f"0x{segment.address:08x}", "length_bytes": len(segment.data), "sha256": segment.sha256} for segment in result.segments
            ],
            "programmer": result.programmer,
            "serial_number": result.serial_number,
            "rung": result.rung,
            "attempts": result.attempts,
            "seconds": result.seconds,
            "port": self.port,
            "hello": {
                "board": said.board,
                "chip_id": said.chip_id,
                "firmware_fingerprint": said.firmware_fingerprint,
                "frontend_fingerprint": said.frontend_fingerprint,
                "model_sha256": said.model_sha256,
                "runtime": said.runtime,
                "kernel": said.kernel,
                "protocol_version": said.protocol_version,
            },
        }


def flash_stage(
    line: Line,
    request: FlashRequest,
    *,
    choose_from: dict[str, Programmer] | None = None,
    open_port: Callable[[str, Board], Transport] | None = None,
) -> Flashed:
    """Build for the board, write the image to the one chip that was meant, and have the device say that it runs it.

    Where the arena of a model on TFLite Micro was an estimate, the device has then told how much it needs: all is done once more.
    What cannot end well is refused before the build: no probe, no port, a slot of another board.

    Parameters
    ----------
    line
        The project.
    request
        What the user asked for.
    choose_from
        {name: programmer}; default: pyOCD, then OpenOCD. A chip of Espressif is flashed with esptool in any case.
    open_port
        Opens the device's serial port; default: `SerialTransport` at the board's baud rate.

    Raises
    ------
    InputError
        If the options contradict each other, or nothing of the board can be flashed.
    ProbeError, WrongChipError, FlashError
        See `tinyaudio.bench.flash.flash`.
    IdentityError
        If what answers at the port is not what was written, or not the chip it was written to.
    """
    flashed = _flash_once(line, request, choose_from, open_port or _open_serial)
    if keep_arena(line, flashed.build, flashed.identity, request=request.firmware):
        line.progress.note("building and flashing once more, so that what runs is what the next build makes")
        flashed = _flash_once(line, request, choose_from, open_port or _open_serial)
    return flashed


def _flash_once(
    line: Line, request: FlashRequest, choose_from: dict[str, Programmer] | None, open_port: Callable[[str, Board], Transport]
) -> Flashed:
    bench = _load_bench(line)
    slot = _chosen_slot(bench, request)
    board = project_board(line.project, request.board_id or (slot.board if slot else line.project.board))
    if isinstance(board.probe, EsptoolProbe):
        return _flash_through_loader(line, request, board, bench, slot, open_port)
    require_probe_table(board)
    programmer = choose_programmer(choose_from or programmers(on_detail=line.progress.detail), request.programmer, on_note=line.progress.note)
    probe = choose_probe(programmer, slot.serial_number if slot else request.serial_number, name_slots=bench.slots_of)
    slot = _agreeing_slot(bench, slot, probe, board)
    if slot is None:
        check_probe(probe, board)
    port = _chosen_port(request, slot, probe)
    build = _built(line, board, request)
    image = read_flash_image(Path(build.elf))
    result = flash(
        image,
        board,
        probe,
        programmer=programmer,
        progress=line.progress,
        force=request.force,
        unique_id=slot.unique_id if slot else None,
        probe_is_bound=slot is not None,
    )
    line.progress.note(f"asking the device at {port} who it is")
    identity = _who_answers(open_port(port, board), port, board, build, result, tell=line.progress.warning)
    return Flashed(result=result, build=build, identity=identity, port=port)


def _flash_through_loader(
    line: Line, request: FlashRequest, board: Board, bench: Bench, slot: Slot | None, open_port: Callable[[str, Board], Transport]
) -> Flashed:
    """As `_flash_once`, for a chip that is flashed through the very port that its firmware answers at."""
    if request.programmer not in (None, "esptool"):
        raise InputError(f"{board.id} is not flashed with {request.programmer}", hint="programmers: esptool", where="--programmer")
    if slot is not None:
        probe = choose_loader_port(slot.serial_number if slot.port is None else None, request.port or slot.port, name_slots=bench.slots_of)
    else:
        probe = choose_loader_port(request.serial_number, request.port, name_slots=bench.slots_of)
    slot = _agreeing_slot(bench, slot, probe, board)
    build = _built(line, board, request)
    image = read_merged_image(Path(build.files["merged"].path), elf=Path(build.elf))
    result = flash_through_loader(image, board, probe, progress=line.progress, unique_id=slot.unique_id if slot else None)
    port = await_port(probe)
    line.progress.note(f"asking the device at {port} who it is")
    identity = _who_answers(open_port(port, board), port, board, build, result, tell=line.progress.warning)
    return Flashed(result=result, build=build, identity=identity, port=port)


def slot_line(line: Line, name: str, *, board_id: str | None, depth: str | None, port: str | None) -> tuple[str, str, str]:
    """Return board id, depth and serial port of the slot `name`, for work with a board that is flashed already.

    Parameters
    ----------
    board_id, depth, port
        What the user asked for beside the slot: it may say the same as the slot, but nothing else.

    Raises
    ------
    InputError
        If the user asked for another board, depth or port.
    BenchFileError
        If there is no such slot.
    ProbeError
        If the slot names no port, and its probe is not plugged in or has none.
    """
    slot = _load_bench(line).slot(name)
    for option, asked, held in (("--board", board_id, slot.board), ("--depth", depth, "serial"), ("--port", port, slot.port)):
        if asked is not None and asked != held:
            raise InputError(f"slot {name} says {held or 'nothing'}, {option} says {asked}", hint=f"leave {option} out", where=option)
    ports = (port.device for port in usb_serial_ports() if port.serial_number.lower() == slot.serial_number.lower())
    found = slot.port or next(ports, None)
    if found is None:
        raise ProbeError(
            f"no serial port of the debug probe {slot.serial_number} is here",
            hint="plug the board in, or name its port in bench.toml",
            where=f"--slot {name}",
        )
    return slot.board, "serial", found


def _load_bench(line: Line) -> Bench:
    return load_bench((line.project.directory, Path()), boards=board_ids(line.project.directory / PROJECT_BOARDS))


def _chosen_slot(bench: Bench, request: FlashRequest) -> Slot | None:
    if request.slot is None:
        return None
    if request.serial_number is not None:
        raise InputError("--slot and --serial-number both choose a probe", hint="leave one of them out", where="--slot")
    return bench.slot(request.slot)


def _agreeing_slot(bench: Bench, slot: Slot | None, probe: ProbeInfo, board: Board) -> Slot | None:
    """Return the slot that holds `probe`, chosen by name or not; raise if it holds another board."""
    names = bench.slots_of(probe.serial_number)
    if slot is None and names:
        slot = bench.slots[names[0]]
    if slot is not None and slot.board != board.id:
        raise InputError(
            f"slot {names[0]} of {bench.path} holds a board {slot.board}, not {board.id}",
            hint=f"use --board {slot.board}, another slot, or mend the file",
            where="--board",
        )
    return slot


def _chosen_port(request: FlashRequest, slot: Slot | None, probe: ProbeInfo) -> str:
    port = request.port or (slot.port if slot else None) or probe.port
    if not port:
        raise InputError(
            f"the debug probe {probe.serial_number} has no serial port, so the device could not be asked what runs on it",
            hint="name the port of the board with --port, or in its slot of bench.toml",
            where="--port",
        )
    return port


def _built(line: Line, board: Board, request: FlashRequest) -> BuildArtifact:
    build = build_stage(line, board.id, offline=request.offline, request=request.firmware)
    if not build.budget_ok:
        raise BuildError(
            f"the image breaks the budget of {board.id}: {'; '.join(build.budget_problems)}; nothing was written",
            hint="use a smaller model, or raise the budget in a board file of your own",
            where=f"--board {board.id}",
        )
    return build


def _open_serial(port: str, board: Board) -> Transport:
    return SerialTransport(port) if board.link is None else SerialTransport(port, baud_rate=board.link.baud)


def _who_answers(
    transport: Transport, port: str, board: Board, build: BuildArtifact, result: FlashResult, *, tell: Callable[[str], None]
) -> DeviceIdentity:
    """Return what the device says of itself; raise unless it is the chip that was flashed, with what was built, and can work."""
    with Device(transport, name=port, on_log=lambda entry: tell(f"the device: {entry.level.name.lower()}: {entry.text}")) as device:
        try:
            hello = device.connect(timeout_seconds=_HELLO_SECONDS)
        except IdentityError:
            raise
        except DeviceError as error:
            raise _no_use(error, port) from error
        identity = _checked_identity(hello, port, board, build, result)
        try:
            device.list_settings(timeout_seconds=_HELLO_SECONDS)  # an answer of any kind: what keeps the firmware from working comes before it
        except DeviceError as error:
            raise _no_use(error, port) from error
    return identity


def _no_use(error: DeviceError, port: str) -> DeviceError:
    """Return what is wrong with a device that was flashed: it is silent, or it says itself that it cannot work."""
    if error.message.startswith(_SELF_CHECK):
        return type(error)(f"the image is written and verified, but it does not work: {error.message}", hint=error.hint, where=port)
    return type(error)(
        f"the image is written and verified, but the device does not answer: {error.message}",
        hint=f"is {port} the serial port of this board? choose it with --port; a firmware that cannot even start its clocks is silent, too",
        where=port,
    )


def _checked_identity(hello: Hello, port: str, board: Board, build: BuildArtifact, result: FlashResult) -> DeviceIdentity:
    try:
        identity = check_identity(hello, board=board.id, firmware_fingerprint=build.firmware_fingerprint)
    except IdentityError as error:
        raise IdentityError(
            f"what answers at {port} is not what was written: {error.message}",
            hint="another board is at this port; choose the right one with --port, or leave --port out",
            where=port,
        ) from error
    if identity.chip_id not in ("", result.chip.unique_id):
        raise IdentityError(
            f"the chip {identity.chip_id} answers at {port}, but the chip {result.chip.unique_id} was flashed",
            hint="another board of the same kind is at this port; choose the right one with --port, or leave --port out",
            where=port,
        )
    return identity
