"""Open the line to a device at one of the three depths."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tinyaudio.bench.emulation import MODES, Link, Mode, start_virtual
from tinyaudio.bench.fake_device import FakeDevice, TwinComputer, expected_outputs_model
from tinyaudio.bench.hil import HilExpectation
from tinyaudio.bench.transport import LoopbackTransport, SerialTransport, Transport
from tinyaudio.core.artifacts import Calibration, Runtime
from tinyaudio.core.board import Board, Depth
from tinyaudio.core.decisions import calibration_fingerprint
from tinyaudio.core.errors import InputError
from tinyaudio.wire.messages import CalibrationState, Capability, CounterUnit, DecisionRule, Hello

_SETTINGS_FILE = "settings.bin"  # in the folder of a board

DEPTHS: tuple[Depth, ...] = ("fake", "virtual", "serial")


#: An emulated device is as fast as this computer lets it be; one that died is noticed by its process.
EMULATOR_SILENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceLine:
    """An open line to a device."""

    transport: Transport
    clock: Callable[[], float]  # seconds; a line on which nothing ever waits brings its own
    description: str
    silence_seconds: float = 15.0  # after which a device there is given up


def choose_depth(board: Board, *, depth: str | None, port: str | None) -> Depth:
    """Return the depth to work at, from what the user asked for and what the board can.

    Raises
    ------
    InputError
        If they do not go together.
    """
    if depth is not None and depth not in DEPTHS:
        raise InputError(f"there is no depth {depth!r}", hint=f"depths: {', '.join(DEPTHS)}", where="--depth")
    chosen = next((item for item in DEPTHS if item == depth), "serial" if port is not None else board.default_depth)
    if chosen == "serial" and port is None:
        raise InputError("depth serial needs a port", hint="add --port /dev/ttyACM0, or any pyserial URL", where="--port")
    if chosen != "serial" and port is not None:
        raise InputError(f"depth {chosen} has no port", hint="leave --port out, or use --depth serial", where="--port")
    if chosen == "virtual" and board.emulator is None:
        raise InputError(f"{board.id} has no emulator", hint="use --depth fake, or --depth serial with a real board", where="--depth")
    return chosen


def choose_mode(board: Board, *, mode: str | None, depth: Depth) -> Mode:
    """Return how the emulator of `board` is to count; None stands for exactly.

    Raises
    ------
    InputError
        If there is no such mode, or nothing that has a choice of it.
    """
    chosen = next((item for item in MODES if item == mode), MODES[0])
    if mode not in (None, *MODES):
        raise InputError(f"there is no mode {mode!r}", hint=f"modes: {', '.join(MODES)}", where="--mode")
    if mode is not None and (depth != "virtual" or board.emulator is None or board.emulator.kind != "unicorn"):
        raise InputError(
            f"{board.id} at depth {depth} has no choice of modes", hint="leave --mode out; the emulated STM32H743 counts or is fast", where="--mode"
        )
    return chosen


def require_port(port: str | None) -> None:
    """Check that a serial port is there, before a training of minutes finds out that it is not; URLs are asked when they are opened.

    Raises
    ------
    InputError
        If `port` names a device of this computer that does not exist.
    """
    if port is not None and port.startswith("/dev/") and not Path(port).exists():
        hint = "plug the board in, with a cable that carries data; `ls /dev/tty*` shows what is there"
        raise InputError(f"there is no {port}", hint=hint, where="--port")


def require_emulator(board: Board) -> None:
    """Check that `board` is emulated, for commands that know no other way to run firmware.

    Raises
    ------
    InputError
        If it is not.
    """
    if board.emulator is None:
        emulated = "mps2_an500 or stm32h7 for a Cortex-M7, native for this computer"
        raise InputError(f"{board.id} has no emulator, and this command runs on emulators only", hint=f"use {emulated}", where="--board")


@contextmanager
def open_virtual_line(
    board: Board,
    elf: Path,
    *,
    work_dir: Path,
    link: Link = "fifo",
    microphone: Path | None = None,
    settings: Path | None = None,
    mode: Mode = "counting",
) -> Iterator[DeviceLine]:
    """Start the image on the board's emulator; its microphone hears the WAV `microphone`, the file `settings` keeps its settings."""
    with start_virtual(board, elf, link=link, work_dir=work_dir, microphone=microphone, settings=settings, mode=mode) as virtual:
        yield DeviceLine(transport=virtual.transport, clock=time.monotonic, description=virtual.describe(), silence_seconds=EMULATOR_SILENCE_SECONDS)


def settings_file(board: Board, directory: Path) -> Path | None:
    """Return the file in `directory` that keeps the settings of an emulated board over its runs; None where only its RAM keeps them."""
    return directory / _SETTINGS_FILE if board.emulator is not None and board.emulator.kind in ("process", "unicorn") else None


@contextmanager
def open_serial_line(board: Board, port: str) -> Iterator[DeviceLine]:
    """Open a serial port, any pyserial URL, at the baud rate of the board's link."""
    transport = SerialTransport(port) if board.link is None else SerialTransport(port, baud_rate=board.link.baud)
    try:
        yield DeviceLine(transport=transport, clock=time.monotonic, description=port)
    finally:
        transport.close()


@contextmanager
def open_fake_line(board: Board, expected: HilExpectation, calibration: Calibration, *, runtime: Runtime) -> Iterator[DeviceLine]:
    """Let the twin answer behind the true protocol, byte by byte."""
    computer = TwinComputer(
        expected.tables,
        expected.quantization,
        expected_outputs_model(expected.outputs),
        label_count=len(expected.quantized.labels),
        calibration=calibration,
    )
    loopback = LoopbackTransport(FakeDevice(fake_hello(board, expected, runtime=runtime), computer))
    yield DeviceLine(transport=loopback, clock=loopback.now_seconds, description="in memory, the twin behind the true protocol")


def fake_hello(board: Board, expected: HilExpectation, *, runtime: Runtime) -> Hello:
    """Return what firmware made from `expected` would say of itself; it has no counter and no arena."""
    spec = expected.tables.spec
    calibration = bytes.fromhex(
        calibration_fingerprint(
            expected.calibration,
            label_count=len(expected.quantized.labels),
            model_sha256=expected.quantized.sha256,
            frontend_fingerprint=expected.tables.fingerprint,
        )
    )
    return Hello(
        protocol_version=0,  # this, the nonce, the boot id and the buffer's size are filled in by the fake
        nonce=0,
        boot_id=0,
        retransmit_bytes=0,
        board_id=board.id,
        chip_id=b"",
        firmware_fingerprint=bytes.fromhex(expected.firmware_fingerprint),
        frontend_fingerprint=bytes.fromhex(expected.tables.fingerprint),
        model_sha256=bytes.fromhex(expected.quantized.sha256),
        runtime=runtime,
        kernel=expected.tables.kernel,
        sample_rate_hz=spec.sample_rate_hz,
        window_samples=spec.window_samples,
        hop_samples=spec.hop_samples,
        fft_samples=spec.fft_samples,
        feature_bands=spec.feature_bands,
        patch_frames=spec.patch_frames,
        patch_hop_frames=spec.patch_hop_frames,
        label_count=len(expected.quantized.labels),
        decision_rule=DecisionRule.BEST if expected.calibration.is_exclusive else DecisionRule.EVERY,
        calibration_fingerprint=calibration,
        calibration_state=CalibrationState.BUILT_IN,
        recording_calibration_fingerprint=calibration,
        counter_frequency_hz=board.counter_frequency_hz,
        counter_unit=CounterUnit.INSTRUCTIONS,
        arena_bytes=0,
        arena_used_bytes=0,
        model_kernels="the twin",
        capabilities=Capability.STAGE_TRACE | Capability.STAGE_CAPTURE,
    )
