"""Plain files are the truth; a tracker is told the same.

MLflow: where ``MLFLOW_TRACKING_URI`` says, else a database in the project's ``runs`` folder. The same results are one run,
however often they are told.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tinyaudio.core.canonical import fingerprint
from tinyaudio.core.errors import InputError, ToolError
from tinyaudio.core.project import Project
from tinyaudio.pipeline.anomaly import anomaly_evaluate_stage
from tinyaudio.pipeline.judging import calibrate_stage, evaluate_stage
from tinyaudio.pipeline.learning import quantize_stage, train_stage
from tinyaudio.pipeline.line import Line

TRACKERS = ("mlflow",)

_FINGERPRINT_TAG = "tinyaudio.fingerprint"
_SECTIONS = ("data", "model", "train", "quantize", "firmware", "background")
_LONGEST_PARAMETER = 500  # characters; what every MLflow server takes
_PARAMETERS_AT_ONCE = 100  # more are refused, as of metrics
_METRICS_AT_ONCE = 1_000
_EPOCH_FIGURES = ("train_loss", "validation_loss", "validation_accuracy")


def require_tracker(name: str) -> None:
    """Raise unless there is a tracker `name` and it is installed.

    Raises
    ------
    InputError
        If there is no such tracker.
    ToolError
        If it is not installed.
    """
    if name not in TRACKERS:
        raise InputError(f"there is no tracker {name!r}", hint=f"trackers: {', '.join(TRACKERS)}", where="--track")
    _import_mlflow()


def track(line: Line, metrics: Mapping[str, Any], *, page: Path | None = None) -> dict[str, str]:
    """Tell MLflow the settings, figures, epochs and files of an evaluation; return where they are.

    Parameters
    ----------
    line
        The project, evaluated.
    metrics
        Of `evaluation_metrics`, or of an anomaly detector `anomaly_metrics`; its numbers are logged under their paths.
    page
        The evaluation page, if there is one.

    Raises
    ------
    ToolError
        If MLflow is not installed, or its server or database refuses.
    """
    mlflow = _import_mlflow()
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(line.store.directory.parent / 'mlflow.db').resolve().as_posix()}"
    line.store.directory.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _tell(mlflow.MlflowClient(tracking_uri=uri), line, metrics, page=page, uri=uri)
    except (mlflow.exceptions.MlflowException, OSError) as error:
        raise ToolError(f"MLflow refused: {error}", hint="check MLFLOW_TRACKING_URI and the server it names", where=uri) from error


def parameters(project: Project) -> dict[str, str]:
    """Return all settings of a project by their paths, as text."""
    sections = (*_SECTIONS, "anomaly") if project.is_anomaly else _SECTIONS
    tables = {name: getattr(project, name).model_dump() for name in sections}
    return {
        "project.board": project.board,
        "frontend": fingerprint(project.frontend)[:16],
        **{path: str(value)[:_LONGEST_PARAMETER] for path, value in _flat(tables)},
    }


def _import_mlflow() -> Any:
    try:
        import mlflow
    except ImportError as error:
        raise ToolError("MLflow is not installed", hint='pip install "tinyaudio[track]"', where="--track mlflow") from error
    return mlflow


def _tell(client: Any, line: Line, metrics: Mapping[str, Any], *, page: Path | None, uri: str) -> dict[str, str]:
    evaluated = anomaly_evaluate_stage(line).stored if line.project.is_anomaly else evaluate_stage(line).stored
    told = fingerprint([line.project.name, parameters(line.project), evaluated.fingerprint, calibrate_stage(line).stored.fingerprint])
    experiment = _experiment(client, line, is_local=uri.startswith("sqlite:"))
    earlier = client.search_runs(
        [experiment], filter_string=f"tags.`{_FINGERPRINT_TAG}` = '{told}' and attributes.status = 'FINISHED'", max_results=1
    )
    if earlier:
        return {"uri": uri, "experiment": experiment, "run": str(earlier[0].info.run_id)}
    run = str(client.create_run(experiment, tags={_FINGERPRINT_TAG: told}, run_name=f"{line.project.name} {told[:8]}").info.run_id)
    try:
        _log(client, run, line, metrics, page=page)
    except BaseException:
        client.set_terminated(run, status="FAILED")
        raise
    client.set_terminated(run)
    return {"uri": uri, "experiment": experiment, "run": run}


def _log(client: Any, run: str, line: Line, metrics: Mapping[str, Any], *, page: Path | None) -> None:
    from mlflow.entities import Metric, Param

    settings = [Param(key, value) for key, value in parameters(line.project).items()]
    for start in range(0, len(settings), _PARAMETERS_AT_ONCE):
        client.log_batch(run, params=settings[start : start + _PARAMETERS_AT_ONCE])
    figures = [Metric(_allowed(path), float(value), 0, 0) for path, value in _flat(metrics) if isinstance(value, int | float)]
    if line.project.model_path is None:
        trained = train_stage(line).value
        figures += [Metric(name, value, 0, epoch) for name in _EPOCH_FIGURES for epoch, value in enumerate(getattr(trained, name), start=1)]
    for start in range(0, len(figures), _METRICS_AT_ONCE):
        client.log_batch(run, metrics=figures[start : start + _METRICS_AT_ONCE])
    for path in (page, *sorted(line.store.directory.glob("*.json"))):
        if path is not None:
            client.log_artifact(run, str(path))
    model = line.store.directory / "blobs" / f"{quantize_stage(line).value.sha256}.bin"
    if model.is_file():
        client.log_artifact(run, str(model), "model")


def _experiment(client: Any, line: Line, *, is_local: bool) -> str:
    found = client.get_experiment_by_name(line.project.name)
    if found is not None:
        return str(found.experiment_id)
    place = (line.store.directory.parent / "mlflow_files").resolve().as_uri() if is_local else None
    return str(client.create_experiment(line.project.name, artifact_location=place))


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, leaf) of nested tables; the parts of a list of tables by their number."""
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{path}.{index}")
    else:
        yield path, value


def _allowed(path: str) -> str:
    """Return a metric's name with the characters that MLflow takes; others become "_"."""
    return "".join(character if character.isalnum() or character in "_-. /" else "_" for character in path)
