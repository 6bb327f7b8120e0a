"""What a call of a kernel does, from which predictions are made."""

from __future__ import annotations

import pytest

from tests.deploy.compiler.cases import convolution, dense, transposed
from tinyaudio.deploy.compiler import KernelWork, compile_model


def _work(tflite: bytes, *, optimize: str = "size") -> tuple[KernelWork, ...]:
    operations = compile_model(tflite, name="case", optimize=optimize).ops  # type: ignore[arg-type]
    return operations[0].work


def _single(tflite: bytes, *, optimize: str = "size") -> KernelWork:
    (work,) = _work(tflite, optimize=optimize)
    return work


def test_a_single_channel_is_gathered_value_by_value() -> None:
    """A kernel of 70 values: they are copied for each output anew, which costs more than all else of a small layer."""
    work = _single(convolution((20, 16, 1), 8, (10, 7), stride=(2, 2)))
    pixels = 10 * 8
    expected = KernelWork(kernel="conv_2d", byte_macs=pixels * 8 * 70, wide_macs=0, plain_macs=0, values=pixels * 8, spread=0, gathered=pixels * 70)
    assert work == expected


def test_rows_of_a_kernel_that_are_groups_of_four_are_spread() -> None:
    work = _single(convolution((20, 16, 1), 8, (10, 8), stride=(2, 2)))
    assert (work.kernel, work.spread, work.gathered) == ("conv_2d", 10 * 8 * 80, 0)
    dilated = _single(convolution((20, 16, 1), 8, (10, 8), dilation=(1, 2)))
    assert (dilated.spread, dilated.gathered) == (0, 20 * 16 * 80)


def test_groups_of_four_channels_are_spread() -> None:
    work = _single(convolution((6, 8, 4), 6, (3, 3)))
    assert (work.kernel, work.spread, work.gathered) == ("conv_2d", 6 * 8 * 9 * 4, 0)
    in_rows = _single(convolution((6, 8, 4), 6, (3, 3)), optimize="speed")  # each input once, with its padding
    assert (in_rows.kernel, in_rows.spread, in_rows.gathered) == ("conv_rows", 8 * 10 * 4, 0)
    assert (in_rows.byte_macs, in_rows.wide_macs) == (0, work.byte_macs)


@pytest.mark.parametrize(
    ("tflite", "share"),
    [
        (convolution((1, 4, 8), 4, (1, 1)), 0.0),
        (convolution((1, 1, 8), 4, (1, 1)), 1.0),  # no block of three or four pixels
        (convolution((1, 5, 8), 4, (1, 1)), 0.2),
        (convolution((1, 4, 8), 3, (1, 1)), 1.0),  # no pairs of channels
        (convolution((1, 4, 8), 4, (1, 1), gain=900.0), 1.0),  # the general requantization
        (convolution((1, 4, 8), 4, (1, 1), activation="relu6"), 1.0),  # what SSAT cannot clamp
    ],
)
def test_what_no_assembly_multiplies_is_told_apart(tflite: bytes, share: float) -> None:
    work = _single(tflite)
    assert work.plain_macs == round(share * (work.plain_macs + work.byte_macs))


def test_a_dense_layer_copies_nothing() -> None:
    work = _single(dense(1, 64, 6, per_channel=False))
    assert (work.kernel, work.values, work.spread, work.gathered) == ("dense", 6, 0, 0)


def test_each_call_of_a_transposed_convolution_counts() -> None:
    calls = _work(transposed((4, 8, 8), 4, (3, 3)), optimize="speed")
    assert [call.kernel for call in calls] == ["conv_twins", "conv_rows", "conv_rows"]
    assert sum(call.wide_macs for call in calls) == 4 * 8 * 8 * 4 * 9
    assert sum(call.values for call in calls[1:]) == calls[0].values == 4 * 16 * 4
    assert calls[0].spread == (4 + 1) * 8 * 8  # once for both phases of rows, and a row of padding
