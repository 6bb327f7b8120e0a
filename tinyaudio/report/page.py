"""Lay the facts and the pictures out on one page."""

from __future__ import annotations

import base64
import io
import json
import wave
from pathlib import Path
from typing import Any

from tinyaudio.core.artifacts import HilReport, Int16Array, split_labels
from tinyaudio.core.decisions import NEVER
from tinyaudio.core.files import write_text_atomically
from tinyaudio.core.templating import render_template
from tinyaudio.report.arena import arena_uri
from tinyaudio.report.facts import report_facts
from tinyaudio.report.figures import budget_figure, confusion_figure, memory_figure, scores_figure, spectrogram_figure
from tinyaudio.report.values import ExampleClip, KernelDistance, ReportInputs

_NAMES = {"float": "float", "int8": "INT8", "device": "device"}


def write_report(inputs: ReportInputs, directory: Path) -> Path:
    """Write ``report.html`` and ``report.json`` into `directory`; return the page's path."""
    page = directory / "report.html"
    write_text_atomically(directory / "report.json", json.dumps(report_facts(inputs), indent=1, sort_keys=True) + "\n")
    write_text_atomically(page, render_page(inputs))
    return page


def render_page(inputs: ReportInputs) -> str:
    """Return the HTML text; it names no other file and no network address."""
    hil, facts = inputs.hil, report_facts(inputs)
    comparison = inputs.kernel_comparison
    context = {
        "title": f"{inputs.project_name} on {inputs.board.name}",
        "proven": hil.mismatches == 0 and (comparison is None or comparison.mismatches == comparison.reference.mismatches == 0),
        "mismatches": hil.mismatches,
        "comparison": comparison,
        "compared": sum(stage.elements for stage in hil.stages),
        "facts": facts,
        "inputs": inputs,
        "accuracies": [(_NAMES[name], item.accuracy, _meaning(name, hil)) for name, item in inputs.evaluations.items()],
        "precisions": [] if inputs.calibration.is_exclusive else [(_NAMES[name], value) for name, value in facts["mean_average_precision"].items()],
        "decided": _decided(inputs, facts["decided"]),
        "confusions": [confusion_figure(item, f"{_NAMES[name]}: {item.accuracy:.3f}") for name, item in inputs.evaluations.items()],
        "arena": None if inputs.arena is None else arena_uri(inputs.arena),
        "sizes": _budget_rows(inputs) if inputs.build is not None else [],
        "budget": budget_figure(_budget_rows(inputs)) if inputs.build is not None else "",
        "memory": _memory_picture(inputs),
        "kernel_shares": [_kernel_share(distance) for distance in inputs.kernel_distances],
        "examples": [_example(inputs, example) for example in inputs.examples],
    }
    return render_template("report/report.html.j2", context)


def _decided(inputs: ReportInputs, decided: dict[str, Any]) -> dict[str, Any]:
    """Return the rows of the section about thresholds: labels, totals, and the clips that the device decided wrong."""
    quantized, figures = inputs.quantized, list(decided["figures"].values())
    labels = [
        {
            "label": label,
            "threshold": "never" if threshold == NEVER else threshold,
            "score": (threshold - quantized.output_zero_point) * quantized.output_scale,
            "clips": figures[-1]["labels"][label]["support"],
            "figures": [item["labels"][label] for item in figures],
        }
        for label, threshold in decided["thresholds"].items()
    ]
    wrong = [clip for clip in decided["clips"] if clip["labels"] != clip["device"]]
    return {**decided, "names": [_NAMES[name] for name in decided["figures"]], "rows": labels, "totals": figures, "wrong": wrong}


def _meaning(name: str, hil: HilReport) -> str:
    meanings = {"float": "TensorFlow, float32 weights, integer features", "int8": "the quantized model on the host, integer features"}
    return meanings.get(name, f"the firmware itself, {hil.link}")


def _budget_rows(inputs: ReportInputs) -> list[tuple[str, int, int]]:
    build, budget = inputs.build, inputs.board.budget
    assert build is not None
    return [("flash", build.flash_bytes, budget.flash_bytes), ("RAM", build.ram_bytes, budget.ram_bytes)]


def _memory_picture(inputs: ReportInputs) -> str:
    """Return the picture of what lies where; ``""`` where the host's linker decided that."""
    build = inputs.build
    return "" if build is None or build.placement is None else memory_figure(build.regions, build.placement)


def _kernel_share(distance: KernelDistance) -> dict[str, Any]:
    """Return the histogram as a row of percentages."""
    total = sum(distance.steps.values())
    equal, one = (distance.steps.get(steps, 0) for steps in (0, 1))
    shares = {name: 100 * count / total for name, count in (("equal", equal), ("one", one), ("more", total - equal - one))}
    return {"kernel": distance.kernel, "features": total, "most": max(distance.steps), **shares}


def _example(inputs: ReportInputs, example: ExampleClip) -> dict[str, Any]:
    spec = inputs.quantized.spec
    return {
        "title": example.title,
        "filename": example.filename,
        "label": example.label,
        "predicted": example.predicted,
        "spectrogram": spectrogram_figure(example.log_mel, spec=spec),
        "scores": scores_figure(inputs.dataset.labels, example.scores, true_labels=split_labels(example.label, inputs.dataset.label_separator)),
        "sound": wav_data_uri(example.pcm, spec.sample_rate_hz),
    }


def wav_data_uri(pcm: Int16Array, sample_rate_hz: int) -> str:
    """Return int16[samples] as a WAV file inside a data URI."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(sample_rate_hz)
        stream.writeframes(pcm.astype("<i2").tobytes())
    return "data:audio/wav;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
