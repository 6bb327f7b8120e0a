"""An anomaly detector on one page: what it finds, when it alarms, how the strangest and the most usual clips look and sound."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyaudio.core.anomaly import AnomalyThreshold, DetectionFigures, PatchScores, smoothed_means, suspicion
from tinyaudio.core.artifacts import BuildArtifact, Float64Array, HilReport, Int16Array
from tinyaudio.core.board import Board
from tinyaudio.core.files import write_text_atomically
from tinyaudio.core.kernel_checks import KernelComparison
from tinyaudio.core.residual import STEPS_AN_OCTAVE
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.core.templating import render_template
from tinyaudio.report.anomaly_pictures import patch_figure, score_histogram_figure, score_over_time_figure
from tinyaudio.report.facts import comparison_facts, hil_facts
from tinyaudio.report.page import wav_data_uri


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyExample:
    """A clip to look at and listen to."""

    title: str  # "most normal" and the like
    clip: int  # index into the device's scores
    pcm: Int16Array
    input: Float64Array  # [frames, bands] of its strangest patch, nepers times log_scale
    reconstruction: Float64Array | None  # [frames, bands]; None: the model makes none


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyPageInputs:
    """Everything the page shows."""

    project_name: str
    board: Board
    spec: FrontendSpec
    hil: HilReport
    build: BuildArtifact | None  # None for depth "fake"
    device: PatchScores  # as the device told them
    normal: tuple[str, ...]  # labels
    threshold: AnomalyThreshold
    figures: Mapping[str, tuple[DetectionFigures, ...]]  # by predictor
    metrics: Mapping[str, Any]  # the same as plain values
    gate: Mapping[str, Any]
    parameters: int
    examples: tuple[AnomalyExample, ...]
    fingerprints: Mapping[str, str]  # value -> SHA-256, in the order of the line
    kernel_comparison: KernelComparison | None = None  # of this image with one of other kernels


def anomaly_facts(inputs: AnomalyPageInputs) -> dict[str, Any]:
    """Return the facts of the page, keys as documented in docs/guide/anomaly.md."""
    return {
        **hil_facts(inputs.hil, inputs.build),
        **({} if inputs.kernel_comparison is None else {"ab": comparison_facts(inputs.kernel_comparison)}),
        "task": "anomaly",
        "auc": {predictor: found["all"]["auc"] for predictor, found in inputs.metrics.items()},
        "figures": dict(inputs.metrics),
        "gate": dict(inputs.gate),
        "alarms": _alarms(inputs),
        "threshold": alarm_facts(inputs.threshold),
        "parameters": inputs.parameters,
        "fingerprints": dict(inputs.fingerprints),
    }


def alarm_facts(threshold: AnomalyThreshold) -> dict[str, Any]:
    """Return when the device raises an alarm, and what that was set by."""
    return {
        "method": threshold.method,
        "int8": threshold.threshold,
        "octaves": threshold.threshold / STEPS_AN_OCTAVE,
        "smoothing_patches": threshold.smoothing_patches,
        "mean_octaves": threshold.mean,
        "deviation_octaves": threshold.deviation,
        "seconds": threshold.seconds,
        "recommended_seconds": threshold.recommended_seconds,
        "expected_false_alarms_per_hour": threshold.alarms_per_hour,
        "suspects": [suspect.filename for suspect in threshold.suspects],
        "int8_without_suspects": threshold.without_suspects,
    }


def write_anomaly_page(inputs: AnomalyPageInputs, directory: Path) -> Path:
    """Write ``report.html`` and ``report.json`` into `directory`; return the page's path."""
    page = directory / "report.html"
    write_text_atomically(directory / "report.json", json.dumps(anomaly_facts(inputs), indent=1, sort_keys=True) + "\n")
    write_text_atomically(page, render_anomaly_page(inputs))
    return page


def render_anomaly_page(inputs: AnomalyPageInputs) -> str:
    """Return the HTML text; it names no other file and no network address."""
    smoothed, comparison = _smoothed(inputs), inputs.kernel_comparison
    level = inputs.threshold.threshold / STEPS_AN_OCTAVE
    context = {
        "title": f"{inputs.project_name} on {inputs.board.name}",
        "inputs": inputs,
        "hil": inputs.hil,
        "facts": anomaly_facts(inputs),
        "compared": sum(stage.elements for stage in inputs.hil.stages),
        "kernels_differ": not (comparison is None or comparison.mismatches == comparison.reference.mismatches == 0),
        "steps": STEPS_AN_OCTAVE,
        "suspicion": suspicion,
        "over_time": score_over_time_figure(inputs.device, smoothed, level=level, normal=inputs.normal),
        "histograms": score_histogram_figure(inputs.device, smoothed, level=level, normal=inputs.normal),
        "examples": [_example(inputs, example) for example in inputs.examples],
    }
    return render_template("report/anomaly.html.j2", context)


def _smoothed(inputs: AnomalyPageInputs) -> Float64Array:
    return smoothed_means(inputs.device.scores, inputs.device.patch_offsets, smoothing_patches=inputs.threshold.smoothing_patches)


def _alarms(inputs: AnomalyPageInputs) -> dict[str, dict[str, int]]:
    """Return, for each label, how many clips there are and in how many the device raised an alarm."""
    reached = _smoothed(inputs) * STEPS_AN_OCTAVE >= inputs.threshold.threshold - 1e-9
    by_clip = np.logical_or.reduceat(reached, inputs.device.patch_offsets[:-1])
    labels = np.array(inputs.device.conditions)
    return {label: {"clips": int((labels == label).sum()), "alarms": int(by_clip[labels == label].sum())} for label in sorted(set(labels.tolist()))}


def _example(inputs: AnomalyPageInputs, example: AnomalyExample) -> dict[str, Any]:
    scale, back = inputs.spec.log_scale, example.reconstruction
    return {
        "title": example.title,
        "filename": inputs.device.filenames[example.clip],
        "condition": inputs.device.conditions[example.clip],
        "score": float(inputs.device.clip_scores[example.clip]),
        "picture": patch_figure(example.input / scale, None if back is None else back / scale, spec=inputs.spec),
        "least_width": "16rem" if back is None else "40rem",  # narrower ones are scrolled
        "sound": wav_data_uri(example.pcm, inputs.spec.sample_rate_hz),
    }
