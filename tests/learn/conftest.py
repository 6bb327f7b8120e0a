"""A small project on synthetic sounds, and builders of faulty ones."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinyaudio.core.artifacts import FeatureSet
from tinyaudio.core.project import Project, load_project
from tinyaudio.dsp.audio import SyntheticSet, synthesize_set, write_wav
from tinyaudio.dsp.frontend import design_frontend
from tinyaudio.learn.dataset import clip_reader, compute_features, load_dataset

FRONTEND = "[frontend]\nmel_bands = 20\npatch_frames = 32\npatch_hop_frames = 16\n"
SMALL_TRAINING = """
[model]
width_multiplier = 0.1
blocks = 4
[train]
epochs = 12
batch_size = 16
learning_rate = 0.01
[train.augmentation]
time_shift_frames = 8
time_mask_frames = 4
frequency_mask_bands = 2
[quantize]
representative_clips = 30
"""
PLAN = SyntheticSet(
    labels=("alarm", "engine", "knocking"), seed=3, train_recordings=10, validation_recordings=3, test_recordings=3, takes=2, clip_samples=12_000
)
ProjectMaker = Callable[..., Project]


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    """Let an untrained network's weights be the same whatever drew numbers before it in this process."""
    if "tensorflow" in sys.modules:
        import keras

        keras.utils.set_random_seed(1)


@pytest.fixture(scope="session")
def small_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    directory = tmp_path_factory.mktemp("small")
    synthesize_set(directory, PLAN)
    (directory / "tinyaudio.toml").write_text(f'[project]\nname = "small"\n{FRONTEND}{SMALL_TRAINING}', encoding="utf-8")
    return load_project(directory)


@pytest.fixture(scope="session")
def small_features(small_project: Project) -> FeatureSet:
    tables = design_frontend(small_project.frontend, kernel="cmsis_q31")
    return compute_features(load_dataset(small_project), clip_reader(small_project), tables)


@pytest.fixture
def make_project(tmp_path: Path) -> ProjectMaker:
    """Return a function that writes ten good clips of two labels, the given manifest, and `toml` into a project."""

    def make(manifest: str | bytes, toml: str = "") -> Project:
        for index in range(10):
            write_sound(tmp_path / f"good_{index}.wav", seed=index)
        (tmp_path / "manifest.csv").write_bytes(manifest if isinstance(manifest, bytes) else manifest.encode())
        (tmp_path / "tinyaudio.toml").write_text(f'[project]\nname = "x"\n{FRONTEND}{toml}', encoding="utf-8")
        return load_project(tmp_path)

    return make


def write_sound(path: Path, *, seed: int, samples: int = 8_000) -> None:
    """Write noise that no other seed gives."""
    pcm = np.random.default_rng(seed).normal(0.0, 1_000.0, size=samples).astype(np.int16)
    write_wav(path, pcm, sample_rate_hz=16_000)
