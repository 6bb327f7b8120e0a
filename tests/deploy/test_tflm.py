"""The runtime `tflm`: resolver, logits as an output, trees, known defects, and the whole on an emulated Cortex-M7."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.deploy.compiler.model_builder import ModelBuilder
from tests.deploy.tflm_program import build_and_run, choose_sources, generated_inputs, tree
from tests.golden_fixture import MODEL_FILE
from tinyaudio.core.errors import BuildError, ModelError, ToolError
from tinyaudio.deploy.tflm import (
    DEFECTS,
    HEADROOM_BYTES,
    find_tree,
    known_defects,
    packages,
    read_outline,
    refuse_known_defects,
    render_tflm_model,
    tight_arena_bytes,
)
from tinyaudio.deploy.tflm.outputs import with_outputs
from tinyaudio.deploy.tflm.resolver import OPERATORS, add_method


def _one_operator(code: str) -> bytes:
    builder = ModelBuilder()
    source = builder.tensor("in", (1, 4), scale=0.1)
    result = builder.tensor("out", (1, 4), scale=0.1)
    builder.operator(code, [source], [result])
    return builder.build(inputs=[source], outputs=[result])


def test_the_resolver_has_exactly_the_operators_used() -> None:
    model = render_tflm_model(MODEL_FILE.read_bytes(), name="model", kernel_library="cmsis_nn")
    text = model.files["generated/model.cc"]
    added = re.findall(r"resolver\.(Add\w+)\(\);", text)
    assert added == ["AddConv2D", "AddDepthwiseConv2D", "AddFullyConnected", "AddMean", "AddSoftmax"]
    assert "tflite::MicroMutableOpResolver<5> resolver;" in text
    assert "alignas(16) const uint8_t kModelData[kModelBytes]" in model.files["generated/model_weights.cc"]
    assert "TINYAUDIO_ARENA uint8_t arena[kArenaBytes];" in text


def test_the_same_model_gives_the_same_text() -> None:
    first, second = (render_tflm_model(MODEL_FILE.read_bytes(), name="model", kernel_library="") for _ in range(2))
    assert first == second


def test_an_operator_that_the_resolver_lacks_is_named() -> None:
    with pytest.raises(ModelError, match="TFLite Micro has no operator TOPK_V2") as caught:
        render_tflm_model(_one_operator("TOPK_V2"), name="model", kernel_library="")
    assert caught.value.where == "operator 0 TOPK_V2 (output tensor 'out')"


def test_the_logits_become_an_output_and_nothing_else_changes() -> None:
    tflite = MODEL_FILE.read_bytes()
    outline = read_outline(tflite)
    assert outline.logits.index != outline.output_.index == outline.file_output
    changed = with_outputs(tflite, (outline.output_.index, outline.logits.index))
    differing = [position for position, (a, b) in enumerate(zip(tflite, changed, strict=False)) if a != b]
    assert len(differing) <= 4  # one reference
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(changed)
    assert interpreter.get_output_details(1)["shape"].tolist() == [1, 4]


def test_a_tight_arena_is_aligned_and_has_headroom() -> None:
    assert tight_arena_bytes(1_001) == 1_008 + HEADROOM_BYTES
    assert HEADROOM_BYTES % 16 == 0


def test_a_folder_without_a_tree_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"is no tree of TFLite Micro: it has no tensorflow/lite/micro/micro_interpreter\.h") as caught:
        find_tree(tmp_path, "cmsis_nn")
    assert "OPTIMIZED_KERNEL_DIR=cmsis_nn" in caught.value.hint


def test_components_with_known_defects_are_refused_with_reason_and_link() -> None:
    with pytest.raises(BuildError, match="shift rows") as caught:
        refuse_known_defects("CMSIS-NN arm_transpose_conv_s8", "2.0.0", ["CONV_2D", "TRANSPOSE_CONV"])
    assert "https://github.com/ARM-software/CMSIS-NN/issues/230" in caught.value.message
    assert caught.value.hint == "use 2.0.1 or later"
    refuse_known_defects("CMSIS-NN arm_transpose_conv_s8", "2.0.0", ["CONV_2D"])  # the model does not meet it
    refuse_known_defects("CMSIS-NN arm_transpose_conv_s8", "2.0.1", ["TRANSPOSE_CONV"])


@pytest.mark.parametrize(("version", "defects"), [("1.1.2", 3), ("1.2.5", 3), ("1.2.6", 1), ("1.4.2", 0), ("a branch", 0), ("1.2.0~1", 3)])
def test_versions_compare_as_numbers(version: str, defects: int) -> None:
    found = known_defects("espressif/esp-nn", version, ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
    assert len(found) == defects


def test_every_defect_says_where_it_is_written_down() -> None:
    for defect in DEFECTS:
        assert defect.link.startswith("https://github.com/")
        assert defect.operators <= OPERATORS


def test_packages_are_pinned() -> None:
    for package in (*packages("cmsis_nn"), *packages("")):
        assert re.fullmatch(r"[0-9a-f]{40}|v\d+\.\d+\.\d+", package.commit)
    assert {package.name for package in packages("cmsis_nn")} - {package.name for package in packages("")} == {"CMSIS-NN"}


def test_the_operators_are_those_of_the_resolver() -> None:
    header = tree("") / "tensorflow/lite/micro/micro_mutable_op_resolver.h"
    methods = {
        operator: method
        for method, body in re.findall(r"TfLiteStatus (Add\w+)\((.*?)\n  \}", header.read_text(encoding="utf-8"), re.DOTALL)
        for operator in re.findall(r"AddBuiltin\(BuiltinOperator_(\w+)", body)
    }
    assert set(methods) == OPERATORS
    assert {operator: add_method(operator) for operator in OPERATORS} == methods


def test_a_tree_of_other_kernels_is_refused() -> None:
    with pytest.raises(ToolError, match="has no reference kernels"):
        find_tree(tree("cmsis_nn"), "")


def test_sources_are_those_that_the_operators_lead_to() -> None:
    root = tree("cmsis_nn")
    module = choose_sources()
    few = module.choose_sources(root, operators=["SOFTMAX"], kernel_library="cmsis_nn").runtime
    assert "tensorflow/lite/micro/kernels/cmsis_nn/softmax.cc" in few
    assert not any("conv" in name for name in few if "/kernels/" in name)
    with pytest.raises(module.SourcesError, match="no operator TOPK_V2"):
        module.choose_sources(root, operators=["TOPK_V2"], kernel_library="cmsis_nn")


@pytest.mark.parametrize("kernel_library", ["cmsis_nn", ""])
def test_the_model_is_bit_exact_with_the_oracle(kernel_library: str, tmp_path: Path) -> None:
    root = tree(kernel_library)
    from tinyaudio.learn.oracle import Oracle

    tflite, count = MODEL_FILE.read_bytes(), 8
    model = render_tflm_model(tflite, name="model", kernel_library=kernel_library)
    objects = tmp_path / "objects"
    ran = build_and_run(model, root=root, kernel_library=kernel_library, directory=tmp_path / "generous", objects=objects, inputs=count)
    oracle = Oracle(tflite)
    expected = [oracle.run(values) for values in generated_inputs(model.input_.elements, count)]
    assert np.array_equal(ran.logits, np.array([logits for logits, _ in expected]))
    assert np.array_equal(ran.outputs, np.array([outputs for _, outputs in expected]))

    tight = render_tflm_model(tflite, name="model", kernel_library=kernel_library, arena_bytes=tight_arena_bytes(ran.arena_used_bytes))
    again = build_and_run(tight, root=root, kernel_library=kernel_library, directory=tmp_path / "tight", objects=objects, inputs=count)
    assert np.array_equal(again.outputs, ran.outputs)
    small = render_tflm_model(tflite, name="model", kernel_library=kernel_library, arena_bytes=ran.arena_used_bytes // 2)
    failed = build_and_run(small, root=root, kernel_library=kernel_library, directory=tmp_path / "small", objects=objects, inputs=count)
    assert re.fullmatch(r"the model's arena of \d+ bytes is too small: at least \d+ bytes are missing", failed.fault)
