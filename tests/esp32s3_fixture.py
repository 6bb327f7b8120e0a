"""The golden model behind the front end of an ESP32-S3: clips, and what the twin and the oracle compute of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.golden_fixture import golden_vectors
from tinyaudio.bench.hil import HilClip, HilExpectation
from tinyaudio.core.artifacts import Calibration, ExpectedOutputs, FirmwareProject
from tinyaudio.core.board import load_board
from tinyaudio.deploy.render import RenderInputs, RuntimeChoice, render_project
from tinyaudio.dsp.frontend import compute_stages, design_feature_quantization, design_frontend, quantize_features
from tinyaudio.dsp.frontend.framing import patches
from tinyaudio.learn.oracle import Oracle, oracle_version

BOARD = load_board("esp32s3")
CALIBRATION = Calibration(smoothing_patches=3, detection_threshold=64)
MODEL = golden_vectors().model
TABLES = design_frontend(MODEL.spec, kernel="esp_sc16")
FRAMES = 104  # a clip's: 5 patches


def golden_project() -> FirmwareProject:
    """The firmware of the golden model, compiled: TFLite Micro is nowhere here."""
    choice = RuntimeChoice(runtime="aot")
    return render_project(RenderInputs(board=BOARD, tables=TABLES, quantized=MODEL, calibration=CALIBRATION, choice=choice))


def expectation(project: FirmwareProject, streamed: list[HilClip]) -> HilExpectation:
    """What that firmware should be, and compute of `streamed`."""
    return HilExpectation(
        board=BOARD,
        firmware_fingerprint=project.fingerprint,
        tables=TABLES,
        quantized=MODEL,
        calibration=CALIBRATION,
        outputs=expected_outputs(streamed),
    )


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
