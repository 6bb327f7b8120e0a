"""The geometry of a sliding window: kernel, stride, dilation and padding in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_PADDING = 1 << 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """A window along one direction, sizes in positions."""

    size: int  # of the kernel
    stride: int
    dilation: int
    before: int  # padding in front
    after: int  # padding behind, as far as a window reaches into it; negative: inputs at the end that are cut off

    @property
    def reach(self) -> int:
        """Positions from the first to the last that a window touches, both included."""
        return (self.size - 1) * self.dilation + 1

    def outputs_of(self, inputs: int) -> int:
        """Number of window positions over `inputs` positions and the padding; 0 or less if the window does not fit."""
        return (inputs + self.before + self.after - self.reach) // self.stride + 1


def extent(padding: str, *, inputs: int, size: int, stride: int, dilation: int) -> Extent:
    """Return the window along one direction for the padding "SAME" or "VALID".

    SAME pads so that there are ceil(inputs / stride) outputs; of an odd amount, the larger half lies behind.
    Source: TensorFlow Lite, kernels/padding.h.
    """
    reach = (size - 1) * dilation + 1
    total = max(0, (-(-inputs // stride) - 1) * stride + reach - inputs) if padding == "SAME" else 0
    return Extent(size=size, stride=stride, dilation=dilation, before=total // 2, after=total - total // 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A window over height and width."""

    height: Extent
    width: Extent

    def outputs_of(self, height: int, width: int) -> tuple[int, int]:
        """Return the output's height and width."""
        return self.height.outputs_of(height), self.width.outputs_of(width)

    @property
    def is_single_point(self) -> bool:
        """Whether the window is one position, moves by one, has no padding and leaves nothing out."""
        return all(e.size == 1 and e.stride == 1 and e.before == 0 and e.after == 0 for e in (self.height, self.width))

    def lead_bytes(self, image: Sequence[int], output: Sequence[int], *, reread: bool = False) -> int:
        """Return how far in front of the image the output must start, so that no row is overwritten before it was read for the last time.

        `image` and `output` are shapes [1, height, width, channels] of int8; both lie densely. Output row y is written after the
        rows under its windows were read, those of the last rows being kept elsewhere; with `reread`, they are read where they lie,
        and while the row is written. 0: both may start at the same byte.
        """
        rows = self.height
        output_row, input_row = output[2] * output[3], image[2] * image[3]
        unread = [max(0, y * rows.stride - rows.before + (0 if reread else rows.reach)) for y in range(output[1])]
        return max(0, *((y + 1) * output_row - first * input_row for y, first in enumerate(unread) if first < image[1]), 0)

    def shape_constants(self) -> tuple[tuple[str, int], ...]:
        """Return the members of a kernel's Shape struct."""
        return (
            ("KernelHeight", self.height.size),
            ("KernelWidth", self.width.size),
            ("StrideHeight", self.height.stride),
            ("StrideWidth", self.width.stride),
            ("DilationHeight", self.height.dilation),
            ("DilationWidth", self.width.dilation),
            ("PaddingTop", self.height.before),
            ("PaddingLeft", self.width.before),
        )
