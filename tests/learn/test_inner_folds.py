"""What cross-validation chooses by: classifiers are judged on whole clips of a fold that they were not fitted to."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason='training needs TensorFlow: pip install "tinyaudio[train]"')

from tinyaudio.core.spec import FrontendSpec
from tinyaudio.learn.training.augmentation import TrainingPatches
from tinyaudio.learn.training.targets import training_targets

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "inner_folds.py"
CLIPS_A_FOLD, PATCHES_A_CLIP, CLASSES = 12, 3, 3


@pytest.fixture(scope="module")
def inner_folds() -> ModuleType:
    spec = spec_from_file_location("inner_folds", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def embedded(module: ModuleType, *, turned_fold: str = "") -> object:
    """Three folds of clips whose classes lie apart; those of `turned_fold` carry another class's label."""
    rng = np.random.default_rng(3)
    folds = np.repeat(np.array(["1", "2", "3"]), CLIPS_A_FOLD)
    heard = np.arange(len(folds)) % CLASSES
    told = np.where(folds == turned_fold, (heard + 1) % CLASSES, heard)
    clip_indices = np.repeat(np.arange(len(folds)), PATCHES_A_CLIP)
    patches = len(clip_indices)
    is_heard = np.arange(patches) % PATCHES_A_CLIP != 0  # the first patch of each clip is silent
    inputs = np.where(is_heard[:, np.newaxis], np.eye(CLASSES)[heard[clip_indices]], 0.0) + rng.normal(0.0, 0.1, (patches, CLASSES))
    zeros = np.zeros(patches, np.int64)
    source = TrainingPatches(
        spec=FrontendSpec(),
        log_mel=np.zeros((1, 64), np.float32),
        starts=zeros,
        first_frames=zeros,
        last_starts=zeros,
        truth=np.eye(CLASSES, dtype=np.bool_)[told[clip_indices]],
        is_exclusive=True,
        is_labelled=np.ones(patches, np.bool_),
        is_heard=is_heard,
        clip_indices=clip_indices,
        patch_indices=np.arange(patches) % PATCHES_A_CLIP,
        filenames=("",) * patches,
    )
    return module.Embedded(inputs.astype(np.float32), training_targets(source), source, folds)


def test_clips_are_told_by_what_was_learned_from_the_other_folds(inner_folds: ModuleType) -> None:
    worth = inner_folds.held_out(embedded(inner_folds), fitted=("1", "2"), tested="3", l2=1e-4)
    assert worth.accuracy == 1.0
    silence, heard = 1.0 / CLASSES, 1.0
    assert -np.log((silence + 2.0 * heard) / 3.0) - 0.02 < worth.loss < -np.log((silence + 2.0 * 0.9) / 3.0)  # one patch of three says nothing


def test_the_fold_that_is_asked_about_teaches_nothing(inner_folds: ModuleType) -> None:
    turned = embedded(inner_folds, turned_fold="3")
    worth = inner_folds.held_out(turned, fitted=("1", "2"), tested="3", l2=1e-4)
    assert worth.accuracy == 0.0
    assert worth.loss > 2.0
    assert inner_folds.held_out(turned, fitted=("1",), tested="2", l2=1e-4).accuracy == 1.0


def test_a_heavy_penalty_says_little(inner_folds: ModuleType) -> None:
    light, heavy = (inner_folds.held_out(embedded(inner_folds), fitted=("1", "2"), tested="3", l2=l2).loss for l2 in (1e-4, 1.0))
    assert light < heavy < np.log(CLASSES) + 0.01
