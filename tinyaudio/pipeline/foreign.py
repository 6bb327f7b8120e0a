"""A finished ``.tflite`` in the place of training: held against the project's front end and labels, then a `QuantizedModel` like any other."""

from __future__ import annotations

import json
from typing import Any

from tinyaudio.core.artifacts import QuantizedModel
from tinyaudio.core.errors import ModelError
from tinyaudio.core.project import Project
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.core.tflite_metadata import read_metadata
from tinyaudio.deploy.compiler import CompiledModel, TensorSummary, read_graph
from tinyaudio.deploy.render import MAX_LABELS
from tinyaudio.dsp.frontend import FrontendTables, nominal_input
from tinyaudio.learn.quantize import FRONTEND_KEY, model_labels
from tinyaudio.learn.training import ANOMALY_LABELS
from tinyaudio.pipeline.model_file import ModelFile, read_model

_LEAST_OVERLAP = 0.4  # common part of the model's and the front end's ranges, as a share of all that they cover


def finished_model(project: Project, tables: FrontendTables) -> QuantizedModel:
    """Return the model that ``[model] file`` names, for the project's front end `tables`.

    Raises
    ------
    ModelError
        If it cannot be read or compiled, or is no classifier of these labels, or for an anomaly project no autoencoder, on this
        front end: both sides are shown.
    """
    assert project.model_path is not None
    file = read_model(project.model_path, with_steps=False, int8_ends=True)
    if project.is_anomaly:
        check_autoencoder(file)
    labels = ANOMALY_LABELS if project.is_anomaly else checked_labels(file, project.model.labels)
    check_frontend(file, tables.spec, fingerprint=tables.fingerprint)
    input_, output = file.compiled.input_, file.compiled.output_
    return QuantizedModel(
        tflite=file.tflite,
        sha256=file.sha256,
        labels=labels,
        spec=tables.spec,
        kernel=tables.kernel,
        frontend_fingerprint=tables.fingerprint,
        input_scale=input_.scale,
        input_zero_point=input_.zero_point,
        output_scale=output.scale,
        output_zero_point=output.zero_point,
        ops=tuple(operation.kind for operation in file.compiled.ops),
        is_autoencoder=project.is_anomaly,
    )


def parameters_of(tflite: bytes) -> int:
    """Return the number of weights and biases in a model file."""
    return sum(tensor.elements for tensor in read_graph(tflite).tensors if tensor.data is not None)


def checked_labels(file: ModelFile, labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the labels of a classifier, in the order of its outputs: `labels`, or those that the file names itself.

    Raises
    ------
    ModelError
        If there are none, not as many as outputs, or the model is no such classifier.
    """
    compiled = file.compiled
    where = f"model {file.name!r}"
    chosen = labels or model_labels(file.tflite)
    if not chosen:
        raise ModelError(
            "does not name its labels", hint="give them, in the order of its outputs: --labels FILE, or labels = [...] below [model]", where=where
        )
    if len(chosen) != compiled.output_.elements or len(chosen) > MAX_LABELS:
        output, some = compiled.output_, ", ".join(chosen[:4]) + (", ..." if len(chosen) > 4 else "")
        raise ModelError(
            f"has an output of {list(output.shape)} = {output.elements} values for {len(chosen)} labels ({some}); "
            f"a project needs a classifier with one output a label, {MAX_LABELS} at most",
            hint="name all labels in the order of the outputs; `tinyaudio model verify` and `bench` run models of any kind",
            where=where,
        )
    return tuple(chosen)


def check_autoencoder(file: ModelFile) -> None:
    """Hold a model's two ends against each other: its output must be its input again, in int8.

    Raises
    ------
    ModelError
        If it is not: both shapes, or the type, are shown.
    """
    input_, output = file.compiled.input_, file.compiled.output_
    where = f"model {file.name!r}"
    graph = read_graph(file.tflite)
    dtype = graph.tensors[graph.outputs[0]].dtype
    if dtype != "int8":
        raise ModelError(f"its output is {dtype}, not int8", hint="export it with inference_output_type = int8", where=where)
    if input_.elements != output.elements:
        raise ModelError(
            f"takes {list(input_.shape)} = {input_.elements} values and gives {list(output.shape)} = {output.elements}; "
            "an anomaly project needs an autoencoder, whose output is its input again",
            hint="a classifier makes a project with --task events",
            where=where,
        )


def step_frames(file: ModelFile, spec: FrontendSpec) -> dict[str, Any]:
    """Return what a streaming model wants of the patches of a front end: as many frames as a step takes, and none of them twice."""
    frames = max(file.compiled.input_.elements // spec.feature_bands, 1)
    return {"patch_frames": frames, "patch_hop_frames": frames}


def check_frontend(file: ModelFile, spec: FrontendSpec, *, fingerprint: str | None = None) -> None:
    """Hold a model's input against a front end.

    Parameters
    ----------
    file
        The model.
    spec
        The front end.
    fingerprint
        Of its tables; compared with the one in the file, where tinyaudio has made the file. None: not compared.

    Raises
    ------
    ModelError
        If they do not go together: type, shape, layout and range of both are shown.
    """
    compiled, where, graph = file.compiled, f"model {file.name!r}", read_graph(file.tflite)
    dtype = graph.tensors[graph.inputs[0]].dtype
    if dtype != "int8":
        raise ModelError(f"its input is {dtype}, not int8", hint="export it with inference_input_type = int8", where=where)
    _check_fingerprint(file, fingerprint, where)
    _check_shape(compiled, spec, where)
    if compiled.state_bytes and spec.patch_hop_frames != spec.patch_frames:
        raise ModelError(
            f"keeps what it was given before, so its patches of {spec.patch_frames} frames must follow each other; "
            f"the front end makes one every {spec.patch_hop_frames} frames",
            hint=f"set patch_hop_frames = {spec.patch_frames} below [frontend]",
            where=where,
        )
    _check_range(compiled.input_, spec, where)


def _check_fingerprint(file: ModelFile, fingerprint: str | None, where: str) -> None:
    data = read_metadata(file.tflite, FRONTEND_KEY)
    if data is None or fingerprint is None:
        return
    try:
        made_with = json.loads(data)
        own, kernel = str(made_with["fingerprint"]), str(made_with["kernel"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"what it says of its front end cannot be read: {error}", hint="export it again", where=where) from error
    if own != fingerprint:
        raise ModelError(
            f"was made for the front end {own[:12]} (kernel {kernel}), the project has {fingerprint[:12]}",
            hint="give [frontend] the values it was trained with, and the project a board with that kernel",
            where=where,
        )


def _check_shape(compiled: CompiledModel, spec: FrontendSpec, where: str) -> None:
    shape = [size for size in compiled.input_.shape if size != 1] or [1]
    wanted = list(spec.patch_shape)
    if shape in (wanted, [size for size in wanted if size != 1], [spec.patch_frames * spec.feature_bands]):
        return
    raise ModelError(
        f"takes {list(compiled.input_.shape)}, the front end makes patches of {wanted} ({spec.patch_frames} frames of {spec.feature_bands} features, "
        f"{spec.patch_layout})",
        hint="choose the preset it was trained with, or set patch_frames, mel_bands and patch_layout of [frontend]",
        where=where,
    )


def _check_range(tensor: TensorSummary, spec: FrontendSpec, where: str) -> None:
    """Compare the range that int8 has for the model's input with the range of the features of test signals."""
    nominal = nominal_input(spec)
    nominal_scale = nominal.scale * spec.log_scale
    model, features = _range(tensor.scale, tensor.zero_point), _range(nominal_scale, nominal.zero_point)
    common = min(model[1], features[1]) - max(model[0], features[0])
    if common >= _LEAST_OVERLAP * (max(model[1], features[1]) - min(model[0], features[0])):
        return
    raise ModelError(
        f"takes features from {model[0]:.2f} to {model[1]:.2f} (scale {tensor.scale:.6g}, zero point {tensor.zero_point}), "
        f"the front end makes {features[0]:.2f} to {features[1]:.2f} (scale {nominal_scale:.6g}, zero point {nominal.zero_point})",
        hint="choose the preset it was trained with, or set spectrum, log_offset and log_scale of [frontend]",
        where=where,
    )


def _range(scale: float, zero_point: int) -> tuple[float, float]:
    return scale * (-128 - zero_point), scale * (127 - zero_point)
