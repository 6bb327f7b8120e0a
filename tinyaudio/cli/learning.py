"""From recordings to a model, as commands: each parses, calls one function of the pipeline, prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tinyaudio.cli.anomaly import SiteRequest, calibrate_site, evaluate_anomaly, refuse_device, say_alarm, say_fit
from tinyaudio.cli.options import (
    BoardOption,
    DepthOption,
    JsonOption,
    PortOption,
    ProjectOption,
    QuietOption,
    SlotOption,
    VerboseOption,
)
from tinyaudio.cli.output import EXIT_CHECK_FAILED, Output, speaking

_HERE = Path()


def train(project: ProjectOption = _HERE, json: JsonOption = False, quiet: QuietOption = False, verbose: VerboseOption = False) -> None:
    """Train the float model on the features of the target board's integer front end.

    Example: tinyaudio train --project doorbell
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.pipeline import open_line, train_stage

        result = train_stage(open_line(project, output))
        model = result.value
        if model.one_class is not None:
            say_fit(output, result)
            return
        metrics = {
            "epochs": model.epochs,
            "best_epoch": model.best_epoch,
            "parameters": model.parameters,
            "validation_loss": model.validation_loss[model.best_epoch - 1],
            "temperature": model.temperature,
        }
        quality = f"mean square residual {metrics['validation_loss']:.4f}"
        if model.validation_accuracy:  # an autoencoder has none
            metrics["validation_accuracy"] = model.validation_accuracy[model.best_epoch - 1]
            quality = f"{metrics['validation_accuracy']:.1%} of validation patches right"
        text = f"{model.parameters:,} parameters, best epoch {model.best_epoch} of {model.epochs}: {quality}"
        output.result(result.describe(**metrics), text=text)


def quantize(
    project: ProjectOption = _HERE,
    sensitivity: Annotated[bool, typer.Option("--sensitivity", help="Say how INT8 moves with number and choice of representative clips.")] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Quantize the trained model to full-integer INT8, with representative audio of the training split.

    With --sensitivity also with more and fewer clips, drawn over the classes and chosen by coverage: what each comes to on the
    validation split, as a table and a picture.

    Example: tinyaudio quantize --project doorbell
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.pipeline import open_line, quantize_stage, sensitivity_facts

        line = open_line(project, output)
        result = quantize_stage(line)
        model = result.value
        metrics = {"tflite_bytes": len(model.tflite), "sha256": model.sha256, "ops": list(model.ops), "input_scale": model.input_scale}
        if model.one_class is not None:
            metrics["table_bytes"] = model.one_class.table_bytes
        facts = result.describe(**metrics)
        if sensitivity:
            facts["sensitivity"] = sensitivity_facts(line)
            _say_sensitivity(output, facts["sensitivity"])
        output.result(facts, text=f"{len(model.tflite):,} bytes of INT8 model, SHA-256 {model.sha256[:16]}")


def _say_sensitivity(output: Output, facts: dict[str, Any]) -> None:
    if output.as_json:
        return
    rows = [
        (
            point["choice"],
            str(point["clips"]),
            str(point["seed"]),
            f"{point['accuracy']:.1%}",
            f"{point['same_verdicts']:.1%}",
            f"{point['score_error']:.4f}",
        )
        for point in facts["points"]
    ]
    columns = ("choice", "clips", "seed", "INT8", "patches with float's verdict", "score error")
    output.table(f"validation split; float {facts['float']:.1%}", columns, rows)
    output.note(f"picture: {facts['picture']}")


def calibrate(
    project: ProjectOption = _HERE,
    recordings: Annotated[
        Path | None,
        typer.Option("--recordings", help="Sound of another site, for its own thresholds.", file_okay=False),
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Have the device keep the thresholds by --recordings, and read them back.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Have the device forget them: what was compiled in holds again.")] = False,
    board: BoardOption = None,
    depth: DepthOption = None,
    port: PortOption = None,
    slot: SlotOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Turn the project's smoothing and threshold into the integers that the device uses.

    firmware.wanted_precision chooses the threshold by the validation split, firmware.false_alarms_per_hour raises it by background.

    With --recordings, an anomaly detector gets the threshold of another site by a folder of its normal sound, a classifier higher
    thresholds by a folder in which nothing is to be detected, until there are no more than firmware.false_alarms_per_hour; the model
    stays as it is. With --write the device keeps them over resets, and recordings are decided by them.

    Example: tinyaudio calibrate --project doorbell

    Example: tinyaudio calibrate --project pump --recordings site_b --write --board stm32h7 --port /dev/ttyACM0
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        site = SiteRequest(project, recordings, write, reset, board, depth, port, slot)
        if recordings is not None or write or reset:
            calibrate_site(output, site)
            return
        refuse_device(site)
        from tinyaudio.core.decisions import NEVER
        from tinyaudio.pipeline import calibrate_stage, open_line, quantize_stage

        line = open_line(project, output)
        result = calibrate_stage(line)
        value = result.value
        if line.project.is_anomaly:
            say_alarm(output, line, result)
            return
        metrics = {
            "smoothing_patches": value.smoothing_patches,
            "detection_threshold": value.detection_threshold,
            "class_thresholds": list(value.class_thresholds),
        }
        quantized = quantize_stage(line).value

        def in_words(steps: int) -> str:
            return "never" if steps == NEVER else f"{quantized.output_scale * (steps - quantized.output_zero_point):.3f} (int8 {steps})"

        thresholds = in_words(value.detection_threshold)
        if value.class_thresholds:
            pairs = zip(quantized.labels, value.class_thresholds, strict=True)
            thresholds = "its own: " + ", ".join(f"{label} {in_words(steps)}" for label, steps in pairs)
        text = f"a label is detected when its mean score of {value.smoothing_patches} patches reaches {thresholds}"
        output.result(result.describe(**metrics), text=text)


def evaluate(
    project: ProjectOption = _HERE,
    tracker: Annotated[str | None, typer.Option("--track", help="Tell a tracker as well: mlflow.")] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Measure the float and the INT8 model on the test split, and write what there is to see into one page.

    --track mlflow logs settings, figures, epochs and files to MLFLOW_TRACKING_URI, or to a database under runs/.

    Example: tinyaudio evaluate --project doorbell --json
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.pipeline import evaluate_stage, evaluation_metrics, evaluation_page, open_line, quantization_gate, require_tracker, track

        if tracker is not None:
            require_tracker(tracker)
        line = open_line(project, output)
        if line.project.is_anomaly:
            evaluate_anomaly(output, line, is_tracked=tracker is not None)
            return
        result = evaluate_stage(line)
        metrics = evaluation_metrics(line)
        if not json:
            rows = [
                (name, figure, f"{item['value']:.1%}", f"{item['lower']:.1%} to {item['upper']:.1%}")
                for name, figures in metrics["headlines"].items()
                for figure, item in figures.items()
            ]
            output.table(f"{metrics['clips']} test clips", ("model", "figure", "value", "95 % interval, by groups"), rows)
            for rule in metrics["decisions"]:
                _say_decisions(output, rule)
            output.note(f"int8: {metrics['int8_by']}")
        gate = quantization_gate(line)
        facts = result.describe(**metrics, gate=gate)
        # Of a finished model there is no page: it shows the float model beside the INT8 one.
        page = None if result.value.float is None else evaluation_page(line)
        if page is not None:
            facts["report"] = str(page)
        if tracker is not None:
            facts["tracked"] = track(line, metrics, page=page)
            output.note(f"tracked: {facts['tracked']['uri']}")
        output.result(facts, text="" if page is None else f"report: {page}")
        if not gate["ok"]:
            output.warning(f"INT8 loses {gate['loss']:.1%} of {metrics['judged_by']}; quantize.maximum_loss allows {gate['allowed']:.1%}")
            raise typer.Exit(EXIT_CHECK_FAILED)


def _say_decisions(output: Output, rule: dict[str, Any]) -> None:
    """Show what becomes of each label under one rule of deciding; false alarms where background was measured."""
    hours = rule["background_hours"]
    heard = ("false alarms an hour",) if hours else ()
    rows = [
        (label, str(item["threshold"]), f"{item['found']} of {item['clips']}", str(item["mistaken"]), *((_rate(item),) if hours else ()))
        for label, item in rule["labels"].items()
    ]
    if hours:
        rows.append(("all", "", "", "", _rate(rule)))
    title = f"decisions, {rule['rule']}" + (f", and {hours:g} h of background" if hours else "")
    output.table(title, ("label", "threshold", "clips found", "mistaken", *heard), rows)


def _rate(item: dict[str, Any]) -> str:
    return "{value:.2f} ({lower:.2f} to {upper:.2f})".format(**item["false_alarms_per_hour"])
