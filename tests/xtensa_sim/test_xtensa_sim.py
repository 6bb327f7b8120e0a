"""The firmware of an ESP32-S3 but for its port, on an emulated Xtensa core, against the twins: bit for bit, every stage.

What runs is the rendered project: front end (`esp_sc16`), compiled model, application, protocol. It is spoken to as any device is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.golden_fixture import golden_vectors
from tests.xtensa_sim.toolchain import COMPILER, MACHINE, SIMULATOR, build_simulator_image, require
from tinyaudio.bench.device import Device
from tinyaudio.bench.hil import HilClip, HilExpectation, run_hil
from tinyaudio.bench.transport.fifo import FifoTransport
from tinyaudio.core.artifacts import Calibration, ExpectedOutputs, FirmwareProject
from tinyaudio.core.board import load_board
from tinyaudio.core.tools import find_tool, start_tool
from tinyaudio.deploy.render import RenderInputs, render_project, write_project
from tinyaudio.dsp.frontend import compute_stages, design_feature_quantization, design_frontend, quantize_features
from tinyaudio.dsp.frontend.framing import patches
from tinyaudio.learn.oracle import Oracle, oracle_version

BOARD = load_board("esp32s3")
CALIBRATION = Calibration(smoothing_patches=3, detection_threshold=64)
MODEL = golden_vectors().model
TABLES = design_frontend(MODEL.spec, kernel="esp_sc16")
FRAMES = 104  # a clip's: 5 patches


def clips() -> list[HilClip]:
    """Four clips, together 416 frames and 20 patches: the golden signals and noise of several levels, end to end."""
    generator = np.random.default_rng(0)
    samples = MODEL.spec.window_samples + (FRAMES - 1) * MODEL.spec.hop_samples
    golden = np.concatenate(list(golden_vectors().pcm.values()))
    noise = generator.normal(0, 1, samples) * 10.0 ** np.linspace(0, 4.5, samples)
    pcm = [*np.resize(golden, (3, samples)), np.clip(noise, -32768, 32767).astype(np.int16)]
    return [HilClip(filename=f"clip {index}", label_index=0, pcm=clip) for index, clip in enumerate(pcm)]


def expected_outputs(streamed: list[HilClip]) -> ExpectedOutputs:
    quantization = design_feature_quantization(MODEL.input_scale, MODEL.input_zero_point, log_fraction_bits=TABLES.log_fraction_bits)
    oracle = Oracle(MODEL.tflite)
    logits: list[NDArray[np.int8]] = []
    outputs: list[NDArray[np.int8]] = []
    counts = []
    for clip in streamed:
        of_clip = patches(quantize_features(compute_stages(TABLES, clip.pcm).post, quantization), MODEL.spec)
        for patch in of_clip:
            logit, output = oracle.run(patch)
            logits.append(logit)
            outputs.append(output)
        counts.append(len(of_clip))
    return ExpectedOutputs(
        model_sha256=MODEL.sha256,
        oracle=oracle_version(),
        filenames=tuple(clip.filename for clip in streamed),
        logits=np.array(logits),
        outputs=np.array(outputs),
        patch_offsets=np.cumsum([0, *counts], dtype=np.int64),
    )


@pytest.fixture(scope="module")
def project() -> FirmwareProject:
    return render_project(RenderInputs(board=BOARD, tables=TABLES, quantized=MODEL, calibration=CALIBRATION))


@contextmanager
def simulator(project: FirmwareProject, folder: Path) -> Iterator[FifoTransport]:
    write_project(project, folder / "project")
    image = build_simulator_image(folder / "project", folder)
    command = [find_tool(SIMULATOR).path, *MACHINE, "-kernel", image]
    with start_tool(command, cwd=folder) as process:
        yield FifoTransport(to_device=folder / "to_device", from_device=folder / "from_device", cause_of_death=process.cause_of_death)


def test_front_end_model_and_protocol_on_an_xtensa_core_equal_the_twins(project: FirmwareProject, tmp_path: Path) -> None:
    require(COMPILER, SIMULATOR)
    pytest.importorskip("tflite_micro", reason="the reference interpreter is not installed: pip install tinyaudio[train]")
    streamed = clips()
    expected = HilExpectation(
        board=BOARD,
        firmware_fingerprint=project.fingerprint,
        tables=TABLES,
        quantized=MODEL,
        calibration=CALIBRATION,
        outputs=expected_outputs(streamed),
    )
    with simulator(project, tmp_path) as transport:
        report = run_hil(lambda log: Device(transport, on_log=log), streamed, expected=expected, depth="virtual", link="FIFOs")
    assert (report.frames, report.patches) == (4 * FRAMES, 20)
    assert (report.frontend_mismatches, report.model_mismatches, report.decision_mismatches) == (0, 0, 0), report.first_mismatches
    assert report.identity.kernel == "esp_sc16"
