"""Anomaly detection along the line: its evaluation, its gate, and the device's scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyaudio.bench.device import ClipRun
from tinyaudio.core.anomaly import AnomalyEvaluations, DetectionFigures, PatchScores, detection_figures, is_number, patch_auc
from tinyaudio.core.artifacts import BuildArtifact, HilReport
from tinyaudio.core.board import Board
from tinyaudio.core.rounding import quantize_int8
from tinyaudio.learn.anomaly import score_test_split
from tinyaudio.learn.dataset import clip_reader, dequantized_log_mel, patch_features
from tinyaudio.learn.oracle import Oracle
from tinyaudio.learn.training import FloatAutoencoder
from tinyaudio.pipeline.data import dataset_stage, features_stage
from tinyaudio.pipeline.foreign import parameters_of
from tinyaudio.pipeline.judging import calibrate_stage, expected_stage, threshold_stage
from tinyaudio.pipeline.learning import quantize_stage, train_stage
from tinyaudio.pipeline.line import Line, StageResult, once, reuse_or_make
from tinyaudio.report import AnomalyExample, AnomalyPageInputs, alarm_facts


@once
def anomaly_evaluate_stage(line: Line) -> StageResult[AnomalyEvaluations]:
    """Score the test split with the float model, where there is one, the INT8 model, and by loudness alone."""
    features, expected = features_stage(line), expected_stage(line)
    trained = train_stage(line) if line.project.model_path is None else None
    return reuse_or_make(
        line,
        "evaluate",
        AnomalyEvaluations,
        inputs={
            "features": features.stored.fingerprint,
            **({} if trained is None else {"train": trained.stored.fingerprint}),
            "expected": expected.stored.fingerprint,
            "machine_column": line.project.anomaly.machine_column,
        },
        description="scoring the test split",
        make=lambda _: score_test_split(line.project, None if trained is None else trained.value, features.value, expected.value),
    )


def anomaly_figures(line: Line, *others: PatchScores) -> dict[str, tuple[DetectionFigures, ...]]:
    """Return the figures of the float model, the INT8 model, loudness, and `others`, by predictor."""
    evaluations = anomaly_evaluate_stage(line).value
    scored = (evaluations.float, evaluations.int8, *others, evaluations.level)
    return {scores.predictor: detection_figures(scores, line.project.anomaly.normal) for scores in scored if scores is not None}


def anomaly_metrics(figures: dict[str, tuple[DetectionFigures, ...]]) -> dict[str, Any]:
    """Return figures as the command line's JSON shows them; what is not a number is null."""
    return {predictor: {item.name: _plain(item) for item in found} for predictor, found in figures.items()}


def anomaly_gate(line: Line) -> dict[str, Any]:
    """Return whether INT8 loses no more AUC of patches than ``anomaly.maximum_auc_loss``, and how much it loses."""
    evaluations, table = anomaly_evaluate_stage(line).value, line.project.anomaly
    if evaluations.float is None:  # a finished model: there is nothing to lose against
        return {"loss": 0.0, "allowed": table.maximum_auc_loss, "ok": True}
    before, after = (patch_auc(scores, table.normal) for scores in (evaluations.float, evaluations.int8))
    loss = before - after
    return {"loss": is_number(loss), "allowed": table.maximum_auc_loss, "ok": not loss > table.maximum_auc_loss + 1e-9}


def anomaly_page_inputs(line: Line, board: Board, hil: HilReport, *, build: BuildArtifact | None, runs: Sequence[ClipRun]) -> AnomalyPageInputs:
    """Return what the report shows of a run on a device; `runs` are the clips of the test split, in order."""
    int8, quantized = anomaly_evaluate_stage(line).value.int8, quantize_stage(line).value
    steps = np.array([patch.scores[0] for run in runs for patch in run.patches], np.float64)
    device = dataclasses.replace(int8, predictor="device", scores=(steps - quantized.score_zero_point) * quantized.score_scale)
    figures = anomaly_figures(line, device)
    return AnomalyPageInputs(
        project_name=line.project.name,
        board=board,
        spec=line.project.frontend,
        hil=hil,
        build=build,
        device=device,
        normal=line.project.anomaly.normal,
        threshold=threshold_stage(line).value,
        figures=figures,
        metrics=anomaly_metrics(figures),
        gate=anomaly_gate(line),
        parameters=parameters_of(quantized.tflite) if line.project.model_path is not None else train_stage(line).value.parameters,
        examples=_examples(line, device),
        fingerprints=_fingerprints(line, hil, build),
    )


def _examples(line: Line, device: PatchScores) -> tuple[AnomalyExample, ...]:
    """Return the clips with the lowest and the highest score of all and of their kind, each with its strangest patch as the float model sees it."""
    features, read = features_stage(line).value, clip_reader(line.project)
    patch_set = patch_features(features, "test")
    reconstruct = _reconstruct(line)
    examples = []
    for place, title in _looked_at(device, line.project.anomaly.normal):
        start, stop = device.patch_offsets[place : place + 2]
        strangest = int(start) + int(device.scores[start:stop].argmax())
        patch = dequantized_log_mel(
            patch_set.log_mel[strangest : strangest + 1], log_fraction_bits=patch_set.log_fraction_bits, log_scale=patch_set.log_scale
        )
        pictures = [patch[0]] if reconstruct is None else [patch[0], reconstruct(patch[0])]
        turned = [(picture if features.spec.patch_layout == "frames_first" else picture.T).astype(np.float64) for picture in pictures]
        examples.append(
            AnomalyExample(
                title=title,
                clip=place,
                pcm=read(patch_set.clips[place]),
                input=turned[0],
                reconstruction=turned[1] if len(turned) > 1 else None,
            )
        )
    return tuple(examples)


def _looked_at(device: PatchScores, normal: Sequence[str]) -> list[tuple[int, str]]:
    """Return (index, title) of the clips to look at, in the order of their scores; a clip may have several titles."""
    scores = device.clip_scores
    order = np.argsort(scores, kind="stable").tolist()
    usual = [place for place in order if device.conditions[place] in normal]
    faulty = [place for place in order if device.conditions[place] not in normal]
    titles: dict[int, list[str]] = {}
    for title, places, which in (
        ("most normal", order, 0),
        ("strangest of the normal clips", usual, -1),
        ("least strange of the faulty clips", faulty, 0),
        ("most abnormal", order, -1),
    ):
        if places:
            titles.setdefault(places[which], []).append(title)
    return [(place, ", ".join(titles[place])) for place in order if place in titles]


def _reconstruct(line: Line) -> Callable[[NDArray[np.float32]], NDArray[np.float32]] | None:
    """Return what gives a patch of log-mel back as the float model sees it, or the INT8 one where there is no other; None: nothing does."""
    if quantize_stage(line).value.one_class is not None:
        return None
    if line.project.model_path is None:
        autoencoder = FloatAutoencoder(train_stage(line).value)
        return lambda patch: autoencoder.reconstruct(patch[np.newaxis, ..., np.newaxis])[0, ..., 0]
    quantized = quantize_stage(line).value
    oracle = Oracle(quantized.tflite)

    def run(patch: NDArray[np.float32]) -> NDArray[np.float32]:
        steps = oracle.run(quantize_int8(patch, scale=quantized.input_scale, zero_point=quantized.input_zero_point))[1]
        return ((steps.astype(np.float32) - quantized.output_zero_point) * quantized.output_scale).reshape(patch.shape)

    return run


def _fingerprints(line: Line, hil: HilReport, build: BuildArtifact | None) -> dict[str, str]:
    training = (train_stage,) if line.project.model_path is None else ()
    rest = (quantize_stage, threshold_stage, calibrate_stage, expected_stage, anomaly_evaluate_stage)
    stages = (dataset_stage, features_stage, *training, *rest)
    along = {result.stage: result.stored.fingerprint for result in (stage(line) for stage in stages)}
    device = {
        "front end (reported by the device)": hil.identity.frontend_fingerprint,
        "model file (reported by the device)": hil.identity.model_sha256,
        "firmware (reported by the device)": hil.identity.firmware_fingerprint,
    }
    return along | device | ({} if build is None else {"image (ELF)": build.elf_sha256})


def threshold_facts(line: Line) -> dict[str, Any]:
    """Return the threshold as the command line's JSON shows it."""
    threshold = threshold_stage(line)
    return {"fingerprint": threshold.stored.fingerprint, **alarm_facts(threshold.value)}


def _plain(item: DetectionFigures) -> dict[str, Any]:
    values = dataclasses.asdict(item)
    lower, upper = values.pop("auc_interval")
    numbers = {name: is_number(value) if isinstance(value, float) else value for name, value in values.items()}
    return {**numbers, "auc_interval": [is_number(lower), is_number(upper)]}
