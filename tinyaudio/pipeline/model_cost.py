"""What a model will cost, told before it is built: from measured costs of the kernels, `model_costs.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import prod

from tinyaudio.deploy.compiler import CompiledModel, OperationSummary

_DEFAULT = "default"
_SHAPE = re.compile(r"^struct ([A-Za-z0-9]+?)Shape\d", re.MULTILINE)

#: What the generated name of a kernel's shape begins with -> a family of kernels with about as much code each.
FAMILIES = {"Depthwise": "depthwise", "ConvRows": "conv_rows", "Conv2d": "columns", "Pointwise": "columns"}
OTHER_FAMILY = "other"


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
    code_instance_bytes: Mapping[str, int]  # by family of kernels, see `instances_of`

    def instructions(self, operation: OperationSummary) -> int:
        """Return the predicted instructions of one operator."""
        return self.kernels.get(operation.kernel, self.kernels[_DEFAULT]).instructions(operation)

    def code_bytes(self, compiled: CompiledModel) -> int:
        """Return the predicted size of all code but weights, of firmware with this model alone."""
        return self.code_base_bytes + sum(self.code_instance_bytes[family] * count for family, count in instances_of(compiled).items())


def values_of(operation: OperationSummary) -> int:
    """Return the values that an operator reads or writes, whichever are more."""
    return max(prod(operation.input_shape), prod(operation.output_shape))


def instances_of(compiled: CompiledModel) -> dict[str, int]:
    """Return how many kernels with code of their own, one for each shape, the generated C++ has, by family."""
    counts = dict.fromkeys((*FAMILIES.values(), OTHER_FAMILY), 0)
    for name in _SHAPE.findall(compiled.files["generated/model.cc"]):
        counts[next((family for start, family in FAMILIES.items() if name.startswith(start)), OTHER_FAMILY)] += 1
    return counts


@cache
def cost_table() -> CostTable:
    """Return the costs that come with the package."""
    tables = tomllib.loads(files("tinyaudio.pipeline").joinpath("model_costs.toml").read_text(encoding="utf-8"))
    return CostTable(
        kernels={name: KernelCost(**costs) for name, costs in tables["instructions"].items()},
        code_base_bytes=tables["code"]["base_bytes"],
        code_instance_bytes=tables["code"]["instance_bytes"],
    )
