"""Start from the convolutions of another model: read its file, map layers by name and shape, say what did not fit.

A file is ``.keras``, ``.h5`` (Keras 2 and 3) or ``.tflite`` (float or int8). Layers match by name; YAMNet's names
(``layer1/conv``, ``layer2/depthwise_conv`` ...) stand for ``stem``, ``block01_depthwise`` ..., and so does the order of
the convolutions in a ``.tflite``, whose names mean nothing.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import ModelError
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.learn.training.backbone_files import BackboneLayer, read_h5_layers, read_keras_layers, read_tflite_layers

_READERS = {".h5": read_h5_layers, ".hdf5": read_h5_layers, ".keras": read_keras_layers, ".tflite": read_tflite_layers}
_YAMNET_NAME = re.compile(r"(?:^|/)layer(\d+)/(conv|depthwise_conv|pointwise_conv)$")

#: What the libraries raise over a damaged file.
_DAMAGE = (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, struct.error)

#: Fields of the spec that decide how patches are cut, not what a value in them means.
_CUTTING = frozenset({"patch_frames", "patch_hop_frames"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """Convolutions of another model, by the name that a network of ours would give them."""

    name: str  # of the file
    sha256: str  # of the file
    layers: dict[str, BackboneLayer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transferred:
    """What became of a backbone."""

    mapped: tuple[str, ...]  # layers of the network that have its weights, from the input on
    drawn: tuple[str, ...]  # convolutions of the network that it has nothing for: they keep their random weights
    left: tuple[str, ...]  # of its layers that the network has no place for


def read_backbone(path: Path) -> Backbone:
    """Read a backbone file.

    Raises
    ------
    ModelError
        If it is missing, is of another kind, is damaged, or has no convolution.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise ModelError(f"{path.suffix or 'this'} is no kind of backbone file", hint=f"supported: {', '.join(_READERS)}", where=str(path))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read: {error.strerror or error}", hint="train.transfer.backbone names the file", where=str(path)) from error
    try:
        layers = reader(io.BytesIO(data))
    except _DAMAGE as error:
        raise ModelError(f"not readable as {path.suffix}: {error}", hint="export or copy the model again", where=str(path)) from error
    if not layers:
        raise ModelError("there is no convolution in it", hint="give a convolutional model", where=str(path))
    return Backbone(name=path.name, sha256=sha256_bytes(data), layers={network_layer_name(layer.name): layer for layer in layers})


def network_layer_name(backbone_name: str) -> str:
    """Return what a network of ours calls the layer: YAMNet's names are translated, others stay."""
    match = _YAMNET_NAME.search(backbone_name)
    if match is None:
        return backbone_name
    number, kind = int(match[1]), match[2]
    return "stem" if kind == "conv" else f"block{number - 1:02d}_{kind.removesuffix('_conv')}"


def require_same_front_end(backbone: str, spec: FrontendSpec, theirs: FrontendSpec) -> None:
    """Raise unless a value of a patch means the same in both front ends; how patches are cut may differ.

    Raises
    ------
    ModelError
        Showing every field in which the two differ, in both specs.
    """
    names = [field.name for field in fields(FrontendSpec) if field.name not in _CUTTING]
    different = [name for name in names if getattr(spec, name) != getattr(theirs, name)]
    if different:
        ours_text, theirs_text = (", ".join(f"{name} = {getattr(side, name)!r}" for name in different) for side in (spec, theirs))
        raise ModelError(
            f"the backbone was trained on another front end: the project has {ours_text}; the backbone {theirs_text}",
            hint="give the project the backbone's [frontend], or another backbone",
            where=backbone,
        )


def transfer_weights(model: Any, backbone: Backbone) -> Transferred:
    """Copy the backbone's convolutions and their normalization into the layers of `model` that have their names.

    Raises
    ------
    ModelError
        If a layer of that name has another shape, or no layer matches: everything that did not fit is listed.
    """
    names = [layer.name for layer in model.layers if type(layer).__name__ in ("Conv2D", "DepthwiseConv2D")]
    known = [name for name in names if name in backbone.layers]
    problems = [problem for name in known for problem in _shape_problems(model.get_layer(name), backbone.layers[name])]
    if problems or not known:
        listed = "; ".join(problems) or f"its layers are {_listed(backbone.layers)}, the network's {_listed(names)}"
        hint = "set model.architecture, width_multiplier and blocks to the backbone's"
        raise ModelError(f"the backbone does not fit the network: {listed}", hint=hint, where=backbone.name)
    for name in known:
        _copy(model, name, backbone.layers[name])
    return Transferred(
        mapped=tuple(known),
        drawn=tuple(name for name in names if name not in backbone.layers),
        left=tuple(name for name in backbone.layers if name not in known),
    )


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:6]) + (f" and {len(shown) - 6} more" if len(shown) > 6 else "")


def _shape_problems(layer: Any, theirs: BackboneLayer) -> Iterable[str]:
    ours = tuple(layer.weights[0].shape)
    if ours != theirs.kernel.shape:
        yield f"{layer.name} is {_shape(ours)} here and {_shape(theirs.kernel.shape)} there ({theirs.name})"


def _shape(sizes: tuple[int, ...]) -> str:
    return "x".join(map(str, sizes))


def _copy(model: Any, name: str, theirs: BackboneLayer) -> None:
    """Set kernel and normalization so that both compute the same, whatever epsilon either adds to the variance."""
    model.get_layer(name).set_weights([theirs.kernel])
    norm = model.get_layer(f"{name}_norm")
    spread: npt.NDArray[np.float32] = np.sqrt((theirs.variance + norm.epsilon) / (theirs.variance + theirs.epsilon))
    norm.set_weights([theirs.gamma * spread, theirs.beta, theirs.mean, theirs.variance])
