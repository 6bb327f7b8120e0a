"""A search over real networks: costs from the compiler, quality from the validation split, what it finds goes into the line."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest

from tests.pipeline.small_project import SMALL_SET, Silent
from tinyaudio.core.errors import InputError, ProjectError
from tinyaudio.core.project import ModelTable
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.dsp.audio import synthesize_set
from tinyaudio.learn.tuning import PredictedCost, Trial
from tinyaudio.pipeline import line_with, open_line, tune_line, tuned_facts
from tinyaudio.pipeline.tuning import predicted_cost, settings_text

PROJECT = """
[project]
name = "small"
[frontend]
mel_bands = 20
patch_frames = 32
patch_hop_frames = 16
[train]
epochs = 1
[quantize]
representative_clips = 2
[tune]
trials = 1
architectures = ["ds_cnn"]
width_multiplier = [0.05, 0.1]
blocks = [1, 2]
"""
CHANGES = {
    "model.architecture": "ds_cnn",
    "model.width_multiplier": 0.11,
    "model.blocks": 2,
    "model.dropout": 0.1,
    "train.learning_rate": 0.004,
    "train.augmentation.mixup": 0.2,
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    synthesize_set(tmp_path, dataclasses.replace(SMALL_SET, clip_samples=12_000))
    (tmp_path / "tinyaudio.toml").write_text(PROJECT)
    return tmp_path


def test_a_real_search_finds_networks_and_their_costs(project: Path) -> None:
    pytest.importorskip("tensorflow", reason='training needs TensorFlow: pip install "tinyaudio[train]"')
    pytest.importorskip("optuna", reason='a search needs Optuna: pip install "tinyaudio[tune]"')
    line = open_line(project, Silent())
    tuned = tune_line(line)
    facts = tuned_facts(line, tuned)
    assert len(facts["trials"]) == 1
    assert all(0.0 <= trial["quality"] <= 1.0 for trial in facts["trials"])
    assert all(trial["cost"]["instructions"] > 1_000 for trial in facts["trials"])
    assert Path(facts["picture"]).read_bytes().startswith(b"<?xml")
    assert facts["best"]["number"] in facts["front"]
    assert not (line.store.directory / "evaluate.json").exists()
    assert tune_line(open_line(project, Silent())) == tuned


def test_costs_grow_with_width_and_depth() -> None:
    pytest.importorskip("tensorflow", reason='training needs TensorFlow: pip install "tinyaudio[train]"')
    spec = FrontendSpec(mel_bands=20, patch_frames=32, patch_hop_frames=16)
    small, large = (predicted_cost(ModelTable(width_multiplier=width, blocks=blocks), spec, 3) for width, blocks in ((0.1, 2), (0.3, 4)))
    assert (small.ram_bytes, small.flash_bytes, small.instructions) < (large.ram_bytes, large.flash_bytes, large.instructions)


def test_what_is_found_goes_into_the_line(project: Path) -> None:
    trial = Trial(number=1, changes=CHANGES, cost=PredictedCost(ram_bytes=1, flash_bytes=1, instructions=1), quality=1.0, problem="")
    changed = line_with(open_line(project, Silent()), trial).project
    assert (changed.model.architecture, changed.model.width_multiplier, changed.model.blocks, changed.model.dropout) == ("ds_cnn", 0.11, 2, 0.1)
    assert (changed.train.learning_rate, changed.train.augmentation.mixup, changed.train.epochs) == (0.004, 0.2, 1)
    (project / "tinyaudio.toml").write_text('[project]\nname = "small"\n' + settings_text(trial))
    written = open_line(project, Silent()).project
    assert (written.model, written.train.learning_rate) == (changed.model, 0.004)
    assert tomllib.loads(settings_text(trial))["train"]["augmentation"]["mixup"] == 0.2


def test_what_cannot_be_searched_is_said(project: Path) -> None:
    toml = project / "tinyaudio.toml"
    toml.write_text(PROJECT + '[train.transfer]\nbackbone = "x.tflite"\n')
    with pytest.raises(ProjectError, match="a backbone fits one network"):
        tune_line(open_line(project, Silent()))
    toml.write_text('[project]\nname = "small"\n[model]\nfile = "x.tflite"\nlabels = ["a", "b"]\n')
    with pytest.raises(InputError, match="nothing to search: the model is finished"):
        tune_line(open_line(project, Silent()))
