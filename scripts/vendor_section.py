"""The section of docs/performance.md about compiled models that call a vendor's kernels: theirs against ours, in sum and by operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

VENDOR_TITLE = "## The same models with CMSIS-NN's kernels"
_UNIT = "instructions"


def vendor_section(figures: Sequence[dict[str, Any]]) -> str:
    """Return the section; `figures` are what `tinyaudio model bench --kernels vendor` says of each model."""
    kernels = sorted({item["model_kernels"] for item in figures})
    toolchains = sorted({item["toolchain"] for item in figures})
    pairs = [pair for item in figures for pair in _pairs(item)]
    return "\n".join(
        (
            VENDOR_TITLE,
            "",
            f"Written by `./scripts/bench models` with a tree of TFLite Micro; not by hand. Compiled with `--kernels vendor`: {', '.join(kernels)},",
            f"{', '.join(toolchains)}. Left the vendor's kernels, right in bold ours, measured in the same run. Inputs, board and what is",
            "compared as above.",
            "",
            "| model | inputs | mismatches | operators, theirs of all | instructions | | ratio | arena | | code | | weights | |",
            "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
            *(_row(item) for item in figures),
            "",
            "By kind, over all models: only operators that the vendor's kernels compute. The ratio is theirs to ours; least and most are of",
            "single operators.",
            "",
            "| kind | operators | instructions | | ratio | least | most |",
            "|---|---|---|---|---|---|---|",
            *_kinds(pairs),
            "",
            _verdict(figures, pairs),
            "",
        )
    )


def _pairs(facts: dict[str, Any]) -> list[tuple[str, str, int, int]]:
    """Return (name, kind, theirs, ours) of each operator that the vendor's kernels compute and ours as well."""
    own = {operation["index"]: operation for operation in facts["own"]["ops"]}
    return [
        (f"{facts['model']} {operation['index']}", operation["kind"], operation[_UNIT], own[operation["index"]][_UNIT])
        for operation in facts["ops"]
        if not operation["vendor_refusal"] and operation["index"] in own
    ]


def _row(facts: dict[str, Any]) -> str:
    own, total = facts["own"], f"{_UNIT}_per_inference"
    theirs = sum(not operation["vendor_refusal"] for operation in facts["ops"])
    sizes = " | ".join(f"{facts[name]:,} | **{own[name]:,}**" for name in ("arena_bytes", "code_bytes", "weights_bytes"))
    return (
        f"| {facts['model']} | {facts['inputs']} | {facts['mismatches']} | {theirs} of {len(facts['ops'])} "
        f"| {facts[total]:,} | **{own[total]:,}** | {facts[total] / own[total]:.2f} | {sizes} |"
    )


def _kinds(pairs: Sequence[tuple[str, str, int, int]]) -> list[str]:
    rows = []
    for kind in sorted({kind for _, kind, _, _ in pairs}):
        costs = [(theirs, ours) for _, other, theirs, ours in pairs if other == kind]
        theirs, ours = (sum(values) for values in zip(*costs, strict=True))
        ratios = sorted(one / other for one, other in costs)
        rows.append(f"| {kind} | {len(costs)} | {theirs:,} | **{ours:,}** | {theirs / ours:.2f} | {ratios[0]:.2f} | {ratios[-1]:.2f} |")
    return rows


def _verdict(figures: Sequence[dict[str, Any]], pairs: Sequence[tuple[str, str, int, int]]) -> str:
    """Return who is quicker, in words: why ours are the default, or that they should not be."""
    total = f"{_UNIT}_per_inference"
    slower = [item["model"] for item in figures if item["own"][total] > item[total]]
    behind = [f"{name} {kind} ({theirs:,} against {ours:,})" for name, kind, theirs, ours in pairs if ours > theirs]
    said = (
        f"Ours take fewer instructions for {len(figures) - len(slower)} of {len(figures)} models and for {len(pairs) - len(behind)} of "
        f"{len(pairs)} operators"
    )
    if behind:
        said += f"; theirs are ahead at {', '.join(behind)}"
    return f"{said}. So ours are the default." if not slower else f"{said}. Ours should not be the default for {', '.join(slower)}."
