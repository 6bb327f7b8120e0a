"""What ``tinyaudio model`` tells of a model: what its file says, and what a run on a board adds."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tinyaudio.bench.hil import ModelRunReport
from tinyaudio.core.artifacts import BuildArtifact, Runtime
from tinyaudio.core.board import Board
from tinyaudio.deploy.compiler import CompiledModel, TensorSummary
from tinyaudio.deploy.tflm import ROOT_VARIABLE, find_tree, known_differences
from tinyaudio.pipeline.model_cost import cost_table, instances_of
from tinyaudio.pipeline.model_file import BudgetEstimate, InterpretedFile, ModelFile


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRun:
    """What a board made of the cases, and the image it ran."""

    report: ModelRunReport
    build: BuildArtifact
    model_code_bytes: int | None  # of the image, what does not only talk to the host; None: no linker tells


def facts_of_file(file: ModelFile | InterpretedFile, board: Board, runtime: Runtime) -> dict[str, Any]:
    """Return what is known of a model without running it; what only a run tells is None. Only the compiler's kernels are predicted."""
    compiled = file.compiled
    costs = cost_table() if isinstance(compiled, CompiledModel) and compiled.vendor is None else None
    operations = []
    for operation in compiled.ops:
        row = asdict(operation)
        row["input_shape"], row["output_shape"] = list(operation.input_shape), list(operation.output_shape)
        operations.append({**row, "predicted_instructions": costs.instructions(operation) if costs is not None else None})
    return {
        "model": file.name,
        "model_sha256": file.sha256,
        "board": board.id,
        "runtime": runtime,
        "optimize": file.optimize if isinstance(file, ModelFile) else None,
        "vendor": compiled.vendor if isinstance(compiled, CompiledModel) else None,
        "inputs": 0,
        "mismatches": None,
        "max_abs_diff": None,
        "instructions_per_inference": None,
        "predicted_instructions": sum(operation["predicted_instructions"] for operation in operations) if costs is not None else None,
        "macs": compiled.macs,
        "arena_bytes": compiled.arena_bytes if isinstance(compiled, CompiledModel) else None,
        "state_bytes": compiled.state_bytes,
        "code_bytes": None,
        "model_code_bytes": None,
        "kernel_instances": instances_of(compiled) if isinstance(compiled, CompiledModel) else None,
        "predicted_code_bytes": costs.code_bytes(compiled) if isinstance(compiled, CompiledModel) and costs is not None else None,
        "weights_bytes": compiled.weights_bytes,
        "tflite_bytes": len(file.tflite),
        "input": _tensor_facts(compiled.input_),
        "output": _tensor_facts(compiled.output_),
        "logits": _tensor_facts(compiled.logits),
        "fullest": [asdict(use) for use in compiled.fullest],
        "ops": operations,
    }


def known_differences_of(file: ModelFile | InterpretedFile) -> list[str]:
    """Return why TFLite Micro may differ from the reference interpreter; of what the compiler makes nothing is known to."""
    if not isinstance(file, InterpretedFile):
        return []
    folder = os.environ.get(ROOT_VARIABLE)
    root = find_tree(Path(folder), file.compiled.kernel_library).root if folder else None
    return list(known_differences(root, file.compiled.kinds))


def _tensor_facts(tensor: TensorSummary) -> dict[str, Any]:
    return {**asdict(tensor), "shape": list(tensor.shape)}


def budget_facts(estimate: BudgetEstimate) -> dict[str, Any]:
    """Return what a model is expected to take of a board's memory, and what does not fit."""
    return {"lines": [asdict(line) for line in estimate.lines], "problems": list(estimate.problems)}


def facts_of_run(file: ModelFile | InterpretedFile, run: ModelRun) -> dict[str, Any]:
    """Return what only a run on a board tells; takes the place of what `facts_of_file` could not know."""
    compiled, report, build = file.compiled, run.report, run.build
    has_logits = compiled.logits.index != compiled.output_.index
    mismatches = report.output_mismatches + (report.logits_mismatches if has_logits else 0)
    per_inference: dict[str, float] = {f"{report.unit}_per_inference": report.per_inference}
    if report.unit == "instructions" and compiled.macs:
        per_inference["instructions_per_mac"] = round(report.per_inference / compiled.macs, 3)
    return {
        "inputs": report.inputs,
        "mismatches": mismatches,
        "output_mismatches": report.output_mismatches,
        "logits_mismatches": report.logits_mismatches,
        "max_abs_diff": report.max_abs_diff,
        "distinct_outputs": report.distinct_outputs,
        "first_mismatches": [asdict(mismatch) for mismatch in report.first_mismatches],
        **per_inference,
        "arena_bytes": report.arena_used_bytes,
        "model_kernels": report.model_kernels or f"tinyaudio {build.runtime}",
        "code_bytes": build.flash_bytes - compiled.weights_bytes,
        "model_code_bytes": run.model_code_bytes,
        "flash_bytes": build.flash_bytes,
        "ram_bytes": build.ram_bytes,
        "budget_ok": build.budget_ok,
        "budget_problems": list(build.budget_problems),
        "placement": None if build.placement is None else [asdict(item) for item in build.placement.items],
        "toolchain": build.toolchain,
        "log": list(report.log),
    }


def measured_operation(operation: dict[str, Any], cost: int, unit: str) -> dict[str, Any]:
    """Return the row `operation` of `facts_of_file` with its measured `cost`, in `unit` ("instructions", "cycles" or "nanoseconds")."""
    row = {**operation, unit: cost}
    if unit == "instructions" and operation["macs"]:
        row["instructions_per_mac"] = round(cost / operation["macs"], 3)
    return row
