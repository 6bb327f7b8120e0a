"""The script that measures what the FFT kernels cost in accuracy, on a small set."""

from __future__ import annotations

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from tests.learn.conftest import FRONTEND, PLAN
from tinyaudio.core.tools import run_tool
from tinyaudio.dsp.audio import synthesize_set

pytest.importorskip("tensorflow", reason='training needs TensorFlow: pip install "tinyaudio[train]"')

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "bench_kernels.py"
TRAINING = "[model]\nwidth_multiplier = 0.1\nblocks = 2\n[train]\nepochs = 2\n[quantize]\nrepresentative_clips = 12\n"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("bench_kernels", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_every_pair_of_kernels_is_measured(tmp_path: Path) -> None:
    synthesize_set(tmp_path, PLAN)
    (tmp_path / "tinyaudio.toml").write_text(f'[project]\nname = "small"\n{FRONTEND}{TRAINING}', encoding="utf-8")
    completed = run_tool(
        [sys.executable, SCRIPT, tmp_path, "--kernel", "cmsis_q31", "--kernel", "esp_sc16", "--seeds", "1", "--json"], timeout_seconds=1200
    )
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


def test_the_page_has_a_row_for_every_kernel(script: ModuleType) -> None:
    results = [
        script.Result(trained_with=trained, tested_with=tested, seed=seed, clips=80, accuracy=accuracy, changed_clips=changed)
        for trained, tested, seed, accuracy, changed in (
            ("cmsis_q31", "cmsis_q31", 1, 0.8, 0),
            ("cmsis_q31", "esp_sc16", 1, 0.8125, 1),
            ("esp_sc16", "esp_sc16", 1, 0.85, 0),
            ("esp_sc16", "cmsis_q31", 1, 0.85, 0),
            ("cmsis_q31", "cmsis_q31", 2, 0.9, 0),
            ("cmsis_q31", "esp_sc16", 2, 0.9, 2),
            ("esp_sc16", "esp_sc16", 2, 0.75, 0),
            ("esp_sc16", "cmsis_q31", 2, 0.75, 0),
        )
    ]
    text = script.page("esc10", results)
    assert "one clip is\n1.25 points" in text
    assert "| trained with | tested with `cmsis_q31` | tested with `esp_sc16` |\n|---|---|---|\n" in text
    assert "| `cmsis_q31` | 85.00 % (80.00 to 90.00) | 85.62 % (81.25 to 90.00) [3 of 160] |\n" in text
    assert "| `esp_sc16` | 80.00 % (75.00 to 85.00) [0 of 160] | 80.00 % (75.00 to 85.00) |\n" in text


def test_a_folder_without_a_project_is_refused(tmp_path: Path) -> None:
    completed = run_tool([sys.executable, SCRIPT, tmp_path], check=False, timeout_seconds=300)
    assert completed.returncode == 1
    error, hint = completed.stderr.splitlines()[-2:]
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
