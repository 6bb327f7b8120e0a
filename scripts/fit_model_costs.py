"""Fit what the kernels cost to what `tinyaudio model bench` measured: the text of tinyaudio/pipeline/model_costs.toml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

_LEAST_COST = 400.0  # instructions: errors below a tenth of it are within what the counter resolves

# Terms of a kernel's cost -> instructions each, from counting a Cortex-M7's instructions in the inner loops. What was not
# measured, or cannot be told apart with few operators, stays near them.
_EXPECTED = {"byte_macs": 0.8, "wide_macs": 0.7, "plain_macs": 2.4, "values": 5.0, "spread": 1.5, "gathered": 5.0, "calls": 1000.0}
_NEAR = 0.02  # relative error of an operator that weighs as much as a term at twice what was expected
_WITHOUT_WEIGHTS = ("values", "calls")

FloatArray = npt.NDArray[np.float64]
Operation = tuple[Sequence[Mapping[str, Any]], float]  # the work of its calls, measured instructions


def fitted_costs(facts: Iterable[Mapping[str, Any]]) -> str:
    """Return model_costs.toml for all that `model bench` told: least squares over the operators' relative errors, no cost below zero."""
    known = list(facts)
    operations = [(operation["work"], float(operation["instructions"])) for one in known for operation in one["ops"]]
    kernels = sorted({call["kernel"] for work, _ in operations for call in work})
    weighted = {call["kernel"] for work, _ in operations for call in work if _macs(call)}
    by_kernel = _fit(operations, {name: list(_EXPECTED) if name in weighted else list(_WITHOUT_WEIGHTS) for name in kernels})
    others = {
        **_fit(_under_one_name("default", operations, weighted=True), {"default": list(_EXPECTED)}),
        **_fit(_under_one_name("default_without_weights", operations, weighted=False), {"default_without_weights": list(_WITHOUT_WEIGHTS)}),
    }
    costs = {**others, **by_kernel}
    lines = [
        "# What the model compiler's kernels cost on a Cortex-M7, measured on mps2_an500; `./scripts/bench models --fit` writes this file.",
        "# Instructions for each unit of a call's work: see tinyaudio/deploy/compiler/work.py.",
        "",
        *_code_lines(known),
    ]
    for name, terms in costs.items():
        lines += ["", f"[instructions.{name}]", *(f"{term} = {cost:.4g}" for term, cost in terms.items())]
    return "\n".join(lines) + "\n"


def _under_one_name(name: str, operations: Sequence[Operation], *, weighted: bool) -> list[Operation]:
    """Return the operators with or without weights as if all their kernels were `name`."""
    return [([{**call, "kernel": name} for call in work], cost) for work, cost in operations if any(map(_macs, work)) == weighted]


def _macs(call: Mapping[str, Any]) -> int:
    return sum(call[term] for term in _EXPECTED if term.endswith("_macs"))


def _fit(operations: Sequence[Operation], terms: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    """Return cost by kernel and term, all kernels at once: an operator may call several."""
    columns = [(name, term) for name, names in terms.items() for term in names]
    matrix = np.array([[sum(_units(call, term) for call in work if call["kernel"] == name) for name, term in columns] for work, _ in operations])
    near = [_NEAR if len(terms[name]) == len(_EXPECTED) else 0.0 for name, _ in columns]
    pull = np.diag([weight / _EXPECTED[term] for weight, (_, term) in zip(near, columns, strict=True)])
    solution = _least_squares(matrix, np.array([cost for _, cost in operations]), extra=(pull, np.array(near)))
    found: dict[str, dict[str, float]] = {name: {} for name in terms}
    for (name, term), cost in zip(columns, solution, strict=True):
        found[name][term] = float(cost)
    return found


def _units(call: Mapping[str, Any], term: str) -> float:
    return 1.0 if term == "calls" else float(call[term])


def _code_lines(facts: Sequence[Mapping[str, Any]]) -> list[str]:
    families = sorted(facts[0]["kernel_instances"])
    matrix = np.array([[1.0, *(float(one["kernel_instances"][family]) for family in families)] for one in facts])
    base, *instances = _least_squares(matrix, np.array([float(one["code_bytes"]) for one in facts]))
    return [
        "[code]",
        f"base_bytes = {round(base)}  # an image of a model alone but for its kernels",
        "",
        "[code.instance_bytes]  # of each shape of a kernel, by family of kernels",
        *(f"{family} = {round(size)}" for family, size in zip(families, instances, strict=True)),
    ]


def _least_squares(matrix: FloatArray, costs: FloatArray, *, extra: tuple[FloatArray, FloatArray] | None = None) -> list[float]:
    scale = np.maximum(costs, _LEAST_COST)
    rows, wanted = matrix / scale[:, np.newaxis], costs / scale
    if extra is not None:
        rows, wanted = np.vstack([rows, extra[0]]), np.concatenate([wanted, extra[1]])
    solution, _ = nnls(rows, wanted)
    return [float(value) for value in solution]
