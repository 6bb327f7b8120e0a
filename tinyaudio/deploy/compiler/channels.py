"""Weights, bias and requantization of an operator, channel by channel, in the form the kernels take.

The input's zero point is folded into the bias: sum (x - z) w + b = sum x w + (b - z sum w).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyaudio.core.errors import ModelError
from tinyaudio.deploy.compiler.arithmetic import Bounds, FixedPointMultiplier, quantize_multiplier
from tinyaudio.deploy.compiler.graph import ABSENT, Constant, Graph, Operation, Tensor

# Bounds under which the short requantization is exact, see firmware/lib/tinyaudio_nn/include/tinyaudio/nn/requantize.h.
_FAST_ACCUMULATOR_LIMIT = 2**30
_FAST_SHIFTS = range(1, 22)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelOperands:
    """What an operator with per-channel requantization multiplies, adds and rescales."""

    input: Tensor
    weights: npt.NDArray[np.int8]  # [output channels, depth], in the order in which the kernel meets the inputs
    bias: npt.NDArray[np.int64]  # [output channels]
    factors: tuple[float, ...]  # [output channels]; accumulator -> output, real
    output: Tensor
    bounds: Bounds
    where: str  # the operator, for errors


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelConstants:
    """The same as constants of the generated code."""

    weights: npt.NDArray[np.int8]  # [output channels, depth]
    constants: tuple[Constant, Constant, Constant]  # bias, multipliers and right shifts
    role_suffix: str  # of the names of what differs between the calls of one operator
    largest: npt.NDArray[np.int64]  # [output channels]; no accumulator is larger in size
    rounding: str  # of Requantization
    output_zero_point: int
    shape: tuple[tuple[str, int | str], ...]  # what Requantizer takes from a Shape


def channel_operands(operation: Operation, graph: Graph, *, weights: npt.NDArray[np.int8], bounds: Bounds, repeats: int = 1) -> ChannelOperands:
    """Collect the operands of an `operation` whose inputs are values, weights and, perhaps, a bias; `weights` as in `ChannelOperands`.

    With `repeats`, `weights` holds the operation's channels several times over; their biases and scales repeat.
    """
    values, output = graph.tensor(operation.inputs[0]), graph.tensor(operation.outputs[0])
    quantization = graph.tensor(operation.inputs[1]).quantization
    scales = quantization.scales if quantization is not None else ()
    per_channel = scales * len(weights) if len(scales) == 1 else scales * repeats
    bias = graph.tensor(operation.inputs[2]).data if len(operation.inputs) > 2 and operation.inputs[2] != ABSENT else None
    return ChannelOperands(
        input=values,
        weights=weights,
        bias=np.zeros(len(weights), np.int64) if bias is None else np.tile(bias.ravel().astype(np.int64), repeats),
        # In double precision from left to right, as the reference computes it.
        factors=tuple(values.scale * scale / output.scale for scale in per_channel),
        output=output,
        bounds=bounds,
        where=operation.where(graph),
    )


def channel_constants(operands: ChannelOperands, *, role_suffix: str = "") -> ChannelConstants:
    """Fold the zero point, compute the multipliers, and prove which requantization is exact.

    `role_suffix` tells the weights and biases of several calls of one operator apart.

    Raises
    ------
    ModelError
        If an accumulator could leave int32, or a factor has no fixed-point form; it names the channel.
    """
    weights = operands.weights.astype(np.int64)
    bias = operands.bias - operands.input.zero_point * weights.sum(axis=1)
    largest = np.abs(bias) + 128 * np.abs(weights).sum(axis=1)
    if int(largest.max()) >= 2**31:
        channel = int(largest.argmax())
        raise ModelError(f"the accumulator of channel {channel} can leave int32", hint="quantize with a larger weight scale", where=operands.where)
    multipliers = [_multiplier(factor, channel, operands.where) for channel, factor in enumerate(operands.factors)]
    low, high = operands.bounds
    fast = int(largest.max()) < _FAST_ACCUMULATOR_LIMIT and all(m.right_shift in _FAST_SHIFTS for m in multipliers)
    rounding = "kGeneral" if not fast else ("kClampedAtZeroPoint" if low == operands.output.zero_point else "kRounded")
    return ChannelConstants(
        weights=operands.weights,
        constants=(
            Constant(role=f"bias{role_suffix}", c_type="int32_t", values=bias),
            Constant(role="multipliers", c_type="int32_t", values=np.array([m.multiplier for m in multipliers])),
            Constant(role="right_shifts", c_type="int8_t", values=np.array([m.right_shift for m in multipliers])),
        ),
        role_suffix=role_suffix,
        largest=largest,
        rounding=rounding,
        output_zero_point=operands.output.zero_point,
        shape=(
            ("OutputZeroPoint", operands.output.zero_point),
            ("ActivationMin", low),
            ("ActivationMax", high),
            ("Requantization", f"tinyaudio::nn::Requantization::{rounding}"),
        ),
    )


def pack_position_pairs(weights: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Return ``weights[channels, positions]`` packed as ``[channels / 2][positions / 2][2 channels][2 positions]``, padded with zeros, flat."""
    channels, positions = weights.shape
    padded: npt.NDArray[np.int8] = np.zeros((even(channels), even(positions)), np.int8)
    padded[:channels, :positions] = weights
    return padded.reshape(even(channels) // 2, 2, even(positions) // 2, 2).transpose(0, 2, 1, 3).ravel()


def even(count: int) -> int:
    """Return the next even number."""
    return count + count % 2


def _multiplier(factor: float, channel: int, where: str) -> FixedPointMultiplier:
    try:
        fixed = quantize_multiplier(factor)
    except ValueError as error:
        raise ModelError(f"channel {channel}: {error}", hint="export the model again; its scales do not fit together", where=where) from error
    # A factor of zero gives zero with every shift; 1 keeps the short requantization possible.
    return fixed if fixed.multiplier else FixedPointMultiplier(multiplier=0, right_shift=1)
