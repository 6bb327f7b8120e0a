"""The kernel `depthwise_3x3`: when it serves, and its stream of weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyaudio.deploy.compiler.channels import ChannelConstants, even
from tinyaudio.deploy.compiler.columns import WeightFormat, stream_shape
from tinyaudio.deploy.compiler.fine import SHORT_FRACTION_BITS, FineRequantization, addends_above, fine_requantization, short_requantization
from tinyaudio.deploy.compiler.graph import Arrays, Constant, Kernel, Pointer, Scratch, Tensor
from tinyaudio.deploy.compiler.window import Window

STRIP_BYTES = 4 << 10  # where nothing says how much memory is spare


@dataclass(frozen=True, slots=True, kw_only=True)
class Depthwise3x3:
    """A 3x3 convolution of each input channel alone, or of a single one for every output channel."""

    image: Tensor
    output: Tensor
    window: Window
    constants: ChannelConstants
    wide: bool  # weights of two bytes, if that can be exact
    limit_bytes: int  # as many rows at a time as this holds: fewer shared rows to copy, fewer times all weights to load

    def kernel(self, *, lead_bytes: int) -> Kernel | None:
        """Return the call; None if this kernel does not serve."""
        height, width = self.window.height, self.window.width
        channels = self.output.shape[3]
        fits = height.size == width.size == 3 and height.dilation == width.dilation == 1 and height.stride <= 3 and width.stride <= 2
        if not fits or self.image.shape[3] not in (1, channels):
            return None
        stream = self._stream()
        if stream is None:
            return None
        constant, weights, shift = stream
        rows = self._strip_rows()
        return Kernel(
            function="depthwise_3x3",
            header="depthwise_3x3.h",
            arguments=(Pointer(tensor=self.image.index), Pointer(tensor=self.output.index), Arrays(constants=(constant,)), Scratch()),
            shape=(
                ("InputHeight", self.image.shape[1]),
                ("InputWidth", self.image.shape[2]),
                ("InputChannels", self.image.shape[3]),
                ("OutputHeight", self.output.shape[1]),
                ("OutputWidth", self.output.shape[2]),
                ("OutputChannels", channels),
                ("StrideHeight", height.stride),
                ("StrideWidth", width.stride),
                ("PaddingTop", height.before),
                ("PaddingLeft", width.before),
                ("StripRows", rows),
                ("InputZeroPoint", self.image.zero_point),
                *stream_shape(weights, shift=shift, constants=self.constants),
            ),
            scratch_bytes=self._strip_bytes(rows),
            in_place=(0,),
            lead_bytes=lead_bytes,
            macs=9 * self.output.elements,
        )

    def _strip_bytes(self, rows: int) -> int:
        columns = even((self.output.shape[2] - 1) * self.window.width.stride + 3)
        return 2 * self.image.shape[3] * ((rows - 1) * self.window.height.stride + 3) * columns

    def _strip_rows(self) -> int:
        """Return how many rows of outputs are made at a time: strips of about the same height."""
        height = self.output.shape[1]
        most = max((rows for rows in range(1, height + 1) if self._strip_bytes(rows) <= self.limit_bytes), default=1)
        strips = -(-height // most)
        return -(-height // strips)

    def _stream(self) -> tuple[Constant, WeightFormat, int] | None:
        bias, multipliers, _ = (constant.values.astype(np.int64) for constant in self.constants.constants)
        rows = self.constants.weights.astype(np.int64).reshape(-1, 3, 3)  # [output channels, kernel rows, columns]
        # Ties cost the wide form more than unpacking costs this one.
        fine = fine_requantization(self.constants) if self.wide and self.constants.rounding == "kClampedAtZeroPoint" else None
        if fine is not None:
            scaled = _shifted(rows, fine)
            words = np.stack([_halves(scaled[..., 0], scaled[..., 1]), _halves(scaled[..., 1], scaled[..., 2])], axis=-1)
            parts = [words.reshape(len(rows), 6), bias << fine.fraction_bits, multipliers, fine.addends]
            return _join(parts), "wide", int(fine.shifts[0])
        short = short_requantization(self.constants)
        fine = short or fine_requantization(self.constants, fraction_bits=SHORT_FRACTION_BITS)
        if fine is None:
            return None
        packed = np.zeros((len(rows), 3, 4), np.int8)
        packed[..., 0], packed[..., 1], packed[..., 3] = rows[..., 1], rows[..., 0], rows[..., 2]
        packed[:, 0, 2] = fine.shifts if short is None else addends_above(self.constants, short)
        stream = _join([packed.view("<i4").reshape(len(rows), 3), bias << SHORT_FRACTION_BITS, fine.multipliers])
        return stream, "bytes", 0 if short is None else int(short.shifts[0])


def _shifted(rows: npt.NDArray[np.int64], fine: FineRequantization) -> npt.NDArray[np.int64]:
    return rows << fine.fraction_bits[:, None, None]


def _halves(low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Return words of two int16."""
    return ((low & 0xFFFF) | (high & 0xFFFF) << 16).astype(np.uint32).view(np.int32)


def _join(parts: list[npt.NDArray[np.int64] | npt.NDArray[np.int32]]) -> Constant:
    """Return the stream of all channels, from [channels] or [channels, words] for each part."""
    columns = [part.reshape(len(part), -1).astype(np.int64) for part in parts]
    return Constant(role="channels", c_type="int32_t", values=np.concatenate(columns, axis=1).astype(np.int32).ravel())
