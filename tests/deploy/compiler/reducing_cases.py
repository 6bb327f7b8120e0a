"""Small models of the operators that choose, reduce and stack values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.deploy.compiler.model_builder import ModelBuilder
from tests.deploy.compiler.moving_cases import move
from tests.deploy.compiler.value_cases import pair, table

_SCALE, _ZERO_POINT = 0.05, 4


def reduce(code: str, shape: Sequence[int], axes: Sequence[int], *, keep: bool = False, output: tuple[float, int] = (_SCALE, _ZERO_POINT)) -> bytes:
    """REDUCE_MAX, REDUCE_MIN or SUM."""
    model = ModelBuilder()
    source = model.tensor("values", shape, scale=_SCALE, zero_point=_ZERO_POINT)
    reduced = {axis % len(shape) for axis in axes}
    sizes = [1 if axis in reduced else size for axis, size in enumerate(shape) if keep or axis not in reduced]
    target = model.tensor("output", sizes, scale=output[0], zero_point=output[1])
    chosen = model.tensor("axes", (len(axes),), dtype="int32", data=np.array(axes))
    model.operator(code, [source, chosen], [target], "ReducerOptions", KeepDims=keep)
    return model.build(inputs=[source], outputs=[target])


def stack_again(shape: Sequence[int], axis: int, stacked_axis: int, order: Sequence[int], *, constant: bool = False) -> bytes:
    """UNPACK, and PACK of the parts in another order; with `constant`, one of them is a constant."""
    model = ModelBuilder()
    quantization: dict[str, Any] = {"scale": _SCALE, "zero_point": _ZERO_POINT}
    source = model.tensor("values", shape, **quantization)
    part_shape = [size for place, size in enumerate(shape) if place != axis]
    parts = [model.tensor(f"part_{number}", part_shape, **quantization) for number in range(shape[axis])]
    model.operator("UNPACK", [source], parts, "UnpackOptions", Num=len(parts), Axis=axis)
    chosen = [parts[number] for number in order]
    if constant:
        size = int(np.prod(part_shape))
        chosen.append(model.tensor("constant", part_shape, data=(np.arange(size) * 37 % 256 - 128).reshape(part_shape), **quantization))
    target_shape = [*part_shape]
    target_shape.insert(stacked_axis, len(chosen))
    target = model.tensor("output", target_shape, **quantization)
    model.operator("PACK", chosen, [target], "PackOptions", ValuesCount=len(chosen), Axis=stacked_axis)
    return model.build(inputs=[source], outputs=[target])


def chosen(code: str, first: tuple[int, ...], second: tuple[int, ...], output: tuple[int, ...]) -> bytes:
    """MAXIMUM or MINIMUM with a constant, all of one quantization."""
    model = ModelBuilder()
    quantization: dict[str, Any] = {"scale": _SCALE, "zero_point": _ZERO_POINT}
    source = model.tensor("values", first, **quantization)
    constant = model.tensor("constant", second, data=np.random.default_rng(3).integers(-128, 128, second), **quantization)
    target = model.tensor("output", output, **quantization)
    model.operator(code, [source, constant], [target], "MaximumMinimumOptions")
    return model.build(inputs=[source], outputs=[target])


_SMALL = (0.05, 0.031, 0.02)

REDUCING_CASES: dict[str, Callable[[], bytes]] = {
    "reduce_max": lambda: reduce("REDUCE_MAX", (1, 6, 5, 3), (1, 2)),
    "reduce_max_of_last": lambda: reduce("REDUCE_MAX", (2, 7, 9), (-1,), keep=True),
    "reduce_min": lambda: reduce("REDUCE_MIN", (3, 4, 2, 5), (0, 2), keep=True),
    "reduce_min_of_all": lambda: reduce("REDUCE_MIN", (4, 5), (0, 1)),
    "sum": lambda: reduce("SUM", (1, 6, 5, 3), (1, 2), output=(0.3, -11)),
    "sum_of_last": lambda: reduce("SUM", (2, 3, 40), (2,), keep=True, output=(0.9, 7)),
    "sum_of_some": lambda: reduce("SUM", (3, 4, 2, 5), (0, 2), output=(0.11, 0)),
    "maximum": lambda: chosen("MAXIMUM", (1, 4, 5, 3), (3,), (1, 4, 5, 3)),
    "minimum": lambda: chosen("MINIMUM", (4, 1, 5), (3, 1), (4, 3, 5)),
    "squared_difference": lambda: pair("SQUARED_DIFFERENCE", (1, 4, 5, 3), (1, 4, 5, 3), (1, 4, 5, 3), scales=_SMALL),
    "squared_difference_rows": lambda: pair("SQUARED_DIFFERENCE", (1, 6, 5), (1, 6, 1), (1, 6, 5), scales=(0.02, 0.09, 0.05)),
    "prelu": lambda: pair("PRELU", (1, 5, 4, 6), (1, 1, 1, 6), (1, 5, 4, 6), scales=(0.05, 0.008, 0.04), constant=True),
    "prelu_of_all": lambda: pair("PRELU", (1, 3, 4, 2), (3, 4, 2), (1, 3, 4, 2), scales=(0.05, 0.02, 0.06), constant=True),
    "abs": lambda: table("ABS", scale=0.05, zero_point=9),
    "abs_rescaled": lambda: table("ABS", scale=0.05, zero_point=9, output=(0.031, -128)),
    "elu": lambda: table("ELU", scale=0.03, zero_point=-11, output=(0.028, -90)),
    "elu_wide": lambda: table("ELU", scale=0.4, zero_point=20, output=(0.3, -125)),
    "unpack_pack": lambda: stack_again((1, 5, 4), 1, 0, (3, 0, 4)),
    "unpack_pack_last": lambda: stack_again((2, 3, 4), 2, 2, (3, 1, 0, 2), constant=True),
    "unpack_pack_within": lambda: stack_again((3, 2, 5), 0, 1, (2, 1, 0, 1)),
    "slice": lambda: move("SLICE", (1, 6, 5), (1, 3, 2), [(0, 2, 1), (1, 3, 2)], "SliceOptions"),
    "slice_to_the_end": lambda: move("SLICE", (5, 4, 3), (4, 1, 3), [(1, 2, 0), (-1, 1, -1)], "SliceOptions"),
}
