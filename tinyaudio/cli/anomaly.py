"""How the stages of an anomaly detector are told; `cli.learning` has the commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import typer

from tinyaudio.cli.output import EXIT_CHECK_FAILED, Output


def say_fit(output: Output, result: Any) -> None:
    """Print what was fitted to the embedding of a backbone, which has no epochs."""
    model = result.value
    text = f"{model.architecture} on the embedding of a backbone of {model.parameters:,} parameters, which stays as it is"
    output.result(result.describe(parameters=model.parameters, kind=model.one_class.kind), text=text)


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


class SiteRequest(NamedTuple):
    """The options of ``tinyaudio calibrate`` that are about another site."""

    project: Path
    recordings: Path | None
    write: bool
    reset: bool
    board: str | None
    depth: str | None
    port: str | None
    slot: str | None


def calibrate_site(output: Output, request: SiteRequest) -> None:
    """Print the threshold by the sound of another site, and have a device keep it, or forget it, where that is asked for."""
    from tinyaudio.core.errors import InputError
    from tinyaudio.pipeline import StoreRequest, open_line, slot_line, store_calibration

    if request.reset == (request.recordings is not None):
        hint = "--recordings DIR sets a threshold, --reset takes it back"
        raise InputError("one of --recordings and --reset is needed, and not both", hint=hint, where="--reset")
    if request.reset and request.write:
        raise InputError("--write and --reset contradict each other", hint="--reset alone takes the threshold back", where="--write")
    if not (request.reset or request.write):
        refuse_device(request)
    line = open_line(request.project, output)
    board, depth, port = request.board, request.depth, request.port
    if request.slot is not None:
        board, depth, port = slot_line(line, request.slot, board_id=board, depth=depth, port=port)
    store = StoreRequest(board_id=board or line.project.board, depth=depth, port=port)
    if request.recordings is None:
        device = store_calibration(line, None, store)
        output.result({"device": device}, text=f"{device['board']} goes by the threshold that was compiled in")
        return
    described, calibration, text = (_site_threshold if line.project.is_anomaly else _site_alarms)(line, request.recordings)
    if request.write:
        described["device"] = device = store_calibration(line, calibration, store)
        text += f"; {device['board']} keeps it" + ("" if device["is_kept"] else ", but its emulator has no memory that outlives it")
    else:
        text += "; --write has a device keep it"
    output.result(described, text=text)


def _site_threshold(line: Any, recordings: Path) -> tuple[dict[str, Any], Any, str]:
    """Return what is printed as JSON, what a device would keep, and what is printed as text; so for `_site_alarms`."""
    from tinyaudio.pipeline import site_calibration, site_facts, site_threshold_stage

    result = site_threshold_stage(line, recordings)
    facts = site_facts(line, result.value)
    text = f"threshold {facts['int8']} by {facts['seconds'] / 60:.1f} minutes of normal sound ({facts['built_in']['int8']} is compiled in)"
    return result.describe(threshold=facts), site_calibration(line, result.value), text


def _site_alarms(line: Any, recordings: Path) -> tuple[dict[str, Any], Any, str]:
    from tinyaudio.core.decisions import NEVER
    from tinyaudio.pipeline import site_alarm_facts, site_alarms_stage

    result = site_alarms_stage(line, recordings)
    facts = site_alarm_facts(line, result.value)
    before = facts["built_in"]
    raised = [
        f"{label} {before['thresholds'][label]} -> {'never' if steps == NEVER else steps}"
        for label, steps in facts["thresholds"].items()
        if steps != before["thresholds"][label]
    ]
    text = (
        f"{facts['false_alarms']} false alarms in place of {before['false_alarms']} in {facts['seconds'] / 60:.1f} minutes of the site's sound; "
        f"thresholds raised: {', '.join(raised) or 'none'}"
    )
    return result.describe(site=facts), result.value.calibration, text


def refuse_device(request: SiteRequest) -> None:
    """Raise if a device is named that nothing would be stored on."""
    from tinyaudio.core.errors import InputError

    named = [f"--{name}" for name in ("board", "depth", "port", "slot") if getattr(request, name) is not None]
    if named:
        raise InputError(
            f"{', '.join(named)}: no device is asked for anything",
            hint="--recordings DIR --write has it keep a threshold, --reset has it forget one",
            where=named[0],
        )


def evaluate_anomaly(output: Output, line: Any, *, is_tracked: bool) -> None:
    """Print what the float model, the INT8 model and loudness alone find; exit with 3 if INT8 loses too much."""
    from tinyaudio.pipeline import anomaly_evaluate_stage, anomaly_figures, anomaly_gate, anomaly_metrics, track

    result = anomaly_evaluate_stage(line)
    metrics = anomaly_metrics(anomaly_figures(line))
    if not output.as_json:
        rows = [(predictor, name, *_row(item)) for predictor, found in metrics.items() for name, item in found.items()]
        columns = ("scored by", "fault", "clips normal / faulty", "AUC of clips", "95 % interval", "partial AUC", "AUC of patches")
        output.table("what is found (level: by loudness alone)", columns, rows)
    gate = anomaly_gate(line)
    facts = result.describe(figures=metrics, gate=gate)
    if is_tracked:
        facts["tracked"] = track(line, {"figures": metrics, "gate": gate})
        output.note(f"tracked: {facts['tracked']['uri']}")
    output.result(facts, text="`tinyaudio run` writes the report, with the device's scores")
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
