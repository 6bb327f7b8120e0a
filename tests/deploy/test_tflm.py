"""The runtime `tflm`: resolver, logits as an output, trees, known defects, and the whole on an emulated Cortex-M7."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.deploy.compiler.cases import transposed
from tests.deploy.compiler.model_builder import ModelBuilder
from tests.deploy.compiler.recurrent_cases import lstm
from tests.deploy.compiler.streaming_cases import window
from tests.deploy.tflm_program import build_and_run, choose_sources, generated_inputs, kept_objects, tree
from tests.golden_fixture import MODEL_FILE
from tests.host_cpp.toolchain import FIRMWARE_LIB
from tinyaudio.core.board import load_board
from tinyaudio.core.errors import BuildError, ModelError, ToolError
from tinyaudio.deploy.build.tflite_micro import tflite_micro_source
from tinyaudio.deploy.compiler import compile_model
from tinyaudio.deploy.render import ModelRenderInputs, interpreted_model, plan_model, render_model_project
from tinyaudio.deploy.render.model import estimated_arena_bytes
from tinyaudio.deploy.tflm import (
    DEFECTS,
    HEADROOM_BYTES,
    find_tree,
    known_defects,
    known_differences,
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


def test_arena_and_model_are_aligned_in_the_generated_code() -> None:
    header = (FIRMWARE_LIB / "tinyaudio_placement/include/tinyaudio/placement.h").read_text(encoding="utf-8")
    arena_macros = re.findall(r"#define TINYAUDIO_ARENA (.*)", header)
    assert len(arena_macros) == 2 and all("aligned(16)" in macro for macro in arena_macros)
    assert render_tflm_model(MODEL_FILE.read_bytes(), name="model", kernel_library="", arena_bytes=1_001).arena_bytes % 16 == 0


def test_macs_and_shapes_are_those_that_the_compiler_finds() -> None:
    tflite = MODEL_FILE.read_bytes()
    model, compiled = render_tflm_model(tflite, name="model", kernel_library=""), compile_model(tflite, name="model")
    assert model.macs == compiled.macs > 0
    macs = {use.index: use.macs for use in model.ops}
    assert all(macs[operation.index] == operation.macs for operation in compiled.ops if operation.macs)
    assert (model.input_, model.output_, model.logits) == (compiled.input_, compiled.output_, compiled.logits)


def _converted(code: str, dtype: str, *, role: str) -> bytes:
    """Return a model of a RELU and a conversion to or from another type."""
    builder = ModelBuilder()
    other = {"scale": () if dtype == "float32" else 0.1, "dtype": dtype}
    source = builder.tensor("in", (1, 4), **(other if role == "input" else {"scale": 0.1}))
    inner = builder.tensor("inner", (1, 4), scale=0.1)
    result = builder.tensor("out", (1, 4), **(other if role == "output" else {"scale": 0.1}))
    first, second = (code, "RELU") if role == "input" else ("RELU", code)
    builder.operator(first, [source], [inner])
    builder.operator(second, [inner], [result])
    return builder.build(inputs=[source], outputs=[result])


@pytest.mark.parametrize(("code", "dtype", "c_type"), [("DEQUANTIZE", "float32", "float"), ("QUANTIZE", "uint8", "uint8_t")])
def test_other_outputs_come_as_they_are_or_as_the_int8_values_in_front(code: str, dtype: str, c_type: str) -> None:
    tflite = _converted(code, dtype, role="output")
    raw = render_tflm_model(tflite, name="model", kernel_library="")
    assert raw.output_.dtype == dtype
    assert f"const {c_type}* output();" in raw.files["generated/model.h"]
    inner = render_tflm_model(tflite, name="model", kernel_library="", int8_ends=True)
    assert (inner.output_.name, inner.output_.dtype) == ("inner", "int8")
    assert "const int8_t* output();" in inner.files["generated/model.h"]
    assert inner.output_ == compile_model(tflite, name="model", int8_ends=True).output_


def test_an_input_of_another_type_is_refused_where_int8_is_needed() -> None:
    tflite = _converted("QUANTIZE", "uint8", role="input")
    assert render_tflm_model(tflite, name="model", kernel_library="").input_.dtype == "uint8"
    with pytest.raises(ModelError, match="the model's input is not int8"):
        render_tflm_model(tflite, name="model", kernel_library="", int8_ends=True)


def test_a_streaming_model_can_forget_and_others_need_not() -> None:
    streaming = render_tflm_model(window(first=True), name="model", kernel_library="")
    assert streaming.state_bytes == compile_model(window(first=True), name="model").state_bytes > 0
    assert "tinyaudio::tflm::restart(kept_input, sizeof(kept_input));" in streaming.files["generated/model.cc"]
    plain = render_tflm_model(MODEL_FILE.read_bytes(), name="model", kernel_library="")
    assert plain.state_bytes == 0
    assert "void reset() {}" in plain.files["generated/model.cc"]


def _upsampling(output_rows: int) -> bytes:
    return transposed((4, 4, 2), 3, (3, 3), output=(output_rows, 8))


def test_a_model_that_keeps_clear_of_a_defect_is_not_exposed_to_it() -> None:
    def exposed(output_rows: int) -> bool:
        case = _upsampling(output_rows)
        return "TRANSPOSE_CONV" in json.loads(render_tflm_model(case, name="model", kernel_library="cmsis_nn").operators_json)["exposed"]

    assert not exposed(8)  # 4 rows, kernel 3, stride 2: pads 1 row in all, none of them on top
    assert exposed(7)  # 2 rows in all, one of them on top


def test_a_tree_that_rounds_otherwise_is_named(tmp_path: Path) -> None:
    assert known_differences(tmp_path, ["FULLY_CONNECTED"]) == ()
    source = tmp_path / "tensorflow/lite/kernels/kernel_util.cc"
    source.parent.mkdir(parents=True)
    source.write_text("double product =\n  static_cast<double>(input->params.scale * filter->params.scale);\n", encoding="utf-8")
    assert "GetQuantizedConvolutionMultipler" in known_differences(tmp_path, ["FULLY_CONNECTED", "CONV_2D"])[0]
    assert known_differences(tmp_path, ["CONV_2D"]) == ()
    assert known_differences(None, ["FULLY_CONNECTED"])  # the pinned packages


def test_what_is_fetched_is_on_no_list_of_defects() -> None:
    for library in ("cmsis_nn", ""):
        for component, version in (component for package in packages(library) for component in package.components):
            refuse_known_defects(component, version, OPERATORS)
    assert [package.components for package in packages("cmsis_nn") if package.name == "CMSIS-NN"] != [()]


def _made_tree(folder: Path, revision: str) -> Path:
    """Make what `find_tree` takes for a tree with CMSIS-NN."""
    for name in (
        "tensorflow/lite/micro/micro_interpreter.h",
        "tensorflow/lite/micro/kernels/cmsis_nn/conv.cc",
        "third_party/flatbuffers/include/flatbuffers.h",
        "third_party/gemmlowp/fixedpoint.h",
        "third_party/ruy/ruy.h",
        "third_party/cmsis_nn/Include/arm_nnfunctions.h",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("", encoding="utf-8")
    source = folder / "third_party/cmsis_nn/Source/ConvolutionFunctions/arm_transpose_conv_s8.c"
    source.parent.mkdir(parents=True)
    source.write_text(f"/* $Revision:    V.{revision} */\n", encoding="utf-8")
    return folder


def test_a_local_tree_with_a_known_defect_is_refused_before_anything_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def source(rows: int, revision: str) -> object:
        board = load_board("mps2_an500")
        model = interpreted_model(_upsampling(rows), name="model", board=board)
        project = render_model_project(ModelRenderInputs(board=board, compiled=model, model_sha256="0" * 64))
        monkeypatch.setenv("TINYAUDIO_TFLM_ROOT", str(_made_tree(tmp_path / f"{rows}_{revision}", revision)))
        return tflite_micro_source(project, board_id=board.id, toolchain="", offline=True)

    with pytest.raises(BuildError, match="shift rows"):
        source(7, "2.0.0")
    assert source(7, "2.0.1") and source(8, "2.0.0")


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


@pytest.mark.parametrize("board_id", ["stm32h7", "mps2_an500", "native"])
def test_an_estimated_arena_is_no_larger_than_one_piece_of_the_boards_memory(board_id: str) -> None:
    """A model of which generous estimates exceed any memory may well fit: what it really uses is less."""
    outline = replace(read_outline(MODEL_FILE.read_bytes()), live_bytes=400_000)
    board = load_board(board_id)
    estimated_bytes = estimated_arena_bytes(board, outline)
    pieces = [region.length_bytes for region in board.memory.regions.values() if region.kind in ("dtcm", "sram")]
    assert estimated_bytes <= max(pieces, default=board.budget.ram_bytes)
    assert estimated_bytes > 350_000
    model = render_tflm_model(MODEL_FILE.read_bytes(), name="large", kernel_library="", arena_bytes=estimated_bytes)
    plan_model(board, model)  # raises where it fits no memory


def test_a_folder_without_a_tree_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"is no tree of TFLite Micro: it has no tensorflow/lite/micro/micro_interpreter\.h") as caught:
        find_tree(tmp_path, "cmsis_nn")
    assert "OPTIMIZED_KERNEL_DIR=cmsis_nn" in caught.value.hint


def test_a_tree_named_from_here_is_found_by_a_build_that_runs_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _made_tree(tmp_path / "trees" / "cmsis_nn", "2.0.1")
    monkeypatch.chdir(tmp_path)
    assert find_tree(Path("trees"), "cmsis_nn").root == (tmp_path / "trees" / "cmsis_nn").resolve()


def test_components_with_known_defects_are_refused_with_reason_and_link() -> None:
    with pytest.raises(BuildError, match="shift rows") as caught:
        refuse_known_defects("CMSIS-NN arm_transpose_conv_s8", "2.0.0", ["CONV_2D", "TRANSPOSE_CONV"])
    assert "https://github.com/ARM-software/CMSIS-NN/issues/230" in caught.value.message
    assert caught.value.hint == "use 2.0.1 or later"
    refuse_known_defects("CMSIS-NN arm_transpose_conv_s8", "2.0.0", ["CONV_2D"])  # the model does not meet it
    refuse_known_defects("CMSIS-NN arm_transpose_conv_s8", "2.0.1", ["TRANSPOSE_CONV"])


@pytest.mark.parametrize(
    ("version", "defects"),
    [("1.1.2", 3), ("1.2.5", 3), ("1.2.6", 1), ("1.4.2", 0), ("1.4", 0), ("v1.4.0", 0), ("1.2", 3), ("a branch", 0), ("1.2.0~1", 3)],
)
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
    objects = kept_objects(root, kernel_library)
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


def test_an_output_in_front_of_a_conversion_is_bit_exact(tmp_path: Path) -> None:
    root = tree("cmsis_nn")
    from tinyaudio.learn.oracle import Oracle

    tflite = _converted("DEQUANTIZE", "float32", role="output")
    model = render_tflm_model(tflite, name="model", kernel_library="cmsis_nn", int8_ends=True)
    objects = kept_objects(root, "cmsis_nn")
    ran = build_and_run(model, root=root, kernel_library="cmsis_nn", directory=tmp_path, objects=objects, inputs=8)
    oracle = Oracle(tflite)
    expected = [oracle.run(values)[1] for values in generated_inputs(model.input_.elements, 8)]
    assert np.array_equal(ran.outputs, np.array(expected)), ran.fault


def test_an_lstm_is_a_streaming_model_whatever_tensors_it_leaves_behind() -> None:
    outline = read_outline(lstm(2, 3, 4))
    assert outline.state_bytes == 4 + 2 * 4
    assert outline.kinds == ("UNIDIRECTIONAL_SEQUENCE_LSTM",)
