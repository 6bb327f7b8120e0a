"""A teacher on the host, asked once; what it says is a stage like any other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from pydantic import BaseModel

from tinyaudio.core.artifacts import AugmentedFeatures, Clip, Dataset, FeatureSet, Int16Array, Split
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import InputError, ProjectError
from tinyaudio.core.project import Project, frontend_spec
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.core.teaching import SoftTargets
from tinyaudio.dsp.audio import read_pcm, sound_files
from tinyaudio.dsp.frontend import FrontendTables, design_frontend
from tinyaudio.learn.dataset import clip_reader, compute_features, join_features
from tinyaudio.learn.training import ask_teacher, read_backbone
from tinyaudio.pipeline.line import Advance, Line, StageResult, reuse_or_make

#: What may differ between two front ends whose frames are the same.
_CUTTING = ("patch_frames", "patch_hop_frames", "patch_layout")


def taught_stage(line: Line, features: StageResult[Any], tables: FrontendTables) -> StageResult[SoftTargets]:
    """Ask the teacher of ``[train.distillation]`` about the training clips and those without labels.

    Parameters
    ----------
    line
        The project.
    features
        A feature set, or one with changed copies of the training clips.
    tables
        The front end that it was computed with.

    Raises
    ------
    ProjectError
        If the teacher would have to hear changed copies by another front end, of which there are only features.
    InputError
        If a recording without a label is shorter than a patch, or the same sound as a clip that is not trained on.
    ModelError
        If the teacher's file cannot be read or does not fit.
    """
    project = line.project
    table, train = project.train.distillation, project.train
    backbone = read_backbone(project.directory / table.teacher)
    spec = frontend_spec(cast(BaseModel, table.frontend))
    base: FeatureSet = features.value.features if isinstance(features.value, AugmentedFeatures) else features.value
    _require_hearing(project, spec, base)
    paths = sound_files(project.directory / table.unlabelled) if table.unlabelled else ()
    splits: tuple[Split, ...] = ("train", "validation") if train.validation == "include" else ("train",)

    def make(advance: Advance) -> SoftTargets:
        sounds = {path.relative_to(project.directory / table.unlabelled).as_posix(): _read(project, path) for path in paths}
        unlabelled = _dataset_of(base.dataset, sounds, spec=base.spec)
        read = clip_reader(project)
        student = join_features(base, compute_features(unlabelled, lambda clip: sounds[clip.filename], tables)) if sounds else base
        return ask_teacher(
            student,
            _heard(student, spec, lambda clip: sounds[clip.filename] if clip.filename in sounds else read(clip), tables),
            backbone,
            table,
            unlabelled=len(sounds),
            splits=splits,
            silence=train.silence,
            seed=train.seed,
            on_progress=advance,
        )

    return reuse_or_make(
        line,
        "taught",
        SoftTargets,
        inputs={
            "features": features.stored.fingerprint,
            "backbone": backbone.sha256,
            "distillation": table.model_dump(),
            "splits": splits,
            "silence": train.silence,
            "seed": train.seed,
            "sounds": [sha256_bytes(path.read_bytes()) for path in paths],
        },
        description="asking the teacher",
        make=make,
        outlives_code=True,
    )


def _require_hearing(project: Project, spec: FrontendSpec, features: FeatureSet) -> None:
    if spec.sample_rate_hz != features.spec.sample_rate_hz:
        raise ProjectError(
            f"the teacher hears at {spec.sample_rate_hz} Hz, the project at {features.spec.sample_rate_hz} Hz",
            hint="set frontend.sample_rate_hz to the teacher's, or take another teacher",
            where="train.distillation.frontend",
        )
    if project.train.audio.versions and not _same_frames(spec, features.spec):
        raise ProjectError(
            "of the changed copies of train.audio there are only features, by another front end than the teacher's",
            hint="set train.audio.versions = 0, or give the project the teacher's [frontend]",
            where="train.distillation.frontend",
        )


def _same_frames(first: FrontendSpec, second: FrontendSpec) -> bool:
    return dataclasses.replace(first, **{name: getattr(second, name) for name in _CUTTING}) == second


def _heard(student: FeatureSet, spec: FrontendSpec, read: Callable[[Clip], Int16Array], tables: FrontendTables) -> FeatureSet:
    """Return the same clips by the teacher's front end."""
    if _same_frames(spec, student.spec):
        return dataclasses.replace(student, spec=spec)
    return compute_features(student.dataset, read, design_frontend(spec, kernel=tables.kernel))


def _read(project: Project, path: Any) -> Int16Array:
    return read_pcm(path, sample_rate_hz=project.frontend.sample_rate_hz, channels=project.data.channels)


def _dataset_of(dataset: Dataset, sounds: dict[str, Int16Array], *, spec: FrontendSpec) -> Dataset:
    """Return the recordings without labels as a data set of training clips."""
    kept_apart = {clip.pcm_sha256: clip for clip in dataset.clips if clip.split != "train"}
    clips = []
    for name, pcm in sounds.items():
        content = sha256_bytes(np.ascontiguousarray(pcm, dtype="<i2").tobytes())
        if content in kept_apart:
            twin = kept_apart[content]
            raise InputError(f"is the same sound as {twin.filename}, of the split {twin.split!r}", hint="take it out of the folder", where=name)
        if pcm.size < spec.patch_samples:
            raise InputError("is shorter than one patch", hint="take it out of train.distillation.unlabelled", where=name)
        clips.append(Clip(filename=name, label="", group=f"unlabelled {name}", split="train", samples=pcm.size, pcm_sha256=content))
    return dataclasses.replace(dataset, clips=tuple(clips))
