"""What ESP-NN's kernels may ask of the arena, by their own rules for the sizes."""

from __future__ import annotations

import dataclasses

import pytest

from tests.golden_fixture import MODEL_FILE
from tinyaudio.deploy.tflm import OperatorUse, esp_nn_scratch_bytes, generous_arena_bytes, likely_arena_bytes, read_outline

OUTLINE = read_outline(MODEL_FILE.read_bytes(), int8_ends=True)


def scratch_bytes(kind: str, input_shape: tuple[int, ...], output_shape: tuple[int, ...], weights_bytes: int) -> int:
    use = OperatorUse(
        index=0,
        kind=kind,
        name="",
        inputs=(0,),
        outputs=(1,),
        input_shape=input_shape,
        output_shape=output_shape,
        macs=0,
        weights_bytes=weights_bytes,
    )
    return esp_nn_scratch_bytes(dataclasses.replace(OUTLINE, operators=(use,)))


@pytest.mark.parametrize(
    ("input_shape", "output_shape", "needed_bytes"),
    [
        # the two layers that https://github.com/espressif/esp-nn/issues/30 has figures of; the first needs 44,912 bytes
        ((1, 49, 20, 32), (1, 25, 10, 32), 44_912),
        ((1, 25, 10, 64), (1, 13, 5, 64), 9 * 64 + 16 + 29 * 14 * 64 + 13 * 5 * 64),
    ],
)
def test_depthwise_convolutions_get_what_the_kernel_writes(input_shape: tuple[int, ...], output_shape: tuple[int, ...], needed_bytes: int) -> None:
    channels = input_shape[-1]
    assert needed_bytes <= scratch_bytes("DEPTHWISE_CONV_2D", input_shape, output_shape, 9 * channels + 4 * channels) <= 1.5 * needed_bytes


def test_a_pointwise_convolution_copies_its_weights() -> None:
    assert 65_536 <= scratch_bytes("CONV_2D", (1, 6, 4, 256), (1, 6, 4, 256), 65_536 + 1_024) <= 65_536 + 1_024
    assert scratch_bytes("CONV_2D", (1, 6, 4, 20), (1, 6, 4, 20), 400 + 80) >= 32 * 20 + 6 * 4 * 24


def test_other_operators_ask_for_nothing() -> None:
    assert scratch_bytes("MEAN", (1, 6, 4, 256), (1, 256), 0) == 0


def test_what_is_likely_lies_between_what_is_sure_and_what_is_generous() -> None:
    likely = likely_arena_bytes(OUTLINE)
    assert OUTLINE.live_bytes < likely < generous_arena_bytes(OUTLINE) + esp_nn_scratch_bytes(OUTLINE)
