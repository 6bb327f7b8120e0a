"""Fits of one-class models: the integers tell what the real numbers do, and what cannot be fitted is refused."""

from __future__ import annotations

import numpy as np
import pytest

from tinyaudio.core.errors import StageError
from tinyaudio.core.metrics import roc_curve
from tinyaudio.core.one_class import MOST_CHANNELS, TABLE_LIMIT_BYTES, one_class_scores, one_class_values
from tinyaudio.core.one_class_fit import DistanceFit, OneClassFit, fit_octaves
from tinyaudio.core.project import ONE_CLASS_KINDS, AnomalyTable

pytest.importorskip("sklearn", reason='one-class models need scikit-learn: pip install "tinyaudio[train]"')

from tinyaudio.learn.anomaly.one_class_fit import fit_one_class
from tinyaudio.learn.anomaly.one_class_tables import LEAST_SPREAD_STEPS, one_class_tables

CHANNELS = 48


def sounds(seed: int, patches: int, *, fault: float = 0.0, channels: int = CHANNELS) -> np.ndarray:
    """Return int8 embeddings: three loads and noise; a fault moves some channels that loads leave alone."""
    rng = np.random.default_rng(seed)
    loads = np.random.default_rng(99).normal(0, 12, (3, channels))
    values = -60 + loads[rng.integers(3, size=patches)] * rng.uniform(0.7, 1.3, (patches, 1)) + rng.normal(0, 2, (patches, channels))
    values[:, : channels // 4] += fault
    values[:, -3:] = -128  # never seen to move
    return np.clip(np.floor(values + 0.5), -128, 127).astype(np.int8)


def fitted(table: AnomalyTable, embeddings: np.ndarray) -> OneClassFit:
    return fit_one_class(embeddings.astype(np.float64), table, least_spread=LEAST_SPREAD_STEPS, seed=1)


@pytest.mark.parametrize("kind", ONE_CLASS_KINDS)
def test_the_integers_tell_what_the_fit_does_and_find_the_fault(kind: str) -> None:
    fit = fitted(AnomalyTable(architecture=kind, components=4), sounds(1, 400))
    tables = one_class_tables(fit)
    assert tables.table_bytes < TABLE_LIMIT_BYTES
    normal, faulty = sounds(2, 300), sounds(3, 300, fault=50.0 if kind == "isolation_forest" else 8.0)
    both = np.concatenate([normal, faulty])
    scores = one_class_scores(one_class_values(both, tables), tables).astype(np.float64)
    np.testing.assert_allclose(scores / 16, fit_octaves(both.astype(np.float64), fit), atol=0.06)  # octaves; half a step is 0.031
    truth = np.arange(600) >= 300
    assert roc_curve(truth, scores).area > (0.75 if kind == "isolation_forest" else 0.95)  # single channels tell loads from faults badly
    assert abs(np.median(scores[:300])) < 80  # far from both ends of int8


@pytest.mark.parametrize("kind", ONE_CLASS_KINDS)
def test_the_same_sound_gives_the_same_tables(kind: str) -> None:
    from tinyaudio.core.canonical import fingerprint

    table = AnomalyTable(architecture=kind)
    assert fingerprint(one_class_tables(fitted(table, sounds(1, 200)))) == fingerprint(one_class_tables(fitted(table, sounds(1, 200))))


def test_fewer_patches_than_channels_are_enough_with_shrinkage() -> None:
    fit = fitted(AnomalyTable(architecture="mahalanobis", components=4), sounds(1, 20))
    truth = np.arange(200) >= 100
    assert roc_curve(truth, fit_octaves(np.concatenate([sounds(2, 100), sounds(3, 100, fault=12.0)]).astype(float), fit)).area > 0.9


def test_a_channel_that_never_moved_counts_when_it_does() -> None:
    tables = one_class_tables(fitted(AnomalyTable(architecture="mahalanobis"), sounds(1, 300)))
    usual = sounds(2, 50)
    moved = usual.copy()
    moved[:, -1] = 20
    before, after = (one_class_values(item, tables).astype(np.int64) for item in (usual, moved))
    assert (after > 4 * before).all()


@pytest.mark.parametrize(
    ("settings", "patches", "sentence"),
    [
        ({"architecture": "mahalanobis"}, 10, "10 patches of normal sound to train on; at least 16"),
        ({"architecture": "mahalanobis", "components": 40}, 30, "at least 41 are needed"),
        ({"architecture": "centroids", "centroids": 64}, 50, "at least 64 are needed"),
        ({"architecture": "isolation_forest", "tree_samples": 100}, 50, "at least 100 are needed"),
        ({"architecture": "one_class_svm", "components": 64}, 400, "48 channels, fewer than the 64 components"),
    ],
)
def test_too_little_for_what_is_asked_is_refused(settings: dict[str, object], patches: int, sentence: str) -> None:
    with pytest.raises(StageError, match=sentence):
        fitted(AnomalyTable.model_validate(settings), sounds(1, patches))


@pytest.mark.parametrize("kind", ONE_CLASS_KINDS)
def test_embeddings_that_are_all_alike_or_no_numbers_are_refused(kind: str) -> None:
    table = AnomalyTable(architecture=kind)
    with pytest.raises(StageError, match="the embeddings of all 50 normal patches are the same"):
        fitted(table, np.repeat(sounds(1, 1), 50, axis=0))
    broken = sounds(1, 50).astype(np.float64)
    broken[7, 3] = np.nan
    with pytest.raises(StageError, match="not a number"):
        fitted(table, broken)


@pytest.mark.parametrize(
    ("settings", "lower"),
    [
        ({"architecture": "mahalanobis", "components": 40}, "anomaly.components"),
        ({"architecture": "centroids", "components": 24, "centroids": 200}, "anomaly.centroids"),
        ({"architecture": "one_class_svm", "components": 20, "outlier_share": 0.5}, "anomaly.outlier_share"),
        ({"architecture": "isolation_forest", "trees": 200, "tree_samples": 64}, "anomaly.trees"),
    ],
)
def test_tables_that_are_too_large_are_refused_with_what_to_lower(settings: dict[str, object], lower: str) -> None:
    fit = fitted(AnomalyTable.model_validate(settings), sounds(1, 400, channels=256))
    with pytest.raises(StageError, match=r"take [\d,]+ bytes for 256 channels; they must stay under 16,384") as caught:
        one_class_tables(fit)
    assert lower in str(caught.value.hint)


def test_shares_of_many_tiny_weights_are_one_in_sum() -> None:
    """Each has at least one step, and all that takes more than the greatest share has."""
    weights = np.concatenate([np.full(500, 1e-9), np.full(524, 1 / 524)])
    distance = DistanceFit(
        center=np.zeros(2),
        spread=np.ones(2),
        basis=np.eye(2)[:, :1],
        stretch=np.ones(1),
        points=np.zeros((len(weights), 1)),
        weights=weights / weights.sum(),
        factor=1.0,
    )
    tables = one_class_tables(OneClassFit(kind="one_class_svm", distance=distance))
    assert tables.distance is not None
    assert tables.distance.weights.sum(dtype=np.int64) == 2**16
    assert tables.distance.weights.min() == 1
    assert one_class_values(np.zeros((1, 2), np.int8), tables).tolist() == [0]  # where all points are: -log2(1)


def test_more_channels_than_the_arithmetic_has_room_for_are_refused() -> None:
    wide = MOST_CHANNELS + 1
    distance = DistanceFit(
        center=np.zeros(wide),
        spread=np.ones(wide),
        basis=np.zeros((wide, 1)),
        stretch=np.ones(1),
        points=np.zeros((1, 1)),
        weights=np.zeros(0),
        factor=1e-3,
    )
    with pytest.raises(StageError, match=f"{wide} channels; {MOST_CHANNELS} are supported"):
        one_class_tables(OneClassFit(kind="mahalanobis", distance=distance))
