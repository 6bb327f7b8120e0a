"""How the stages of an anomaly detector are told; `cli.stages` has the commands."""

from __future__ import annotations

from typing import Any

import typer

from tinyaudio.cli.output import EXIT_CHECK_FAILED, Output


def say_alarm(output: Output, line: Any, result: Any) -> None:
    """Print when the device raises an alarm, and what that was set by."""
    from tinyaudio.pipeline import threshold_facts

    facts = threshold_facts(line)
    rate = facts["expected_false_alarms_per_hour"]
    expected = "" if rate is None else f"; about {rate:.2g} false alarms an hour"
    text = (
        f"alarm when the mean score of {facts['smoothing_patches']} patches reaches {facts['int8']} ({facts['octaves']:.2f} octaves), "
        f"set by {facts['seconds'] / 60:.1f} minutes of normal sound{expected}"
    )
    metrics = {"smoothing_patches": result.value.smoothing_patches, "detection_threshold": result.value.detection_threshold, "threshold": facts}
    output.result(result.describe(**metrics), text=text)


def evaluate_anomaly(output: Output, line: Any) -> None:
    """Print what the float model, the INT8 model and loudness alone find; exit with 3 if INT8 loses too much."""
    from tinyaudio.pipeline import anomaly_evaluate_stage, anomaly_figures, anomaly_gate, anomaly_metrics

    result = anomaly_evaluate_stage(line)
    metrics = anomaly_metrics(anomaly_figures(line))
    if not output.as_json:
        rows = [(predictor, name, *_row(item)) for predictor, found in metrics.items() for name, item in found.items()]
        columns = ("scored by", "fault", "clips normal / faulty", "AUC of clips", "95 % interval", "partial AUC", "AUC of patches")
        output.table("what is found (level: by loudness alone)", columns, rows)
    gate = anomaly_gate(line)
    output.result(result.describe(figures=metrics, gate=gate), text="`tinyaudio run` writes the report, with the device's scores")
    if not gate["ok"]:
        output.warning(f"INT8 loses {gate['loss']:.4f} AUC of patches; anomaly.maximum_auc_loss allows {gate['allowed']}")
        raise typer.Exit(EXIT_CHECK_FAILED)


def found_rows(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a run on a device found, as rows of a table."""
    alarms = ", ".join(f"{label} {item['alarms']} of {item['clips']}" for label, item in facts["alarms"].items())
    return [(f"AUC {' / '.join(facts['auc'])}", " / ".join(map(_figure, facts["auc"].values()))), ("clips with an alarm", alarms)]


def _row(item: dict[str, Any]) -> tuple[str, ...]:
    interval = " to ".join(map(_figure, item["auc_interval"]))
    figures = (_figure(item["auc"]), interval, _figure(item["partial_auc"]), _figure(item["patch_auc"]))
    return (f"{item['normal_clips']} / {item['faulty_clips']}", *figures)


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
