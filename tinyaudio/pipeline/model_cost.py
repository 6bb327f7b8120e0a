"""What a model will cost, told before it is built: from measured costs of the kernels, `model_costs.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import prod
from typing import Any

from tinyaudio.deploy.compiler import CompiledModel, OperationSummary

_DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelCost:
    """Instructions of one call of a kernel, as a sum."""

    per_mac: float
    per_value: float  # input or output values, whichever are more
    per_call: float

    def instructions(self, operation: OperationSummary) -> int:
        """Return the prediction for `operation`."""
        return round(self.per_mac * operation.macs + self.per_value * values_of(operation) + self.per_call)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostTable:
    """The costs of all kernels that were measured, and of those that were not."""

    kernels: Mapping[str, KernelCost]  # by name; "default" for all others
    code_base_bytes: int
    code_instance_bytes: int

    def instructions(self, operation: OperationSummary) -> int:
        """Return the predicted instructions of one operator."""
        return self.kernels.get(operation.kernel, self.kernels[_DEFAULT]).instructions(operation)

    def code_bytes(self, compiled: CompiledModel) -> int:
        """Return the predicted size of all code but weights, of firmware with this model alone."""
        return self.code_base_bytes + self.code_instance_bytes * len(instances_of(compiled.ops))


def values_of(operation: OperationSummary) -> int:
    """Return the values that an operator reads or writes, whichever are more."""
    return max(prod(operation.input_shape), prod(operation.output_shape))


def instances_of(operations: Iterable[OperationSummary]) -> set[tuple[Any, ...]]:
    """Return what has code of its own: each kernel, for each pair of shapes."""
    return {(operation.kernel, operation.input_shape, operation.output_shape) for operation in operations}


@cache
def cost_table() -> CostTable:
    """Return the costs that come with the package."""
    tables = tomllib.loads(files("tinyaudio.pipeline").joinpath("model_costs.toml").read_text(encoding="utf-8"))
    return CostTable(
        kernels={name: KernelCost(**costs) for name, costs in tables["instructions"].items()},
        code_base_bytes=tables["code"]["base_bytes"],
        code_instance_bytes=tables["code"]["instance_bytes"],
    )
