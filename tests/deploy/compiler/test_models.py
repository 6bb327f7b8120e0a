"""Whole models against the reference interpreter: 0 mismatches in the output and in front of the softmax."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.deploy.compiler.host_models import NN, HostModels, reference_outputs, varied_inputs
from tests.golden_fixture import MODEL_FILE
from tests.host_cpp.toolchain import REPOSITORY
from tinyaudio.core.tflite_metadata import open_model
from tinyaudio.deploy.compiler import compile_model

DATA = Path(os.environ.get("TINYAUDIO_DATA", REPOSITORY.parent / "shared" / "data")) / "models"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A model of the data folder, and the most RAM it may take."""

    path: str
    inputs: int
    arena_bytes: int


#: The interpreter takes about 20 ms for a million multiply-accumulates, so large models get few inputs here.
MODELS = {
    "mobilenet": Reference(path="bench/mobilenet_v1_025_96x64.tflite", inputs=40, arena_bytes=33_000),
    "autoencoder": Reference(path="bench/conv_ae_96x64.tflite", inputs=40, arena_bytes=40_000),
    "keyword_spotting": Reference(path="mlperf_tiny/kws_ref_model.tflite", inputs=40, arena_bytes=16_000),
    "dense_autoencoder": Reference(path="mlperf_tiny/ad01_int8.tflite", inputs=200, arena_bytes=2_580),
    "micro_speech": Reference(path="tflite_micro/micro_speech_quantized.tflite", inputs=100, arena_bytes=5_000),
    "wake_word": Reference(path="microwakeword_v2/hey_jarvis.tflite", inputs=200, arena_bytes=17_492),  # streaming
    "sound_events": Reference(path="stm32ai/yamnet_256_esc10/yamnet_256_64x96_int8.tflite", inputs=6, arena_bytes=130_000),
}


def _load(reference: Reference) -> bytes:
    path = DATA / reference.path
    if not path.is_file():
        pytest.skip(f"the model {reference.path} is not in TINYAUDIO_DATA")
    return path.read_bytes()


def _expected(tflite: bytes, inputs: np.ndarray, logits_name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (outputs, logits) of the reference interpreter, one input after the other."""
    runtime = pytest.importorskip("tflite_micro", reason="the reference interpreter is not installed: pip install tinyaudio[train]").runtime
    configuration = runtime.InterpreterConfig.kPreserveAllTensors
    interpreter = runtime.Interpreter.from_bytes(tflite, arena_size=4 << 20, intrepreter_config=configuration)
    subgraph = open_model(tflite).Subgraphs(0)
    names = [(subgraph.Tensors(index).Name() or b"").decode() for index in range(subgraph.TensorsLength())]
    shape = interpreter.get_input_details(0)["shape"]
    outputs, logits = [], []
    for values in inputs:
        interpreter.set_input(values.reshape(shape), 0)
        interpreter.invoke()
        outputs.append(interpreter.get_output(0).ravel().copy())
        logits.append(np.array(interpreter.GetTensor(names.index(logits_name), 0)["tensor_data"]).ravel())
    return np.array(outputs), np.array(logits)


@pytest.mark.parametrize("dsp", [False, True], ids=["plain", "dsp"])
@pytest.mark.parametrize("name", MODELS)
def test_model_is_bit_exact(name: str, dsp: bool, tmp_path: Path) -> None:
    reference = MODELS[name]
    tflite = _load(reference)
    host = HostModels({name: tflite}, tmp_path, dsp=dsp, sanitize=False)  # test_operators runs both under the sanitizers
    compiled = host.compiled[name]
    count = reference.inputs // 4 if dsp else reference.inputs  # emulated instructions are slow on the host
    inputs = varied_inputs(compiled.input_.elements, max(count, 3), dtype=compiled.input_.dtype, seed=7)
    outputs, logits = host.run(name, inputs)
    expected_outputs, expected_logits = _expected(tflite, inputs, compiled.logits.name)
    assert np.count_nonzero(outputs != expected_outputs) == 0
    assert np.count_nonzero(logits != expected_logits) == 0
    assert len(np.unique(logits)) > 10
    assert compiled.arena_bytes <= reference.arena_bytes


@pytest.mark.parametrize(("name", "arena_bytes"), [("mobilenet", 15_000), ("sound_events", 60_000)])
def test_model_is_bit_exact_in_little_memory(name: str, arena_bytes: int, tmp_path: Path) -> None:
    """Chains pass rows on: maps of 49 and 98 KB of the second model are never in memory as a whole."""
    tflite = _load(MODELS[name])
    host = HostModels({name: tflite}, tmp_path, dsp=True, sanitize=False, optimize="ram")
    compiled = host.compiled[name]
    inputs = varied_inputs(compiled.input_.elements, 3, dtype=compiled.input_.dtype, seed=8)
    outputs, logits = host.run(name, inputs)
    expected_outputs, expected_logits = _expected(tflite, inputs, compiled.logits.name)
    np.testing.assert_array_equal(outputs, expected_outputs)
    np.testing.assert_array_equal(logits, expected_logits)
    assert compiled.arena_bytes <= arena_bytes


def test_logits_are_the_input_of_the_final_softmax(tmp_path: Path) -> None:
    tflite = MODEL_FILE.read_bytes()
    host = HostModels({"golden": tflite}, tmp_path, dsp=True, sanitize=False)
    compiled = host.compiled["golden"]
    inputs = np.random.default_rng(8).integers(-128, 128, (50, compiled.input_.elements)).astype(np.int8)
    outputs, logits = host.run("golden", inputs)
    np.testing.assert_array_equal(outputs, reference_outputs(tflite, inputs))
    assert compiled.logits.name != compiled.output_.name
    real = (logits.astype(np.float64) - compiled.logits.zero_point) * compiled.logits.scale
    probabilities = np.exp(real - real.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    np.testing.assert_allclose((outputs.astype(np.float64) + 128) / 256, probabilities, atol=1 / 128)


def test_costs_of_the_bench_model() -> None:
    compiled = compile_model(_load(MODELS["mobilenet"]), name="mobilenet")
    assert compiled.macs == 4_774_144
    assert compiled.input_.elements == 96 * 64
    assert compiled.input_.shape == (1, 96, 64, 1)
    assert compiled.weights_bytes == sum(op.weights_bytes for op in compiled.ops)
    assert compiled.state_bytes == 0


def test_generated_text_is_reproducible_and_names_its_tensors() -> None:
    tflite = MODEL_FILE.read_bytes()
    first, second = (compile_model(tflite, name="golden") for _ in range(2))
    assert first == second
    assert list(first.files) == ["generated/model.h", "generated/model.cc", "generated/model_weights.h", "generated/model_weights.cc"]
    for op in first.ops:
        assert f"void {op.name}() {{" in first.files["generated/model.cc"]
    assert f"kArenaBytes = {first.arena_bytes};" in first.files["generated/model.h"]


def test_kernel_headers_have_no_cpp_library() -> None:
    for path in NN.rglob("*.[hc]*"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not line.startswith("#include <c"), f"{path.name}: {line}"
