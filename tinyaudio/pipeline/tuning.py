"""A search over architecture and training: costs from the compiler, quality from the validation split, the test split untouched."""

from __future__ import annotations

import dataclasses
import functools
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyaudio.core.artifacts import FeatureSet
from tinyaudio.core.canonical import fingerprint
from tinyaudio.core.errors import InputError, ProjectError
from tinyaudio.core.evaluation import headline_value
from tinyaudio.core.project import ModelTable
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.core.teaching import SoftTargets
from tinyaudio.deploy.compiler import compile_model
from tinyaudio.learn.evaluate import QuickPredictor, evaluate
from tinyaudio.learn.quantize import convert_to_int8, make_stride_padding_explicit, quantize
from tinyaudio.learn.training import build_network, import_tensorflow, train
from tinyaudio.learn.tuning import PredictedCost, Trial, TrialSettings, best_trial, pareto_front, run_study
from tinyaudio.pipeline.data import augmented_stage, features_stage, project_frontend
from tinyaudio.pipeline.distillation import taught_stage
from tinyaudio.pipeline.line import Line
from tinyaudio.pipeline.model_cost import cost_table
from tinyaudio.report import ParetoPoint, write_pareto_picture

STUDY_FILE = "tune.journal"
_PREDICTION_PATCHES = 2  # ranges do not matter to what a model costs


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What a search found."""

    trials: tuple[Trial, ...]
    front: tuple[Trial, ...]  # not beaten in quality and instructions at once, cheapest first
    best: Trial
    judged_by: str  # "accuracy", or "mAP" where clips may have several labels


def tune_line(line: Line, *, trials: int | None = None, storage: str | None = None) -> Tuned:
    """Search until ``tune.trials`` points were tried, those of earlier and other runs included.

    Parameters
    ----------
    line
        The project.
    trials
        In place of ``tune.trials``.
    storage
        Address of a database, for several computers; None: a file in the project's runs folder, also for several processes.

    Raises
    ------
    InputError
        If the project's model came finished.
    ProjectError
        If it starts from a backbone, which fits one network only.
    ToolError
        If Optuna is not installed.
    StageError
        If no trial keeps to the limits, or the storage cannot be used.
    """
    project = line.project
    if project.model_path is not None:
        raise InputError("there is nothing to search: the model is finished", hint="take file out of [model] to train one", where="model.file")
    if project.train.transfer.backbone:
        raise ProjectError(
            "a backbone fits one network, and a search tries many", hint="leave it empty for the search", where="train.transfer.backbone"
        )
    augmented = augmented_stage(line) if project.train.audio.versions else None
    source = features_stage(line) if augmented is None else augmented
    taught = taught_stage(line, source, project_frontend(project)) if project.train.distillation.teacher else None
    features = augmented.value.features if augmented is not None else features_stage(line).value
    table = project.tune if trials is None else project.tune.model_copy(update={"trials": trials})
    name = fingerprint(
        {
            "features": (source if taught is None else taught).stored.fingerprint,
            "model": project.model.model_dump(),
            "train": project.train.model_dump(),
            "quantize": project.quantize.model_dump(),
            "tune": table.model_dump(exclude={"trials"}),
        }
    )
    with line.progress.task("searching") as advance:
        found = run_study(
            TrialSettings(model=project.model, train=project.train),
            table,
            name=name,
            storage=storage or line.store.directory / STUDY_FILE,
            predict=lambda settings: predicted_cost(settings.model, features.spec, len(features.dataset.labels)),
            assess=lambda settings: _quality(line, settings, features, None if taught is None else taught.value),
            on_trial=advance,
        )
    judged_by = "mAP" if features.dataset.is_multi_label else "accuracy"
    return Tuned(trials=found, front=pareto_front(found), best=best_trial(found), judged_by=judged_by)


def tuned_facts(line: Line, tuned: Tuned) -> dict[str, Any]:
    """Write the picture and return the outcome as the command line's JSON shows it."""
    on_front = {trial.number for trial in tuned.front}
    points = [
        ParetoPoint(
            architecture=str(trial.changes["model.architecture"]),
            instructions=trial.cost.instructions,
            quality=trial.quality,
            is_on_front=trial.number in on_front,
            is_best=trial.number == tuned.best.number,
        )
        for trial in tuned.trials
        if trial.cost is not None and trial.quality is not None and not trial.problem
    ]
    picture = write_pareto_picture(points, line.store.directory, judged_by=tuned.judged_by)
    return {
        "judged_by": tuned.judged_by,
        "trials": [dataclasses.asdict(trial) for trial in tuned.trials],
        "front": [trial.number for trial in tuned.front],
        "best": dataclasses.asdict(tuned.best),
        "settings": settings_text(tuned.best),
        "picture": str(picture),
    }


def settings_text(trial: Trial) -> str:
    """Return a trial's settings as lines of ``tinyaudio.toml``."""
    sections: dict[str, list[str]] = {}
    for path, value in trial.changes.items():
        section, _, key = path.rpartition(".")
        sections.setdefault(section, []).append(f"{key} = {json.dumps(value)}")
    return "\n".join(line for section, lines in sections.items() for line in (f"[{section}]", *lines))


def line_with(line: Line, trial: Trial) -> Line:
    """Return the line of the project with a trial's settings, and nothing seen yet."""
    model = {key.removeprefix("model."): value for key, value in trial.changes.items() if key.startswith("model.")}
    augmentation = line.project.train.augmentation.model_copy(update={"mixup": trial.changes["train.augmentation.mixup"]})
    train_table = line.project.train.model_copy(update={"learning_rate": trial.changes["train.learning_rate"], "augmentation": augmentation})
    project = dataclasses.replace(line.project, model=line.project.model.model_copy(update=model), train=train_table)
    return Line(project=project, store=line.store, progress=line.progress)


@functools.cache
def predicted_cost(model: ModelTable, spec: FrontendSpec, classes: int) -> PredictedCost:
    """Return what the network of `model` will take, from the compiler's own plan and measured costs of its kernels.

    Nothing is trained: weights and ranges do not change shapes.
    """
    import_tensorflow()
    network = build_network(spec, model, classes=classes, batch_size=1)
    patches = np.random.default_rng(0).normal(size=(_PREDICTION_PATCHES, *spec.patch_shape, 1)).astype(np.float32)
    compiled = compile_model(make_stride_padding_explicit(convert_to_int8(network, patches)), name="model", int8_ends=True)
    costs = cost_table()
    return PredictedCost(
        ram_bytes=compiled.arena_bytes,
        flash_bytes=compiled.weights_bytes + costs.code_bytes(compiled),
        instructions=sum(costs.instructions(operation) for operation in compiled.ops),
    )


def _quality(line: Line, settings: TrialSettings, features: FeatureSet, teaching: SoftTargets | None) -> float:
    """Return what the INT8 model comes to on the validation split."""
    trained = train(features if teaching is None else teaching.features, settings.model, settings.train, teaching=teaching)
    plain = features_stage(line).value
    quantized = quantize(trained, plain, line.project.quantize)
    return headline_value(evaluate(QuickPredictor(quantized), "int8", plain, split="validation"))
