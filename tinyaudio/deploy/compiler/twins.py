"""The kernel `conv_twins`: when it serves, and its stream of weights; see firmware/lib/tinyaudio_nn/.../conv_twins.h."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyaudio.deploy.compiler.channels import ChannelConstants
from tinyaudio.deploy.compiler.columns import stream_shape
from tinyaudio.deploy.compiler.fine import FineRequantization, fine_requantization
from tinyaudio.deploy.compiler.graph import Arrays, Constant, IntArray, Kernel, Pointer, Scratch, Tensor
from tinyaudio.deploy.compiler.ops.conv_2d import Placement
from tinyaudio.deploy.compiler.window import Window

_TWIN_BITS = 21  # kTwinBits of conv_twins.h
_BLOCK_PIXELS = 4
_CHANNELS = 8  # its assembly's loop takes so many at a time
_MOST_KERNEL_ROWS = 3
_MOST_PHASES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinPhase:
    """One convolution among those that interleave their rows of outputs."""

    window: Window
    constants: ChannelConstants
    placement: Placement


def twin_kernel(image: Tensor, phases: Sequence[TwinPhase], *, macs: int) -> Kernel | None:
    """Return one call of `conv_twins` for all `phases`, first row first; None where it does not serve."""
    fines = [fine_requantization(phase.constants) for phase in phases]
    known = [fine for fine in fines if fine is not None]
    serves = len(known) == len(phases) <= _MOST_PHASES and all(_serves(image, phase) for phase in phases) and _interleave(phases)
    if not serves or len({int(fine.shifts[0]) for fine in known}) != 1:
        return None
    before = max(phase.window.height.before for phase in phases)
    rows = before + max(phase.window.height.size - phase.window.height.before for phase in phases)
    if rows > _MOST_KERNEL_ROWS:
        return None
    places = ", ".join(f"{{{before - phase.window.height.before}, {phase.window.height.size}}}" for phase in phases)
    first, placement, channels = phases[0], phases[0].placement, len(phases[0].constants.weights)
    return Kernel(
        function="conv_twins",
        header="conv_twins.h",
        arguments=(
            Pointer(tensor=image.index),
            Pointer(tensor=placement.output, offset_bytes=placement.offset),
            Arrays(constants=(_stream(image, phases, known),)),
            Scratch(),
        ),
        shape=(
            ("InputHeight", image.shape[1]),
            ("InputWidth", image.shape[2]),
            ("InputChannels", image.shape[3]),
            ("InputZeroPoint", image.zero_point),
            ("KernelHeight", rows),
            ("PaddingTop", before),
            ("Phases", f"tinyaudio::nn::TwinPhases{{{len(phases)}, {{{places}}}}}"),
            ("OutputHeight", placement.height),
            ("OutputChannels", channels),
            ("OutputColumnStep", placement.column_step),
            ("OutputRowStep", placement.row_step),
            *stream_shape("wide", shift=int(known[0].shifts[0]), constants=first.constants),
        ),
        scratch_bytes=2 * rows * image.shape[2] * image.shape[3],
        macs=macs,
    )


def _serves(image: Tensor, phase: TwinPhase) -> bool:
    height, width = phase.window.height, phase.window.width
    single_steps = all(extent.stride == 1 and extent.dilation == 1 for extent in (height, width)) and height.before >= 0
    columns = width.size == 2 and width.before == 1 and phase.placement.width == image.shape[2] and image.shape[2] % _BLOCK_PIXELS == 0
    channels = image.shape[3] % _CHANNELS == 0 and len(phase.constants.weights) % 2 == 0
    return single_steps and columns and channels and _sums_fit(phase.constants)


def _interleave(phases: Sequence[TwinPhase]) -> bool:
    """Whether the phases have as many rows of outputs each, and these lie evenly spaced."""
    first, count = phases[0].placement, len(phases)
    return first.row_step % count == 0 and all(
        (phase.placement.height, phase.placement.offset) == (first.height, first.offset + number * first.row_step // count)
        for number, phase in enumerate(phases)
    )


def _sums_fit(constants: ChannelConstants) -> bool:
    """Whether no sum of products, of all weights or of some, leaves its 21 bits."""
    return int(128 * np.abs(constants.weights.astype(np.int64)).sum(axis=1).max()) < 1 << (_TWIN_BITS - 1)


def _stream(image: Tensor, phases: Sequence[TwinPhase], fines: Sequence[FineRequantization]) -> Constant:
    parts = [_phase_words(image, phase, fine).ravel() for phase, fine in zip(phases, fines, strict=True)]
    return Constant(role=f"channels{phases[0].constants.role_suffix}", c_type="int32_t", values=np.concatenate(parts).astype(np.int32))


def _phase_words(image: Tensor, phase: TwinPhase, fine: FineRequantization) -> IntArray:
    """Return [pair of channels, words]."""
    bias, multipliers, _ = (constant.values.astype(np.int64) for constant in phase.constants.constants)
    channels, middle = len(bias), 1 << (_TWIN_BITS - 1)
    taps = phase.constants.weights.astype(np.int64).reshape(channels, phase.window.height.size, 2, image.shape[3])
    before, own = taps[:, :, 0].reshape(channels, -1), taps[:, :, 1].reshape(channels, -1)
    scale = np.int64(1) << fine.fraction_bits
    # The scaled bias wraps where the sum that it is added to does; what comes out fits.
    wrapped_bias = ((bias - middle) * scale).astype(np.uint32).view(np.int32)
    return np.concatenate(
        [
            (middle + image.zero_point * before.sum(axis=1)).reshape(-1, 2),
            (own + (before << _TWIN_BITS)).reshape(channels // 2, 2, -1).transpose(0, 2, 1).reshape(channels // 2, -1),
            np.stack([wrapped_bias, scale, multipliers, fine.addends], axis=1).reshape(-1, 8),
        ],
        axis=1,
    )
