"""Fit one-class models to embeddings of normal sound: scikit-learn finds them, this module writes down what they compute.

References
----------
O. Ledoit and M. Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", Journal of Multivariate
Analysis 88 (2004), 365-411. M. E. Tipping and C. M. Bishop, "Probabilistic principal component analysis", Journal of the Royal
Statistical Society B 61 (1999), 611-622: a few directions with their variances, the mean variance for all others.
B. Schölkopf et al., "Estimating the support of a high-dimensional distribution", Neural Computation 13 (2001), 1443-1471.
F. T. Liu, K. M. Ting, Z.-H. Zhou, "Isolation forest", ICDM 2008.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.errors import StageError, ToolError
from tinyaudio.core.one_class_fit import DistanceFit, ForestFit, OneClassFit
from tinyaudio.core.project import AnomalyTable

Float64Array = NDArray[np.float64]

_LEAST_PATCHES = 16  # a mean and a spread of fewer mean nothing
_LEAST_VARIANCE = 1e-3  # of a direction, against that of a usual channel: no model may be surer of one
_MOST_VECTORS_FROM = 1_000  # patches, drawn by seed, that support vectors are chosen among
_EULER = 0.5772156649015329


def fit_one_class(embeddings: Float64Array, table: AnomalyTable, *, least_spread: float, seed: int) -> OneClassFit:
    """Fit ``anomaly.architecture`` to embeddings of normal sound, float64[patches, channels].

    Parameters
    ----------
    embeddings
        Of normal training patches.
    table
        ``[anomaly]`` of the project.
    least_spread
        Standard deviation that a channel has at least: what an int8 step resolves. Channels that never move in normal sound
        then count when they do.
    seed
        Of what is drawn.

    Raises
    ------
    StageError
        If there are too few patches for what is asked, the embeddings are all alike, or one is not a number.
    ToolError
        If scikit-learn is not installed.
    """
    _refuse(embeddings, table)
    if table.architecture == "isolation_forest":
        return OneClassFit(kind=table.architecture, forest=_forest(embeddings, table, seed))
    center, spread = embeddings.mean(axis=0), np.maximum(embeddings.std(axis=0), least_spread)
    standard = (embeddings - center) / spread
    variances, directions = _principal(standard)
    plain = DistanceFit(
        center=center,
        spread=spread,
        basis=directions[:, : table.components],
        stretch=np.ones(table.components),
        points=np.zeros((1, table.components)),
        weights=np.zeros(0),
        factor=1.0 / embeddings.shape[1],
    )
    if table.architecture == "mahalanobis":
        fitted = _mahalanobis(plain, variances)
    elif table.architecture == "centroids":
        fitted = _centroids(plain, standard @ plain.basis, table, seed)
    else:
        fitted = _support_vectors(plain, standard @ plain.basis, table, seed)
    return OneClassFit(kind=table.architecture, distance=fitted)


def _mahalanobis(plain: DistanceFit, variances: Float64Array) -> DistanceFit:
    """The distance to the mean by a covariance of a few directions and one variance for all others.

    A direction is stretched so that it counts as one of the others does.
    """
    components = len(plain.stretch)
    others = max(float(variances[components:].mean()) if len(variances) > components else 0.0, _LEAST_VARIANCE)
    stretch = np.sqrt(others / np.maximum(variances[:components], others))
    return replace(plain, stretch=stretch, factor=plain.factor / others)


def _centroids(plain: DistanceFit, coordinates: Float64Array, table: AnomalyTable, seed: int) -> DistanceFit:
    from sklearn.cluster import KMeans

    found = KMeans(n_clusters=table.centroids, n_init=4, random_state=seed).fit(coordinates)
    return replace(plain, points=np.asarray(found.cluster_centers_, np.float64))


def _support_vectors(plain: DistanceFit, coordinates: Float64Array, table: AnomalyTable, seed: int) -> DistanceFit:
    """The kernel is ``exp(-squared distance / channels)``, of whole distances: what is not along a component is a factor of all."""
    from sklearn.svm import OneClassSVM

    chosen = np.sort(np.random.default_rng(seed).permutation(len(coordinates))[:_MOST_VECTORS_FROM])
    found = OneClassSVM(kernel="rbf", gamma=plain.factor, nu=table.outlier_share).fit(coordinates[chosen])
    weights = np.asarray(found.dual_coef_[0], np.float64)
    points = np.asarray(found.support_vectors_, np.float64)
    return replace(plain, points=points, weights=weights / weights.sum(), factor=plain.factor / math.log(2.0))


def _principal(standard: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return (variances, directions in columns) of the shrunk covariance, the greatest first."""
    from sklearn.covariance import ledoit_wolf

    covariance, _ = ledoit_wolf(standard, assume_centered=True)
    values, vectors = np.linalg.eigh(covariance)
    turned = vectors[:, ::-1] * np.where(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(vectors))] < 0, -1.0, 1.0)[::-1]
    return values[::-1], turned


def _forest(embeddings: Float64Array, table: AnomalyTable, seed: int) -> ForestFit:
    from sklearn.ensemble import IsolationForest

    found = IsolationForest(n_estimators=table.trees, max_samples=table.tree_samples, random_state=seed).fit(embeddings)
    roots: list[int] = []
    nodes: list[tuple[int, float, int]] = []
    for estimator in found.estimators_:
        roots.append(len(nodes))
        _append_nodes(nodes, estimator.tree_, 0, depth=0)
    channel, value, right = zip(*nodes, strict=True)
    return ForestFit(
        channels=embeddings.shape[1],
        roots=np.array(roots, np.int64),
        channel=np.array(channel, np.int64),
        value=np.array(value, np.float64),
        right=np.array(right, np.int64),
        noise_length=_noise_length(table.tree_samples),
    )


def _append_nodes(nodes: list[tuple[int, float, int]], tree: Any, node: int, *, depth: int) -> None:
    """Append `node` and what is below it, the left child first."""
    if tree.children_left[node] < 0:
        nodes.append((-1, depth + _noise_length(int(tree.n_node_samples[node])), 0))
        return
    place = len(nodes)
    nodes.append((int(tree.feature[node]), float(tree.threshold[node]), 0))
    _append_nodes(nodes, tree, int(tree.children_left[node]), depth=depth + 1)
    nodes[place] = (*nodes[place][:2], len(nodes))
    _append_nodes(nodes, tree, int(tree.children_right[node]), depth=depth + 1)


def _noise_length(samples: int) -> float:
    """Return the mean path length in a tree over `samples` values of noise: ``2 H(n - 1) - 2 (n - 1) / n``."""
    if samples <= 2:
        return max(samples - 1.0, 0.0)
    return 2.0 * (math.log(samples - 1.0) + _EULER) - 2.0 * (samples - 1.0) / samples


def _refuse(embeddings: Float64Array, table: AnomalyTable) -> None:
    """Raise unless there is something to fit to."""
    try:
        import sklearn  # noqa: F401 - whether it is there
    except ImportError as error:
        raise ToolError(
            "scikit-learn is not installed, and one-class models need it", hint='pip install "tinyaudio[train]"', where="anomaly.architecture"
        ) from error
    patches, channels = embeddings.shape
    if not np.isfinite(embeddings).all():
        raise StageError(
            "an embedding is not a number", hint="the backbone's weights are damaged; copy its file again", where="train.transfer.backbone"
        )
    wanted = {"centroids": ("centroids", table.centroids), "isolation_forest": ("tree_samples", table.tree_samples)}
    name, least = wanted.get(table.architecture, ("components", table.components + 1))
    if table.architecture != "isolation_forest" and table.components > channels:
        raise StageError(
            f"the embedding has {channels} channels, fewer than the {table.components} components that are asked for",
            hint=f"set anomaly.components to {channels} or less",
            where="anomaly.components",
        )
    if patches < max(least, _LEAST_PATCHES):
        lower = f"lower anomaly.{name}, or " if least > _LEAST_PATCHES else ""
        raise StageError(
            f"{patches} patches of normal sound to train on; at least {max(least, _LEAST_PATCHES)} are needed",
            hint=f"{lower}record more normal sound",
            where=f"anomaly.{name}",
        )
    if not embeddings.std(axis=0).any():
        raise StageError(
            f"the embeddings of all {patches} normal patches are the same",
            hint="listen to the training clips: silence, or one recording copied, teaches nothing",
            where="train",
        )
