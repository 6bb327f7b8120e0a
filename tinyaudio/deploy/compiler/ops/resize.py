"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR: which rows and columns are read, and how far between them, is worked out here."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import tflite

from tinyaudio.deploy.compiler.arithmetic import round_half_away
from tinyaudio.deploy.compiler.graph import Arrays, Constant, Graph, Kernel, Numbers, Operation, Pointer, Tensor
from tinyaudio.deploy.compiler.view import OperatorView

_MAX_SIZE = 4096
_FRACTION = 1 << 10  # weights of neighbours are counted in 1/1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeNearest(Operation):
    """Each output pixel is one input pixel. The input is the image alone."""

    rows: tuple[int, ...]  # of the input, for each row of the output
    columns: tuple[int, ...]

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `resize_nearest`."""
        image = graph.tensor(self.inputs[0])
        arrays = Arrays(constants=(_positions("rows", self.rows), _positions("columns", self.columns)))
        numbers = Numbers(values=(image.shape[2], image.shape[3], len(self.rows), len(self.columns)))
        arguments = (Pointer(tensor=image.index), Pointer(tensor=self.outputs[0]), arrays, numbers)
        return (Kernel(function="resize_nearest", header="resize.h", arguments=arguments),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeBilinear(Operation):
    """Each output pixel lies between four input pixels. The input is the image alone."""

    rows: tuple[tuple[int, int, int], ...]  # upper row, lower row, and 1024 times the distance from the upper one
    columns: tuple[tuple[int, int, int], ...]

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `resize_bilinear`."""
        image = graph.tensor(self.inputs[0])
        arrays = Arrays(constants=tuple(_positions(role, np.ravel(entries)) for role, entries in (("rows", self.rows), ("columns", self.columns))))
        numbers = Numbers(values=(image.shape[2], image.shape[3], len(self.rows), len(self.columns)))
        arguments = (Pointer(tensor=image.index), Pointer(tensor=self.outputs[0]), arrays, numbers)
        return (Kernel(function="resize_bilinear", header="resize.h", arguments=arguments),)


def read_nearest(view: OperatorView) -> ResizeNearest:
    """Read and check a RESIZE_NEAREST_NEIGHBOR."""
    image, sizes = _image_and_sizes(view)
    options = view.options(tflite.ResizeNearestNeighborOptions, tflite.BuiltinOptions.ResizeNearestNeighborOptions)
    rows, columns = (
        tuple(nearest(position, inputs, outputs, corners=options.AlignCorners(), centers=options.HalfPixelCenters()) for position in range(outputs))
        for inputs, outputs in zip(image.shape[1:3], sizes, strict=True)
    )
    return ResizeNearest(index=view.index, kind=view.kind, inputs=(image.index,), outputs=view.outputs, rows=rows, columns=columns)


def read_bilinear(view: OperatorView) -> ResizeBilinear:
    """Read and check a RESIZE_BILINEAR."""
    image, sizes = _image_and_sizes(view)
    options = view.options(tflite.ResizeBilinearOptions, tflite.BuiltinOptions.ResizeBilinearOptions)
    if options.AlignCorners() and options.HalfPixelCenters():
        view.fail("it asks for both aligned corners and half-pixel centers")
    rows, columns = (
        tuple(between(position, inputs, outputs, corners=options.AlignCorners(), centers=options.HalfPixelCenters()) for position in range(outputs))
        for inputs, outputs in zip(image.shape[1:3], sizes, strict=True)
    )
    for inputs, entries in zip(image.shape[1:3], (rows, columns), strict=True):
        if any(low >= inputs for low, _, _ in entries):
            view.fail(f"from {image.describe()} it enlarges so far that the reference reads behind the image")
    return ResizeBilinear(index=view.index, kind=view.kind, inputs=(image.index,), outputs=view.outputs, rows=rows, columns=columns)


def nearest(position: int, inputs: int, outputs: int, *, corners: bool, centers: bool) -> int:
    """Return the input position for an output position, in single precision as the reference computes it."""
    scale = np.float32(inputs - 1) / np.float32(outputs - 1) if corners and outputs > 1 else np.float32(inputs) / np.float32(outputs)
    exact = float((np.float32(position) + np.float32(0.5 if centers else 0)) * scale)
    return min(round_half_away(exact) if corners else math.floor(exact), inputs - 1)


def between(position: int, inputs: int, outputs: int, *, corners: bool, centers: bool) -> tuple[int, int, int]:
    """Return both neighbours of an output position, and 1024 times the distance from the first one, as the reference computes them."""
    scale = (_FRACTION * inputs + outputs // 2) // outputs
    if corners and outputs > 1:
        scale = (_FRACTION * (inputs - 1) + (outputs - 1) // 2) // (outputs - 1)
    exact = position * scale + (scale // 2 - _FRACTION // 2 if centers else 0)
    low = max(math.trunc(exact / _FRACTION), 0)
    high = min(math.trunc((exact + _FRACTION - 1) / _FRACTION), inputs - 1)
    return low, high, exact - _FRACTION * low


def _image_and_sizes(view: OperatorView) -> tuple[Tensor, tuple[int, ...]]:
    view.expect_arity(inputs=(2,))
    image = view.image(view.input(0))
    view.expect_equal_quantization(image, view.output())
    sizes = view.integers(1)
    if len(sizes) != 2 or not all(1 <= size <= _MAX_SIZE for size in sizes):
        view.fail(f"its sizes are {list(sizes)}; a height and a width of 1 to {_MAX_SIZE} are supported")
    view.expect_output_shape((1, *sizes, image.shape[3]))
    return image, sizes


def _positions(role: str, values: tuple[int, ...] | np.ndarray) -> Constant:
    return Constant(role=role, c_type="int16_t", values=np.array(values, np.int16))
