"""The golden project: a tiny model, signals, and what `tflite-micro` computes for them. Needs neither TensorFlow nor training.

`tests/make_golden_model.py` makes the two files; this module reads them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinyaudio.core.artifacts import QuantizedModel
from tinyaudio.core.spec import FrontendSpec

GOLDEN = Path(__file__).parent / "golden"
MODEL_FILE = GOLDEN / "tiny_mobilenet.tflite"
VECTORS_FILE = GOLDEN / "tiny_mobilenet.npz"

#: The default front end with a third of the patch, so that clips are short.
SPEC = FrontendSpec(patch_frames=32, patch_hop_frames=16)
LABELS = ("chirp", "clicks", "noise", "tone")
SIGNALS = ("chirp", "clicks", "noise", "tone", "silence", "full_scale")


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenVectors:
    """Signals and the outputs of the oracle, a patch each."""

    model: QuantizedModel
    pcm: dict[str, npt.NDArray[np.int16]]  # signal -> [samples]
    features: dict[str, npt.NDArray[np.int8]]  # signal -> [patches, patch_frames, mel_bands]
    logits: dict[str, npt.NDArray[np.int8]]  # signal -> [patches, labels]
    outputs: dict[str, npt.NDArray[np.int8]]  # signal -> [patches, labels]
    oracle: str


@cache
def golden_vectors() -> GoldenVectors:
    tflite = MODEL_FILE.read_bytes()
    with np.load(VECTORS_FILE) as stored:
        arrays = dict(stored)
    assert str(arrays["model_sha256"]) == hashlib.sha256(tflite).hexdigest(), "the vectors are not of this model; run tests/make_golden_model.py"
    return GoldenVectors(
        model=QuantizedModel(
            tflite=tflite,
            sha256=hashlib.sha256(tflite).hexdigest(),
            labels=LABELS,
            spec=SPEC,
            kernel="cmsis_q31",
            frontend_fingerprint=str(arrays["frontend_fingerprint"]),
            input_scale=float(arrays["input_scale"]),
            input_zero_point=int(arrays["input_zero_point"]),
            output_scale=float(arrays["output_scale"]),
            output_zero_point=int(arrays["output_zero_point"]),
            ops=tuple(str(name) for name in arrays["ops"]),
        ),
        pcm={name: arrays[f"pcm_{name}"] for name in SIGNALS},
        features={name: arrays[f"features_{name}"] for name in SIGNALS},
        logits={name: arrays[f"logits_{name}"] for name in SIGNALS},
        outputs={name: arrays[f"outputs_{name}"] for name in SIGNALS},
        oracle=str(arrays["oracle"]),
    )
