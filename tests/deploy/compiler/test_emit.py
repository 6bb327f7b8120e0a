"""The generated text."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np

from tests.deploy.compiler.cases import CASES
from tests.deploy.compiler.host_models import HostModels
from tests.deploy.compiler.model_builder import ModelBuilder
from tinyaudio.deploy.compiler import compile_model
from tinyaudio.deploy.compiler.emit import plain_text


def test_names_from_a_foreign_file_cannot_break_the_code(tmp_path: Path) -> None:
    model = ModelBuilder()
    values = model.tensor("in\\\n#error", (1, 4), scale=0.1)
    middle = model.tensor("int", (1, 4), scale=1 / 256, zero_point=-128)
    output = model.tensor('"); }\n#error injected\\', (1, 4), scale=1 / 256, zero_point=-128)
    model.operator("SOFTMAX", [values], [middle], "SoftmaxOptions", Beta=1.0)
    model.operator("SOFTMAX", [middle], [output], "SoftmaxOptions", Beta=1.0)
    tflite = model.build(inputs=[values], outputs=[output])
    assert compile_model(tflite, name="evil\\\n#error").ops[0].name == "op0_int"
    outputs, _ = HostModels({"evil": tflite}, tmp_path, dsp=False).run("evil", np.zeros((1, 4), np.int8))
    assert outputs.tolist() == [[-64] * 4]


def test_comments_keep_their_line() -> None:
    assert plain_text("a\nb\\") == "a_b_"
    assert plain_text("model/conv_1;batch:0 [3]") == "model/conv_1;batch:0 [3]"


def test_equal_shapes_share_one_kernel() -> None:
    rng = np.random.default_rng(2)
    model = ModelBuilder()
    tensors = [model.tensor(f"t{index}", (1, 4, 4, 8), scale=0.1) for index in range(4)]
    for source, target in pairwise(tensors):
        weights = model.tensor("weights", (8, 1, 1, 8), scale=0.01, data=rng.integers(-127, 128, (8, 1, 1, 8)))
        model.operator("CONV_2D", [source, weights, -1], [target], "Conv2DOptions", StrideH=1, StrideW=1)
    text = compile_model(model.build(inputs=[tensors[0]], outputs=[tensors[-1]]), name="same").files["generated/model.cc"]
    assert len(re.findall(r"^struct ", text, re.MULTILINE)) == 1
    assert len(re.findall(r"pointwise<PointwiseShape0>", text)) == 3


def test_every_function_says_what_it_computes() -> None:
    text = compile_model(CASES["conv_3x3_same"](), name="case").files["generated/model.cc"]
    assert "// CONV_2D [1, 6, 5, 3] * [4, 3, 3, 3] -> [1, 6, 5, 4]; 3240 multiply-accumulates\nvoid op0_output() {" in text
