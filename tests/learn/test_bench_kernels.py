"""The script that measures what the FFT kernels cost in accuracy, on a small set."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.learn.conftest import FRONTEND, PLAN
from tinyaudio.core.tools import run_tool
from tinyaudio.dsp.audio import synthesize_set

pytest.importorskip("tensorflow", reason='training needs TensorFlow: pip install "tinyaudio[train]"')

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "bench_kernels.py"
TRAINING = "[model]\nwidth_multiplier = 0.1\nblocks = 2\n[train]\nepochs = 2\n[quantize]\nrepresentative_clips = 12\n"


def test_every_pair_of_kernels_is_measured(tmp_path: Path) -> None:
    synthesize_set(tmp_path, PLAN)
    (tmp_path / "tinyaudio.toml").write_text(f'[project]\nname = "small"\n{FRONTEND}{TRAINING}', encoding="utf-8")
    completed = run_tool([sys.executable, SCRIPT, tmp_path, "--kernel", "cmsis_q31", "--kernel", "esp_sc16", "--json"], timeout_seconds=300)
    results = json.loads(completed.stdout)["results"]
    assert [(result["trained_with"], result["tested_with"]) for result in results] == [
        ("cmsis_q31", "cmsis_q31"),
        ("cmsis_q31", "esp_sc16"),
        ("esp_sc16", "esp_sc16"),
        ("esp_sc16", "cmsis_q31"),
    ]
    for result in results:
        assert result["clips"] == 18
        assert 0.0 <= result["accuracy"] <= 1.0
        assert result["changed_clips"] == 0 or result["trained_with"] != result["tested_with"]


def test_a_folder_without_a_project_is_one_line(tmp_path: Path) -> None:
    completed = run_tool([sys.executable, SCRIPT, tmp_path], check=False, timeout_seconds=60)
    assert completed.returncode == 1
    assert completed.stderr.strip().splitlines()[-1].startswith("error: ")
