"""Models behind the front end of an ESP32-S3: clips, and what the twin and the oracle compute of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tests.golden_fixture import GOLDEN, golden_vectors
from tinyaudio.bench.hil import HilClip, HilExpectation
from tinyaudio.core.artifacts import Calibration, ExpectedOutputs, FirmwareProject, QuantizedModel
from tinyaudio.core.board import load_board
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.deploy.render import RenderInputs, RuntimeChoice, render_project
from tinyaudio.deploy.tflm import read_outline
from tinyaudio.dsp.frontend import FrontendTables, compute_stages, design_feature_quantization, design_frontend, quantize_features
from tinyaudio.dsp.frontend.framing import patches
from tinyaudio.learn.oracle import Oracle, oracle_version

BOARD = load_board("esp32s3")
CALIBRATION = Calibration(smoothing_patches=3, detection_threshold=64)

#: What `tinyaudio demo --board esp32s3` trains: copied from its runs/demo/blobs, as quantize.json names it.
DEMO_FILE = GOLDEN / "demo_esp32s3.tflite"
DEMO_LABELS = ("alarm", "birdsong", "breaking_glass", "engine", "knocking", "siren")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A model, and how much of it is run."""

    model: QuantizedModel
    clip_count: int
    clip_patches: int  # each clip's

    @property
    def clip_frames(self) -> int:
        """The last patch ends with the clip, but for a few frames."""
        return self.model.spec.patch_frames + (self.clip_patches - 1) * self.model.spec.patch_hop_frames + self.model.spec.patch_hop_frames // 2

    @property
    def tables(self) -> FrontendTables:
        return design_frontend(self.model.spec, kernel="esp_sc16")

    @property
    def project(self) -> FirmwareProject:
        """The firmware, the model compiled: TFLite Micro is nowhere here."""
        choice = RuntimeChoice(runtime="aot")
        return render_project(RenderInputs(board=BOARD, tables=self.tables, quantized=self.model, calibration=CALIBRATION, choice=choice))

    def clips(self) -> list[HilClip]:
        """The golden signals end to end, and at last noise whose level rises from silence to far beyond the full scale."""
        generator = np.random.default_rng(0)
        samples = self.model.spec.window_samples + (self.clip_frames - 1) * self.model.spec.hop_samples
        golden = np.concatenate(list(golden_vectors().pcm.values()))
        noise = generator.normal(0, 1, samples) * 10.0 ** np.linspace(0, 4.5, samples)
        pcm = [*np.resize(golden, (self.clip_count - 1, samples)), np.clip(noise, -32768, 32767).astype(np.int16)]
        return [HilClip(filename=f"clip {index}", label_index=0, pcm=clip) for index, clip in enumerate(pcm)]

    def expectation(self, streamed: list[HilClip]) -> HilExpectation:
        """What the firmware should be, and compute of `streamed`."""
        return HilExpectation(
            board=BOARD,
            firmware_fingerprint=self.project.fingerprint,
            tables=self.tables,
            quantized=self.model,
            calibration=CALIBRATION,
            outputs=self.expected_outputs(streamed),
        )

    def expected_outputs(self, streamed: list[HilClip]) -> ExpectedOutputs:
        model, tables = self.model, self.tables
        quantization = design_feature_quantization(model.input_scale, model.input_zero_point, log_fraction_bits=tables.log_fraction_bits)
        oracle = Oracle(model.tflite)
        logits: list[NDArray[np.int8]] = []
        outputs: list[NDArray[np.int8]] = []
        counts = []
        for clip in streamed:
            of_clip = patches(quantize_features(compute_stages(tables, clip.pcm).post, quantization), model.spec)
            for patch in of_clip:
                logit, output = oracle.run(patch)
                logits.append(logit)
                outputs.append(output)
            counts.append(len(of_clip))
        return ExpectedOutputs(
            model_sha256=model.sha256,
            oracle=oracle_version(),
            filenames=tuple(clip.filename for clip in streamed),
            logits=np.array(logits),
            outputs=np.array(outputs),
            patch_offsets=np.cumsum([0, *counts], dtype=np.int64),
        )


@cache
def golden_case() -> Case:
    """The tiny model: 416 frames and 20 inferences in four clips."""
    return Case(model=golden_vectors().model, clip_count=4, clip_patches=5)


@cache
def demo_case() -> Case:
    """The demo's model: 1,104 frames and 20 inferences in two clips."""
    tflite = DEMO_FILE.read_bytes()
    outline = read_outline(tflite, int8_ends=True)
    spec = FrontendSpec()
    model = QuantizedModel(
        tflite=tflite,
        sha256=hashlib.sha256(tflite).hexdigest(),
        labels=DEMO_LABELS,
        spec=spec,
        kernel="esp_sc16",
        frontend_fingerprint=design_frontend(spec, kernel="esp_sc16").fingerprint,
        input_scale=outline.input_.scale,
        input_zero_point=outline.input_.zero_point,
        output_scale=outline.output_.scale,
        output_zero_point=outline.output_.zero_point,
        ops=tuple(use.kind for use in outline.operators),
    )
    return Case(model=model, clip_count=2, clip_patches=10)
