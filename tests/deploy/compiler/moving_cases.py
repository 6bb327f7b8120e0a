"""Small models of the operators that move values, resize or pool them, and of variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import tflite

from tests.deploy.compiler.model_builder import ModelBuilder

_SCALE = 0.05
_ZERO_POINT = -4


class _Model(ModelBuilder):
    """A builder whose activations share one quantization."""

    def values(self, name: str, shape: Sequence[int]) -> int:
        return self.tensor(name, shape, scale=_SCALE, zero_point=_ZERO_POINT)

    def integers(self, name: str, values: npt.ArrayLike) -> int:
        data = np.array(values, np.int32)
        return self.tensor(name, data.shape, dtype="int32", data=data)


def move(code: str, shape: Sequence[int], output: Sequence[int], numbers: Sequence[npt.ArrayLike], options: str = "", **values: object) -> bytes:
    """An operator of one tensor and constant integers."""
    model = _Model()
    source, target = model.values("values", shape), model.values("output", output)
    model.operator(code, [source, *(model.integers(f"numbers_{n}", value) for n, value in enumerate(numbers))], [target], options, **values)
    return model.build(inputs=[source], outputs=[target])


def reshaped(code: str, shape: Sequence[int], output: Sequence[int], numbers: Sequence[int], options: str) -> bytes:
    """A reshaping operator, and a TRANSPOSE behind it that does something."""
    model = _Model()
    source, between = model.values("values", shape), model.values("between", output)
    model.operator(code, [source, *(model.integers("number", value) for value in numbers)], [between], options)
    target = model.values("output", output[::-1])
    model.operator("TRANSPOSE", [between, model.integers("order", list(range(len(output)))[::-1])], [target], "TransposeOptions")
    return model.build(inputs=[source], outputs=[target])


def strided_slice(
    shape: Sequence[int], output: Sequence[int], begin: Sequence[int], end: Sequence[int], strides: Sequence[int], **masks: int
) -> bytes:
    """STRIDED_SLICE."""
    return move("STRIDED_SLICE", shape, output, [begin, end, strides], "StridedSliceOptions", **masks)


def split_and_join(shape: Sequence[int], axis: int, order: Sequence[int], *, sizes: Sequence[int] = (), join_axis: int | None = None) -> bytes:
    """SPLIT (SPLIT_V with `sizes`) and CONCATENATION of the parts in another order."""
    model = _Model()
    source = model.values("values", shape)
    count = len(order)
    lengths = list(sizes) or [shape[axis] // count] * count
    parts = [model.values(f"part_{n}", [*shape[:axis], length, *shape[axis + 1 :]]) for n, length in enumerate(lengths)]
    if sizes:
        model.operator("SPLIT_V", [source, model.integers("sizes", lengths), model.integers("axis", axis)], parts, "SplitVOptions", NumSplits=count)
    else:
        model.operator("SPLIT", [model.integers("axis", axis - len(shape)), source], parts, "SplitOptions", NumSplits=count)
    at = axis if join_axis is None else join_axis
    output = list(shape)
    if join_axis is not None:
        output[axis] = lengths[0]
        output[at] *= count
    target = model.values("output", output)
    model.operator("CONCATENATION", [parts[position] for position in order], [target], "ConcatenationOptions", Axis=at)
    return model.build(inputs=[source], outputs=[target])


def join_constant() -> bytes:
    """CONCATENATION of the input with a constant."""
    model = _Model()
    source = model.values("values", (2, 3))
    data = np.arange(8).reshape(2, 4) * 30 - 110
    constant = model.tensor("constant", (2, 4), scale=_SCALE, zero_point=_ZERO_POINT, data=data)
    target = model.values("output", (2, 7))
    model.operator("CONCATENATION", [constant, source], [target], "ConcatenationOptions", Axis=-1)
    return model.build(inputs=[source], outputs=[target])


def pad_with(value: int) -> bytes:
    """PADV2."""
    model = _Model()
    source, target = model.values("values", (1, 3, 2, 2)), model.values("output", (1, 5, 3, 2))
    given = model.tensor("value", (1,), scale=_SCALE, zero_point=_ZERO_POINT, data=np.array([value]))
    amounts = model.integers("amounts", [[0, 0], [2, 0], [0, 1], [0, 0]])
    model.operator("PADV2", [source, amounts, given], [target], "PadV2Options")
    return model.build(inputs=[source], outputs=[target])


def max_pool(size: tuple[int, int, int], kernel: tuple[int, int], stride: tuple[int, int], output: tuple[int, int], *, padding: str) -> bytes:
    """MAX_POOL_2D."""
    model = _Model()
    source, target = model.values("image", (1, *size)), model.values("output", (1, *output, size[2]))
    model.operator(
        "MAX_POOL_2D",
        [source],
        [target],
        "Pool2DOptions",
        Padding=tflite.Padding.SAME if padding == "same" else tflite.Padding.VALID,
        StrideH=stride[0],
        StrideW=stride[1],
        FilterHeight=kernel[0],
        FilterWidth=kernel[1],
        FusedActivationFunction=tflite.ActivationFunctionType.RELU6 if size[2] == 3 else tflite.ActivationFunctionType.NONE,
    )
    return model.build(inputs=[source], outputs=[target])


def mean_over(shape: Sequence[int], axes: Sequence[int], output: Sequence[int], *, keep: bool) -> bytes:
    """MEAN over any axes."""
    model = _Model()
    source = model.values("values", shape)
    target = model.tensor("output", output, scale=0.021, zero_point=11)
    model.operator("MEAN", [source, model.integers("axes", axes)], [target], "ReducerOptions", KeepDims=keep)
    return model.build(inputs=[source], outputs=[target])


def resize(code: str, size: tuple[int, int, int], output: tuple[int, int], *, corners: bool = False, centers: bool = False) -> bytes:
    """RESIZE_NEAREST_NEIGHBOR or RESIZE_BILINEAR."""
    options = "ResizeBilinearOptions" if code == "RESIZE_BILINEAR" else "ResizeNearestNeighborOptions"
    return move(code, (1, *size), (1, *output, size[2]), [output], options, AlignCorners=corners, HalfPixelCenters=centers)


MOVING_CASES: dict[str, Callable[[], bytes]] = {
    "transpose": lambda: move("TRANSPOSE", (2, 3, 4, 5), (5, 2, 4, 3), [(3, 0, 2, 1)], "TransposeOptions"),
    "transpose_image": lambda: move("TRANSPOSE", (1, 6, 4, 1), (1, 4, 6, 1), [(0, 2, 1, 3)], "TransposeOptions"),
    "transpose_5": lambda: move("TRANSPOSE", (2, 2, 3, 2, 3), (3, 2, 2, 3, 2), [(4, 3, 0, 2, 1)], "TransposeOptions"),
    "slice_rows": lambda: strided_slice((1, 5, 1, 4), (1, 3, 1, 4), (0, 2, 0, 0), (0, 0, 0, 0), (1, 1, 1, 1), BeginMask=13, EndMask=15),
    "slice_steps": lambda: strided_slice((6, 7), (3, 2), (0, 1), (6, 6), (2, 3)),
    "slice_backwards": lambda: strided_slice((5, 4), (2, 4), (-1, 3), (0, -5), (-2, -1)),
    "slice_column": lambda: strided_slice((3, 4, 2), (3, 2), (0, -2, 0), (0, 0, 0), (1, 1, 1), BeginMask=5, EndMask=5, ShrinkAxisMask=2),
    "split_join": lambda: split_and_join((2, 6, 3), 1, (2, 0, 1)),
    "split_join_last": lambda: split_and_join((2, 3, 8), 2, (3, 1, 0, 2)),
    "split_join_elsewhere": lambda: split_and_join((2, 3, 4), 2, (1, 0), join_axis=0),
    "split_v_join": lambda: split_and_join((9, 2), 0, (1, 2, 0), sizes=(2, 3, 4)),
    "join_constant": join_constant,
    "squeeze": lambda: reshaped("SQUEEZE", (1, 12, 1, 5), (12, 5), [], "SqueezeOptions"),
    "expand_dims": lambda: reshaped("EXPAND_DIMS", (12, 5), (1, 12, 5), [0], "ExpandDimsOptions"),
    "pad_value": lambda: pad_with(77),
    "max_pool_same": lambda: max_pool((7, 6, 3), (3, 2), (2, 2), (4, 3), padding="same"),
    "max_pool_valid": lambda: max_pool((6, 6, 4), (2, 3), (2, 1), (3, 4), padding="valid"),
    "mean_of_rows": lambda: mean_over((3, 50), [1], (3,), keep=False),
    "mean_of_columns": lambda: mean_over((30, 7), [-2], (1, 7), keep=True),
    "mean_of_channels": lambda: mean_over((2, 3, 4, 9), [3], (2, 3, 4), keep=False),
    "mean_of_some": lambda: mean_over((2, 5, 4, 9), [0, 2], (1, 5, 1, 9), keep=True),
    "mean_of_all": lambda: mean_over((2, 5, 9), [0, 1, 2], (1, 1, 1), keep=True),
    "nearest": lambda: resize("RESIZE_NEAREST_NEIGHBOR", (4, 3, 2), (8, 7)),
    "nearest_down": lambda: resize("RESIZE_NEAREST_NEIGHBOR", (9, 7, 3), (4, 5)),
    "nearest_corners": lambda: resize("RESIZE_NEAREST_NEIGHBOR", (4, 5, 2), (9, 7), corners=True),
    "nearest_centers": lambda: resize("RESIZE_NEAREST_NEIGHBOR", (5, 4, 2), (7, 9), centers=True),
    "bilinear": lambda: resize("RESIZE_BILINEAR", (4, 3, 2), (8, 7)),
    "bilinear_down": lambda: resize("RESIZE_BILINEAR", (9, 7, 3), (4, 5)),
    "bilinear_corners": lambda: resize("RESIZE_BILINEAR", (4, 5, 2), (9, 7), corners=True),
    "bilinear_centers": lambda: resize("RESIZE_BILINEAR", (5, 4, 2), (13, 9), centers=True),
}
