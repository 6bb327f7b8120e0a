"""Where the suite runs: a rig opens a line to the golden project's firmware, or to something that answers like it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.golden_fixture import SIGNALS, SPEC, GoldenVectors, golden_vectors_of
from tinyaudio.bench.device import CALIBRATION_KEY, Device, encode_calibration
from tinyaudio.bench.emulation import Link, VirtualBoard, start_virtual
from tinyaudio.bench.fake_device import FakeDevice, FakeMicrophone, PatchModel, TwinComputer
from tinyaudio.bench.hil import HilClip, HilExpectation, run_hil
from tinyaudio.bench.transport import LoopbackTransport, ProcessTransport, SerialTransport, Transport
from tinyaudio.core.artifacts import Calibration, ExpectedOutputs, FirmwareProject, HilReport
from tinyaudio.core.board import Board, Depth, load_board
from tinyaudio.core.spec import KernelId
from tinyaudio.core.tools import start_tool
from tinyaudio.deploy.build import build_project
from tinyaudio.deploy.render import RenderInputs, render_project, write_project
from tinyaudio.dsp.audio import write_wav
from tinyaudio.dsp.frontend import FrontendTables, design_frontend
from tinyaudio.pipeline.device_line import fake_hello
from tinyaudio.wire.messages import Log

CALIBRATION = Calibration(smoothing_patches=3, detection_threshold=64)

#: An emulator that dies is noticed at once; one that is silent for so long hangs, however busy this computer is.
SILENCE_SECONDS = 60.0

#: Kind of emulator -> what a board on it has beside its firmware.
_VIRTUAL_CAPABILITIES = {
    "process": frozenset({"firmware", "microphone", "settings", "gaps", "lines_without_peripherals"}),
    "qemu": frozenset({"firmware", "emulator", "uart", "instruction_counter", "lines_without_peripherals", "kept_over_reset"}),
    "unicorn": frozenset(
        {"firmware", "emulator", "uart", "instruction_counter", "microphone", "settings", "power_loss", "microphone_that_does_not_wait"}
    ),
}

#: Puts something between the device and its line.
Wrap = Callable[[Transport], Transport]
DeviceFactory = Callable[..., Device]


def golden_tables(kernel: KernelId = "cmsis_q31") -> FrontendTables:
    return design_frontend(SPEC, kernel=kernel)


def golden_project(board: Board) -> FirmwareProject:
    tables, quantized = golden_tables(board.fft_kernel), golden_vectors_of(board.fft_kernel).model
    return render_project(RenderInputs(board=board, tables=tables, quantized=quantized, calibration=CALIBRATION))


def golden_outputs(golden: GoldenVectors, signals: tuple[str, ...] = SIGNALS) -> ExpectedOutputs:
    counts = [len(golden.outputs[name]) for name in signals]
    return ExpectedOutputs(
        model_sha256=golden.model.sha256,
        oracle=golden.oracle,
        filenames=signals,
        logits=np.concatenate([golden.logits[name] for name in signals]),
        outputs=np.concatenate([golden.outputs[name] for name in signals]),
        patch_offsets=np.cumsum([0, *counts], dtype=np.int64),
    )


def golden_clips(golden: GoldenVectors, signals: tuple[str, ...] = SIGNALS) -> list[HilClip]:
    labels = golden.model.labels
    return [HilClip(filename=name, label_index=labels.index(name) if name in labels else 0, pcm=golden.pcm[name]) for name in signals]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An open line to a device."""

    transport: Transport
    clock: Callable[[], float] | None  # of a line on which nothing ever waits
    board: VirtualBoard | None
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """One depth of the bench."""

    depth: Depth
    board: Board
    project: FirmwareProject
    elf: Path | None
    port: str | None
    work_dir: Path
    fake_settings: dict[Path, dict[int, bytes]] = field(default_factory=dict)  # what would be in the file

    @property
    def golden(self) -> GoldenVectors:
        """Behind the board's FFT kernel."""
        return golden_vectors_of(self.board.fft_kernel)

    @property
    def tables(self) -> FrontendTables:
        return golden_tables(self.board.fft_kernel)

    def stored(self, threshold: int) -> bytes:
        """Return what setting 1 holds where `threshold` is stored."""
        model = self.golden.model
        calibration = replace(CALIBRATION, detection_threshold=threshold)
        of_firmware: dict[str, Any] = {"model_sha256": model.sha256, "frontend_fingerprint": self.tables.fingerprint}
        return encode_calibration(calibration, label_count=len(model.labels), **of_firmware)[CALIBRATION_KEY]

    @property
    def capabilities(self) -> frozenset[str]:
        """What tests may need; "microphone": one that hears given samples."""
        if self.depth == "fake":
            return frozenset({"microphone", "settings", "gaps", "lines_without_peripherals", "kept_over_reset"})
        if self.depth == "serial" or self.board.emulator is None:
            return frozenset({"firmware"})
        return _VIRTUAL_CAPABILITIES[self.board.emulator.kind]

    def expectation(
        self,
        *,
        signals: tuple[str, ...] = SIGNALS,
        outputs: ExpectedOutputs | None = None,
        calibration: Calibration = CALIBRATION,
        firmware_fingerprint: str | None = None,
    ) -> HilExpectation:
        """Return what the golden project's firmware should be and compute."""
        golden = self.golden
        return HilExpectation(
            board=self.board,
            firmware_fingerprint=firmware_fingerprint or self.project.fingerprint,
            tables=self.tables,
            quantized=golden.model,
            calibration=calibration,
            outputs=outputs or golden_outputs(golden, signals),
        )

    @contextmanager
    def open_line(
        self,
        *,
        link: Link = "fifo",
        microphone: NDArray[np.int16] | None = None,
        gaps: Mapping[int, int] | None = None,
        settings: Path | None = None,
        power_loss_at: int | None = None,
    ) -> Iterator[Line]:
        """Open a line to a device that hears `microphone`, with `gaps` as `FakeMicrophone` has them, and stores in `settings`.

        It loses power at the flash step `power_loss_at`, counted from 1.
        """
        if self.depth == "fake":
            stored = None if settings is None else self.fake_settings.setdefault(settings, {})
            heard = None if microphone is None else FakeMicrophone(pcm=microphone, gaps=gaps or {})
            loopback = LoopbackTransport(self._fake_device(heard, stored))
            yield Line(transport=loopback, clock=loopback.now_seconds, board=None, description="loopback")
        elif gaps:
            with self._start_with_gaps(microphone, gaps) as transport:
                yield Line(transport=transport, clock=None, board=None, description="child process")
        elif self.depth == "virtual":
            assert self.elf is not None
            wav = None if microphone is None else self.work_dir / f"microphone-{zlib.crc32(microphone.tobytes()):08x}.wav"
            if wav is not None and microphone is not None:
                write_wav(wav, microphone, sample_rate_hz=self.tables.spec.sample_rate_hz)
            peripherals: dict[str, Any] = {"microphone": wav, "settings": settings, "power_loss_at": power_loss_at}
            with start_virtual(self.board, self.elf, link=link, work_dir=self.work_dir, **peripherals) as board:
                yield Line(transport=board.transport, clock=None, board=board, description=board.describe())
        else:
            assert self.port is not None, "--depth serial needs --port"
            yield Line(transport=SerialTransport(self.port), clock=None, board=None, description=self.port)

    @contextmanager
    def _start_with_gaps(self, microphone: NDArray[np.int16] | None, gaps: Mapping[int, int]) -> Iterator[Transport]:
        """Start the firmware of a host, which loses what it is told to lose."""
        assert self.elf is not None
        assert microphone is not None
        samples = self.work_dir / f"microphone-{zlib.crc32(microphone.tobytes()):08x}.pcm"
        samples.write_bytes(microphone.tobytes())
        options = [part for position, count in sorted(gaps.items()) for part in ("--lose", f"{position}:{count}")]
        with start_tool([self.elf, "--microphone", samples, *options], pipes=True) as process:
            transport = ProcessTransport(process)
            yield transport
            transport.close()

    def run(
        self,
        *,
        signals: tuple[str, ...] = SIGNALS,
        outputs: ExpectedOutputs | None = None,
        calibration: Calibration = CALIBRATION,
        firmware_fingerprint: str | None = None,
        wrap: Wrap = lambda transport: transport,
        device: DeviceFactory = Device,
        link: Link = "fifo",
    ) -> HilReport:
        """Run HIL over golden signals; every argument but `signals` spoils something."""
        golden = self.golden
        expected = self.expectation(signals=signals, outputs=outputs, calibration=calibration, firmware_fingerprint=firmware_fingerprint)
        with self.open_line(link=link) as line:

            def open_device(on_log: Callable[[Log], None]) -> Device:
                clock = {} if line.clock is None else {"clock": line.clock}
                return device(wrap(line.transport), name=self.board.id, on_log=on_log, poll_seconds=0.1, silence_seconds=SILENCE_SECONDS, **clock)

            return run_hil(open_device, golden_clips(golden, signals), expected=expected, depth=self.depth, link=line.description)

    def _fake_device(self, microphone: FakeMicrophone | None, settings: dict[int, bytes] | None) -> FakeDevice:
        golden = self.golden
        expected = self.expectation()
        computer = TwinComputer(
            expected.tables,
            expected.quantization,
            _recorded_model(golden),
            label_count=len(golden.model.labels),
            calibration=CALIBRATION,
        )
        return FakeDevice(fake_hello(self.board, expected, runtime=self.board.default_runtime), computer, microphone=microphone, settings=settings)


def _recorded_model(golden: GoldenVectors) -> PatchModel:
    """Return a model that knows its answer to every golden patch, and makes one up for any other."""
    answers = {}
    for name in SIGNALS:
        for patch, logits, outputs in zip(golden.features[name], golden.logits[name], golden.outputs[name], strict=True):
            answers[patch.tobytes()] = (logits, outputs)

    def answer(_clip_id: int, _patch_index: int, features: NDArray[np.int8]) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        made_up = np.frombuffer(zlib.crc32(features.tobytes()).to_bytes(4, "little"), np.int8)
        return answers.get(features.tobytes(), (made_up, made_up[::-1]))

    return answer


def make_rig(depth: Depth, *, board_id: str, port: str | None, work_dir: Path) -> Rig:
    """Return a rig; for `virtual`, build the firmware first."""
    board = load_board(board_id)
    project = golden_project(board)
    elf = None
    if depth == "virtual":
        write_project(project, work_dir / "firmware")
        elf = Path(build_project(work_dir / "firmware", board, project=project).elf)
    return Rig(depth=depth, board=board, project=project, elf=elf, port=port, work_dir=work_dir)
