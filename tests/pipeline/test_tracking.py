"""A tracker is told what the files say, once."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.pipeline.small_project import PROJECT, Silent
from tinyaudio.core.errors import InputError, ToolError
from tinyaudio.core.project import parse_project
from tinyaudio.pipeline import open_line, require_tracker, track, tracking

METRICS = {
    "clips": 6,
    "judged_by": "accuracy",
    "headlines": {"int8": {"macro F1": {"value": 0.5, "lower": 0.25, "upper": 0.75}}},
    "decisions": [{"rule": "one threshold", "labels": {"dog & cat": {"found": 2}}}],
    "average_precision": {"int8": {"siren": None}},
}


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A project whose stages are told, not run."""

    def stage(name: str, **value: Any) -> Any:
        return lambda line: SimpleNamespace(stored=SimpleNamespace(fingerprint=name), value=SimpleNamespace(**value))

    (tmp_path / "tinyaudio.toml").write_text(PROJECT)
    monkeypatch.setattr(tracking, "evaluate_stage", stage("evaluate"))
    monkeypatch.setattr(tracking, "calibrate_stage", stage("calibrate"))
    monkeypatch.setattr(tracking, "quantize_stage", stage("quantize", sha256="5" * 64))
    epochs = {"train_loss": (1.0, 0.5), "validation_loss": (1.5, 1.0), "validation_accuracy": (0.25, 0.75)}
    monkeypatch.setattr(tracking, "train_stage", stage("train", **epochs))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    opened = open_line(tmp_path, Silent())
    blobs = opened.store.directory / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{'5' * 64}.bin").write_bytes(b"TFL3")
    (opened.store.directory / "train.json").write_text("{}")
    return opened


def test_settings_figures_epochs_and_files_are_told_once(line: Any, tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason='tracking needs MLflow: pip install "tinyaudio[track]"')
    page = tmp_path / "evaluation.html"
    page.write_text("<html></html>")
    told = track(line, METRICS, page=page)
    assert told["uri"].endswith("/runs/mlflow.db")
    client = mlflow.MlflowClient(tracking_uri=told["uri"])
    run = client.get_run(told["run"])
    assert run.info.status == "FINISHED"
    assert run.data.params["model.width_multiplier"] == "0.1"
    assert run.data.params["train.augmentation.mixup"] == "0.0"
    assert run.data.metrics["headlines.int8.macro F1.value"] == 0.5
    assert run.data.metrics["decisions.0.labels.dog _ cat.found"] == 2.0
    assert [point.value for point in client.get_metric_history(told["run"], "train_loss")] == [1.0, 0.5]
    assert {item.path for item in client.list_artifacts(told["run"])} == {"evaluation.html", "model", "train.json"}
    assert track(line, METRICS, page=page) == told
    assert len(client.search_runs([told["experiment"]])) == 1


def test_more_figures_and_epochs_than_a_server_takes_at_once(line: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason='tracking needs MLflow: pip install "tinyaudio[track]"')
    losses = tuple(1.0 / epoch for epoch in range(1, 701))
    epochs = {"train_loss": losses, "validation_loss": losses, "validation_accuracy": losses}
    monkeypatch.setattr(tracking, "train_stage", lambda _line: SimpleNamespace(value=SimpleNamespace(**epochs)))
    told = track(line, {"recall": {f"label {index}": float(index) for index in range(1_100)}})
    client = mlflow.MlflowClient(tracking_uri=told["uri"])
    assert client.get_run(told["run"]).data.metrics["recall.label 1099"] == 1_099.0
    assert [point.value for point in client.get_metric_history(told["run"], "validation_loss")] == list(losses)


def test_a_server_that_refuses_is_named(line: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason='tracking needs MLflow: pip install "tinyaudio[track]"')
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nosuchscheme://here")
    with pytest.raises(ToolError, match="MLflow refused") as caught:
        track(line, METRICS)
    assert caught.value.where == "nosuchscheme://here"


def test_without_mlflow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ToolError, match="MLflow is not installed") as caught:
        require_tracker("mlflow")
    assert caught.value.hint == 'pip install "tinyaudio[track]"'


def test_another_tracker_is_refused() -> None:
    with pytest.raises(InputError, match="there is no tracker 'wandb'"):
        require_tracker("wandb")


def test_every_setting_is_a_parameter(tmp_path: Path) -> None:
    found = tracking.parameters(parse_project(PROJECT, directory=tmp_path))
    assert found["train.epochs"] == "2"
    assert found["quantize.choice"] == "classes"
    assert len(found["frontend"]) == 16
    assert all(len(value) <= 500 for value in found.values())
