"""Make tests/golden/tiny_mobilenet.{tflite,npz}: a tiny MobileNet on the integer front end, and the oracle's outputs.

Run it by hand (it needs ``tinyaudio[train]``) when the front end's integers change on purpose::

    python tests/make_golden_model.py
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.golden_fixture import LABELS, MODEL_FILE, SIGNALS, SPEC, VECTORS_FILE
from tinyaudio.dsp.frontend import compute_log_mel, design_feature_quantization, design_frontend, patches, quantize_features

SEED = 20_240_607
GOLDEN_SAMPLES = 9_000  # 54 frames, 2 patches
TRAINING_CLIPS_PER_LABEL = 24


def signal(name: str, generator: np.random.Generator, samples: int) -> npt.NDArray[np.int16]:
    """Return a signal of a class, or one of the extremes."""
    time = np.arange(samples) / SPEC.sample_rate_hz
    level = 10 ** generator.uniform(-1.5, -0.2)
    if name == "silence":
        return np.zeros(samples, dtype=np.int16)
    if name == "full_scale":
        return np.where(np.sin(2 * np.pi * 440 * time) >= 0, 32_767, -32_768).astype(np.int16)
    noise = generator.standard_normal(samples)
    if name == "tone":
        wave = np.sin(2 * np.pi * generator.uniform(300, 2_000) * time)
    elif name == "chirp":
        start, slope = generator.uniform(300, 1_000), generator.uniform(4_000, 9_000)
        wave = np.sin(2 * np.pi * (start * (time % 0.25) + slope * (time % 0.25) ** 2))
    elif name == "clicks":
        wave = noise * (time % generator.uniform(0.08, 0.15) < 0.004)
    else:
        wave = 0.3 * noise
    mixed = level * wave + 10**-2.5 * generator.standard_normal(samples)
    return np.clip(np.rint(mixed * 32_768), -32_768, 32_767).astype(np.int16)


def build_network(keras: Any, *, batch_size: int | None) -> Any:
    """Return the network; stride 2 is PAD + VALID, as tinyaudio exports it."""
    layers = keras.layers

    def block(tensor: Any, channels: int, stride: int) -> Any:
        if stride == 2:
            tensor = layers.ZeroPadding2D(((0, 1), (0, 1)))(tensor)
        tensor = layers.DepthwiseConv2D(3, strides=stride, padding="same" if stride == 1 else "valid")(tensor)
        tensor = layers.ReLU(max_value=6.0)(tensor)
        return layers.ReLU(max_value=6.0)(layers.Conv2D(channels, 1)(tensor))

    inputs = layers.Input((SPEC.patch_frames, SPEC.mel_bands, 1), batch_size=batch_size)
    tensor = layers.ZeroPadding2D(((0, 1), (0, 1)))(inputs)
    tensor = layers.ReLU(max_value=6.0)(layers.Conv2D(8, 3, strides=2, padding="valid")(tensor))
    for channels, stride in ((16, 1), (16, 2), (24, 2)):
        tensor = block(tensor, channels, stride)
    tensor = layers.GlobalAveragePooling2D()(tensor)
    return keras.Model(inputs, layers.Softmax()(layers.Dense(len(LABELS))(tensor)))


def train_and_quantize(log_mel: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> bytes:
    """Return a full-integer INT8 model of [patches, patch_frames, mel_bands, 1]."""
    import keras
    import tensorflow

    keras.utils.set_random_seed(SEED)
    trained = build_network(keras, batch_size=None)
    trained.compile(optimizer=keras.optimizers.Adam(0.004), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    trained.fit(log_mel, labels, epochs=4, batch_size=16, verbose=2)
    exported = build_network(keras, batch_size=1)
    exported.set_weights(trained.get_weights())
    converter = tensorflow.lite.TFLiteConverter.from_keras_model(exported)
    converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([patch[np.newaxis]] for patch in log_mel)
    converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tensorflow.int8
    converter.inference_output_type = tensorflow.int8
    return bytes(converter.convert())


def main() -> None:
    """Train, quantize, run the oracle, write the two files."""
    generator = np.random.default_rng(SEED)
    tables = design_frontend(SPEC, kernel="cmsis_q31")
    inputs, truths = [], []
    for index, label in enumerate(LABELS):
        for _ in range(TRAINING_CLIPS_PER_LABEL):
            found = patches(compute_log_mel(tables, signal(label, generator, 16_000)), SPEC)
            inputs.append(found)
            truths.append(np.full(len(found), index))
    log_mel = (np.concatenate(inputs) / 2.0**tables.log_fraction_bits).astype(np.float32)[..., np.newaxis]
    tflite = train_and_quantize(log_mel, np.concatenate(truths))
    arrays = oracle_arrays(tflite, generator)
    MODEL_FILE.parent.mkdir(exist_ok=True)
    MODEL_FILE.write_bytes(tflite)
    np.savez_compressed(VECTORS_FILE, **arrays)


def oracle_arrays(tflite: bytes, generator: np.random.Generator) -> dict[str, Any]:
    """Return what `golden_fixture` reads: signals, features, outputs and the facts of the model."""
    import tensorflow
    from tflite_micro.python.tflite_micro import runtime

    reader = tensorflow.lite.Interpreter(model_content=tflite)
    input_, output = reader.get_input_details()[0], reader.get_output_details()[0]
    ops = reader._get_ops_details()
    softmax = ops[-1]
    assert softmax["op_name"] == "SOFTMAX"
    interpreter = runtime.Interpreter.from_bytes(tflite, intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors)
    tables = design_frontend(SPEC, kernel="cmsis_q31")
    quantization = design_feature_quantization(*input_["quantization"], log_fraction_bits=tables.log_fraction_bits)
    arrays: dict[str, Any] = {
        "model_sha256": hashlib.sha256(tflite).hexdigest(),
        "frontend_fingerprint": tables.fingerprint,
        "input_scale": input_["quantization"][0],
        "input_zero_point": input_["quantization"][1],
        "output_scale": output["quantization"][0],
        "output_zero_point": output["quantization"][1],
        "ops": np.array([op["op_name"] for op in ops if op["op_name"] != "DELEGATE"]),
        "oracle": f"tflite-micro {importlib.metadata.version('tflite-micro')}",
    }
    for name in SIGNALS:
        pcm = signal(name, generator, GOLDEN_SAMPLES)
        features = patches(quantize_features(compute_log_mel(tables, pcm), quantization), SPEC)
        logits, outputs = [], []
        for patch in features:
            interpreter.set_input(patch[np.newaxis, :, :, np.newaxis], 0)
            interpreter.invoke()
            logits.append(interpreter.GetTensor(int(softmax["inputs"][0]), 0)["tensor_data"].reshape(-1).copy())
            outputs.append(interpreter.get_output(0).reshape(-1).copy())
        arrays |= {f"pcm_{name}": pcm, f"features_{name}": features, f"logits_{name}": np.array(logits), f"outputs_{name}": np.array(outputs)}
    return arrays


if __name__ == "__main__":
    main()
