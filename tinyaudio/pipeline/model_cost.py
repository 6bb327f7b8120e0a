"""What a model will cost, told before it is built: from measured costs of the kernels, `model_costs.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from tinyaudio.deploy.compiler import CompiledModel, KernelWork, OperationSummary

_DEFAULT, _DEFAULT_WITHOUT_WEIGHTS = "default", "default_without_weights"
_SHAPE = re.compile(r"^struct ([A-Za-z0-9]+?)Shape(\d+)", re.MULTILINE)

#: What the generated name of a kernel's shape begins with -> a family of kernels with about as much code each.
FAMILIES = {"Depthwise": "depthwise", "ConvRows": "conv_rows", "ConvTwins": "conv_rows", "Conv2d": "columns", "Pointwise": "columns"}
PLAIN_FAMILY = "plain"  # of these, what has no block in assembly
OTHER_FAMILY = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelCost:
    """Instructions of a kernel for each unit of a call's work, see `KernelWork`."""

    byte_macs: float = 0.0
    wide_macs: float = 0.0
    plain_macs: float = 0.0
    values: float
    spread: float = 0.0
    gathered: float = 0.0
    calls: float

    def instructions(self, work: KernelWork) -> float:
        """Return the prediction for one call."""
        multiplied = self.byte_macs * work.byte_macs + self.wide_macs * work.wide_macs + self.plain_macs * work.plain_macs
        return multiplied + self.values * work.values + self.spread * work.spread + self.gathered * work.gathered + self.calls


@dataclass(frozen=True, slots=True, kw_only=True)
class CostTable:
    """The costs of all kernels that were measured, and of those that were not."""

    kernels: Mapping[str, KernelCost]  # by name; "default" and "default_without_weights" for all others
    code_base_bytes: int
    code_instance_bytes: Mapping[str, int]  # by family of kernels, see `instances_of`

    def instructions(self, operation: OperationSummary) -> int:
        """Return the predicted instructions of one operator."""
        return round(sum(self._cost(work).instructions(work) for work in operation.work))

    def _cost(self, work: KernelWork) -> KernelCost:
        has_weights = work.byte_macs + work.wide_macs + work.plain_macs > 0
        return self.kernels.get(work.kernel) or self.kernels[_DEFAULT if has_weights else _DEFAULT_WITHOUT_WEIGHTS]

    def code_bytes(self, compiled: CompiledModel) -> int:
        """Return the predicted size of all code but weights, of firmware with this model alone."""
        return self.code_base_bytes + sum(self.code_instance_bytes[family] * count for family, count in instances_of(compiled).items())


def instances_of(compiled: CompiledModel) -> dict[str, int]:
    """Return how many kernels with code of their own, one for each shape, the generated C++ has, by family."""
    counts = dict.fromkeys((*FAMILIES.values(), PLAIN_FAMILY, OTHER_FAMILY), 0)
    plain = {operation.index for operation in compiled.ops if any(work.plain_macs and not work.byte_macs + work.wide_macs for work in operation.work)}
    for name, index in _SHAPE.findall(compiled.files["generated/model.cc"]):
        family = next((family for start, family in FAMILIES.items() if name.startswith(start)), OTHER_FAMILY)
        counts[PLAIN_FAMILY if family != OTHER_FAMILY and int(index) in plain else family] += 1
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
