"""What is exported keeps clear of kernels that compute stride 2 with SAME padding wrongly (https://github.com/espressif/esp-nn/issues/31)."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="training needs TensorFlow: pip install 'tinyaudio[train]'")

import tflite

from tinyaudio.core.project import Architecture, ModelTable
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.learn.quantize import convert_to_int8, make_stride_padding_explicit
from tinyaudio.learn.training import ARCHITECTURES, build_network

OPTIONS = {
    tflite.BuiltinOperator.CONV_2D: tflite.Conv2DOptions,
    tflite.BuiltinOperator.DEPTHWISE_CONV_2D: tflite.DepthwiseConv2DOptions,
}


def strided_same(data: bytes) -> list[int]:
    """Return the positions of all convolutions with a stride and SAME padding, read by other code than the exporter's."""
    model = tflite.Model.GetRootAsModel(data, 0)
    found = []
    for number in range(model.SubgraphsLength()):
        graph = model.Subgraphs(number)
        for index in range(graph.OperatorsLength()):
            operator = graph.Operators(index)
            kind = OPTIONS.get(model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode())
            if kind is not None:
                options, table = kind(), operator.BuiltinOptions()
                options.Init(table.Bytes, table.Pos)
                if max(options.StrideH(), options.StrideW()) > 1 and options.Padding() == tflite.Padding.SAME:
                    found.append(index)
    return found


@cache
def converted(architecture: Architecture) -> bytes:
    spec = FrontendSpec(mel_bands=21, patch_frames=33, patch_hop_frames=16)  # odd: SAME pads unevenly
    network = build_network(spec, ModelTable(architecture=architecture, blocks=4, width_multiplier=0.125), classes=3, batch_size=1)
    return convert_to_int8(network, np.random.default_rng(1).normal(size=(2, 33, 21, 1)).astype(np.float32))


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_no_architecture_is_exported_with_a_stride_and_same_padding(architecture: Architecture) -> None:
    assert strided_same(make_stride_padding_explicit(converted(architecture))) == []


def test_the_converter_itself_would_export_some() -> None:
    assert [name for name in sorted(ARCHITECTURES) if strided_same(converted(name))]
