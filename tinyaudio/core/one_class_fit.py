"""One-class models in floating point: what was fitted, and what it says of embeddings. `core.one_class` has the integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]

_FOREST_OCTAVES = 4.0  # of a mean path as long as noise would have it: 64 steps of the int8 score
_LEAST_VALUE = 2.0**-16  # what the device resolves


@dataclass(frozen=True, slots=True, kw_only=True)
class DistanceFit:
    """A distance in floating point; `core.one_class` tells the steps."""

    center: Float64Array  # [channels]
    spread: Float64Array  # [channels], standard deviations
    basis: Float64Array  # [channels, components], orthonormal columns
    stretch: Float64Array  # [components], at most 1
    points: Float64Array  # [points, components]
    weights: Float64Array  # [points], 1 in sum; [0]: the nearest point counts alone
    factor: float  # value of a squared distance of 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestFit:
    """An isolation forest in floating point, nodes in the order of `core.one_class.ForestTables`."""

    channels: int
    roots: Int64Array  # [trees]
    channel: Int64Array  # [nodes], -1: a leaf
    value: Float64Array  # [nodes], threshold or length of the path to a leaf
    right: Int64Array  # [nodes]
    noise_length: float  # mean path length expected of noise


@dataclass(frozen=True, slots=True, kw_only=True)
class OneClassFit:
    """What scores embeddings in floating point: one of the two."""

    kind: str
    distance: DistanceFit | None = None
    forest: ForestFit | None = None


def fit_octaves(embeddings: Float64Array, fit: OneClassFit) -> Float64Array:
    """Return the scores of float64[patches, channels] in the unit of the device's, 16 int8 steps: float64[patches]."""
    if fit.forest is not None:
        return -_FOREST_OCTAVES * _mean_lengths(embeddings, fit.forest) / fit.forest.noise_length
    if fit.distance is None:
        raise ValueError("a fit of neither kind")
    return np.asarray(np.log2(np.maximum(_distance_values(embeddings, fit.distance), _LEAST_VALUE)))


def _distance_values(embeddings: Float64Array, fit: DistanceFit) -> Float64Array:
    channels = (embeddings - fit.center) / fit.spread
    components = channels @ fit.basis
    rest = np.maximum((channels**2).sum(axis=1) - (components**2).sum(axis=1), 0.0)
    coordinates = components * fit.stretch
    values = fit.factor * (((coordinates[:, np.newaxis] - fit.points) ** 2).sum(axis=2) + rest[:, np.newaxis])
    nearest: Float64Array = values.min(axis=1)
    if not len(fit.weights):
        return nearest
    return np.asarray(nearest - np.log2((fit.weights * 2.0 ** (nearest[:, np.newaxis] - values)).sum(axis=1)))


def _mean_lengths(embeddings: Float64Array, forest: ForestFit) -> Float64Array:
    rows, lengths = np.arange(len(embeddings)), np.zeros(len(embeddings))
    for root in forest.roots:
        nodes = np.full(len(embeddings), root)
        while (inner := forest.channel[nodes] >= 0).any():
            is_left = embeddings[rows, np.maximum(forest.channel[nodes], 0)] <= forest.value[nodes]
            nodes = np.where(inner, np.where(is_left, nodes + 1, forest.right[nodes]), nodes)
        lengths += forest.value[nodes]
    return lengths / len(forest.roots)
