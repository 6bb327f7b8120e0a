"""Operators over constants alone -> constants.

It runs while the file is read, operator by operator: what is read next may demand a constant here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyaudio.core.errors import ModelError
from tinyaudio.deploy.compiler.graph import ABSENT, Operation, Tensor, operation_place


def fold_constants(operation: Operation, tensors: list[Tensor]) -> bool:
    """Compute `operation` now if all its inputs are constant (or if it has none and can be computed), and put its outputs' values into `tensors`.

    Returns
    -------
    bool
        Whether it was computed, so that the model does without it.

    Raises
    ------
    ModelError
        If its inputs are constant and this kind of operator cannot be computed while compiling, or if an output is an
        input of the model or has another shape or type than the result.
    """
    constants = [tensors[index].data for index in operation.inputs if index != ABSENT]
    if any(data is None for data in constants):
        return False
    where = operation_place(operation.index, operation.kind, tensors[operation.outputs[0]].name)
    results = operation.fold([data for data in constants if data is not None])
    if results is None and not constants:
        return False
    if results is None:
        raise ModelError("all its inputs are constant", hint="export the model with constant folding", where=where)
    if any(tensors[index].data is not None for index in operation.outputs):
        raise ModelError("its output is a constant or was written before", hint="export the model again", where=where)
    for index, values in zip(operation.outputs, results, strict=True):
        tensors[index] = replace(tensors[index], data=_checked(values, tensors[index], where))
    return True


def _checked(values: npt.NDArray[Any], tensor: Tensor, where: str) -> npt.NDArray[Any]:
    if values.shape != tensor.shape:
        raise ModelError(f"tensor {tensor.describe()} must have the shape {list(values.shape)}", hint="export the model again", where=where)
    data = np.array(values, dtype=tensor.dtype, order="C")
    data.flags.writeable = False
    return data
