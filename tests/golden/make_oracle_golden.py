"""Write tinyaudio/learn/oracle_golden.json: run by hand, with a tflite-micro that was checked against a device.

PYTHONPATH=. python tests/golden/make_oracle_golden.py
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np

from tinyaudio.core.files import write_text_atomically
from tinyaudio.core.project import ModelTable
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.learn.oracle import oracle_version
from tinyaudio.learn.oracle.interpreter import _logits_tensor, _open
from tinyaudio.learn.quantize import convert_to_int8, make_stride_padding_explicit
from tinyaudio.learn.training import build_network

VECTORS = 6
TARGET = Path(__file__).resolve().parents[2] / "tinyaudio" / "learn" / "oracle_golden.json"


def main() -> None:
    import keras

    keras.utils.set_random_seed(7)
    rng = np.random.default_rng(7)
    spec = FrontendSpec(mel_bands=15, patch_frames=20, patch_hop_frames=10)  # one odd size, one even: both kinds of SAME
    model = build_network(spec, ModelTable(width_multiplier=0.1, blocks=4), classes=5, batch_size=1)
    model.set_weights(
        [np.abs(part) + 0.2 if part.ndim == 1 else 1.7 * part for part in (w + 0.15 * rng.normal(size=w.shape) for w in model.get_weights())]
    )
    patches = rng.normal(-3.0, 1.6, size=(200, spec.patch_frames, spec.mel_bands, 1)).astype(np.float32)
    tflite = make_stride_padding_explicit(convert_to_int8(model, patches))
    interpreter, shape = _open(tflite)
    features = rng.integers(-128, 128, size=(VECTORS, spec.patch_frames * spec.mel_bands), dtype=np.int8)
    logits, outputs = [], []
    for vector in features:
        interpreter.set_input(vector.reshape(shape), 0)
        interpreter.invoke()
        logits.append(np.ravel(interpreter.GetTensor(_logits_tensor(tflite), 0)["tensor_data"]).tolist())
        outputs.append(np.ravel(interpreter.get_output(0)).tolist())
    record = {
        "made_with": oracle_version(),
        "tflite": base64.b64encode(tflite).decode("ascii"),
        "features": features.tolist(),
        "logits": logits,
        "outputs": outputs,
    }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in record.items())
    write_text_atomically(TARGET, f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    main()
