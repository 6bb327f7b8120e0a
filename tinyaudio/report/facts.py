"""The report's facts as plain values: what ``--json`` prints and what lies beside the page."""

from __future__ import annotations

import dataclasses
from typing import Any

from tinyaudio.core.artifacts import BuildArtifact, HilReport
from tinyaudio.core.decisions import thresholds_of
from tinyaudio.core.evaluation import truth_of
from tinyaudio.core.kernel_checks import KernelComparison, KernelSide
from tinyaudio.core.metrics import mean_average_precision
from tinyaudio.report.values import ReportInputs


def report_facts(inputs: ReportInputs) -> dict[str, Any]:
    """Return the facts of a report, keys as documented in the command line's contract."""
    facts: dict[str, Any] = {
        **hil_facts(inputs.hil, inputs.build),
        "accuracy": {name: evaluation.accuracy for name, evaluation in inputs.evaluations.items()},
        "confusion": {name: evaluation.confusion.tolist() for name, evaluation in inputs.evaluations.items()},
        "mean_average_precision": {
            name: mean_average_precision(truth_of(evaluation), evaluation.scores) for name, evaluation in inputs.evaluations.items()
        },
        "decided": decided_facts(inputs),
        "parameters": inputs.parameters,
        "kernel_distances": [
            {"kernel": item.kernel, "clips": item.clips, "int8_step_histogram": {str(steps): count for steps, count in item.steps.items()}}
            for item in inputs.kernel_distances
        ],
        "labels": list(inputs.dataset.labels),
        "fingerprints": dict(inputs.fingerprints),
    }
    if inputs.kernel_comparison is not None:
        facts["ab"] = comparison_facts(inputs.kernel_comparison)
    return facts


def decided_facts(inputs: ReportInputs) -> dict[str, Any]:
    """Return what was detected in the clips, by the thresholds: how right it is, and the labels of each clip as the device told them."""
    calibration, device = inputs.calibration, inputs.decisions[-1]
    return {
        "rule": "best" if calibration.is_exclusive else "every",
        "smoothing_patches": calibration.smoothing_patches,
        "thresholds": dict(zip(device.labels, thresholds_of(calibration, len(device.labels)).tolist(), strict=True)),
        "figures": {
            item.predictor: {
                "accuracy": item.accuracy,
                "macro_f1": item.macro_f1,
                "precision": item.precision,
                "recall": item.recall,
                "labels": {metrics.label: dataclasses.asdict(metrics) for metrics in item.metrics},
            }
            for item in inputs.decisions
        },
        "clips": [
            {"filename": filename, "labels": list(device.names(truth)), "device": list(device.names(detected))}
            for filename, truth, detected in zip(device.filenames, device.truth, device.detected, strict=True)
        ],
    }


def hil_facts(hil: HilReport, build: BuildArtifact | None) -> dict[str, Any]:
    """Return what a run on a device and the build of its image say, whatever the model is for."""
    facts: dict[str, Any] = {
        "board": hil.board,
        "runtime": hil.identity.runtime,
        "model_kernels": hil.identity.model_kernels,
        "depth": hil.depth,
        "clips": hil.clips,
        "frames": hil.frames,
        "patches": hil.patches,
        "mismatches": {"frontend": hil.frontend_mismatches, "model": hil.model_mismatches, "decisions": hil.decision_mismatches},
        "stages": [dataclasses.asdict(stage) for stage in hil.stages],
        "first_mismatches": [dataclasses.asdict(mismatch) for mismatch in hil.first_mismatches],
        "dropped": hil.dropped_frames,
        "resumed": hil.resumed,
        "overruns": hil.overruns,
        "log": list(hil.log),
        "faults": list(hil.faults),
        "arena_bytes": hil.identity.arena_bytes,
        "device": dataclasses.asdict(hil.identity),
    }
    if hil.cost is not None:
        facts[hil.cost.unit] = {"frontend_per_frame": hil.cost.frontend_per_frame, "model_per_inference": hil.cost.model_per_inference}
        facts["latency"] = {"unit": hil.cost.unit, **dataclasses.asdict(hil.cost.latency)}
    if build is not None:
        facts |= {
            "flash_bytes": build.flash_bytes,
            "ram_bytes": build.ram_bytes,
            "budget_ok": build.budget_ok,
            "elf_sha256": build.elf_sha256,
            "toolchain": build.toolchain,
            "regions": {name: dataclasses.asdict(use) for name, use in build.regions.items()},
            "placement": None if build.placement is None else [dataclasses.asdict(item) for item in build.placement.items],
            "stack": None if build.stack is None else dataclasses.asdict(build.stack),
        }
    return facts


def comparison_facts(comparison: KernelComparison) -> dict[str, Any]:
    """Return what fast and plain kernels made of the same clips."""
    differences = [dataclasses.asdict(difference) for difference in comparison.differences]
    return {
        "optimized": _side_facts(comparison.optimized),
        "reference": _side_facts(comparison.reference),
        "clips": comparison.clips,
        "elements": comparison.elements,
        "mismatches": comparison.mismatches,
        "differing_clips": list(comparison.differing_clips),
        "first": differences[0] if differences else None,
        "differences": differences,
    }


def _side_facts(side: KernelSide) -> dict[str, Any]:
    return {
        "model_kernels": side.identity.model_kernels,
        "runtime": side.identity.runtime,
        "firmware_fingerprint": side.identity.firmware_fingerprint,
        "elf_sha256": side.elf_sha256,
        "flash_bytes": side.flash_bytes,
        side.cost.unit: {"frontend_per_frame": side.cost.frontend_per_frame, "model_per_inference": side.cost.model_per_inference},
        "mismatches": side.mismatches,
    }
