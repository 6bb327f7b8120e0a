"""Random tables of one-class models, from usual ones to the extremes that the formats allow."""

from __future__ import annotations

import numpy as np

from tinyaudio.core.one_class import DistanceTables, ForestTables, OneClassTables


def random_distance(seed: int, *, channels: int, components: int, points: int, mixed: bool, extreme: bool, shift: int = 12) -> OneClassTables:
    """Return tables of random integers: all of the formats' range, or all at its ends."""
    rng = np.random.default_rng(seed)

    def drawn(low: int, high: int, *shape: int) -> np.ndarray:
        return rng.choice([low, high], shape) if extreme else rng.integers(low, high + 1, shape)

    weights = rng.integers(1, max(2, 2**16 // points), points) if mixed else np.zeros(0)
    return OneClassTables(
        kind="one_class_svm" if mixed else "centroids",
        distance=DistanceTables(
            center=drawn(-(2**15), 2**15 - 1, channels).astype(np.int16),
            gain=drawn(1, 2**16 - 1, channels).astype(np.uint16),
            basis=drawn(-(2**15), 2**15 - 1, channels, components).astype(np.int16),
            stretch=drawn(0, 2**15, components).astype(np.uint16),
            points=drawn(-(2**15), 2**15 - 1, points, components).astype(np.int16),
            weights=weights.astype(np.uint16),
            multiplier=int(drawn(2**15, 2**16 - 1, 1)[0]),
            shift=shift,
        ),
    )


def usual_distance(seed: int, *, channels: int, components: int, points: int, mixed: bool) -> OneClassTables:
    """Return tables as a fit has them: an orthonormal basis, deviations of some steps, points around the center."""
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.normal(size=(channels, components)))
    weights = np.full(points, 2**16 // points - 1) if mixed else np.zeros(0)
    return OneClassTables(
        kind="one_class_svm" if mixed else "centroids",
        distance=DistanceTables(
            center=(64 * rng.normal(-90, 15, channels)).astype(np.int16),
            gain=(2**14 / rng.uniform(0.5, 9, channels)).astype(np.uint16),
            basis=np.clip(basis * 2**15, -(2**15), 2**15 - 1).astype(np.int16),
            stretch=(2**15 * rng.uniform(0.05, 1.0, components)).astype(np.uint16),
            points=(64 * rng.normal(0, 3, (points, components))).astype(np.int16),
            weights=weights.astype(np.uint16),
            multiplier=40_000,
            shift=19,
        ),
    )


def random_forest(seed: int, *, channels: int, trees: int, depth: int) -> OneClassTables:
    """Return a forest of random questions; the thresholds reach beyond what an int8 can be."""
    rng = np.random.default_rng(seed)
    roots: list[int] = []
    nodes: list[tuple[int, int, int]] = []

    def grow(level: int) -> None:
        place = len(nodes)
        if level == depth or rng.random() < 0.2:
            nodes.append((-1, int(rng.integers(0, 2**15)), 0))
            return
        nodes.append((int(rng.integers(channels)), int(rng.choice([-129, -128, 127, *rng.integers(-128, 128, 6)])), 0))
        grow(level + 1)
        nodes[place] = (*nodes[place][:2], len(nodes))
        grow(level + 1)

    for _ in range(trees):
        roots.append(len(nodes))
        grow(0)
    channel, value, right = (np.array(column) for column in zip(*nodes, strict=True))
    return OneClassTables(
        kind="isolation_forest",
        forest=ForestTables(
            channels=channels,
            roots=np.array(roots, np.uint16),
            channel=channel.astype(np.int16),
            value=value.astype(np.int16),
            right=right.astype(np.uint16),
            multiplier=50_001,
            shift=13,
        ),
    )


def embeddings_for(channels: int, *, patches: int, seed: int = 3) -> np.ndarray:
    """Return int8[patches, channels]: random ones, and both ends of the range throughout."""
    embeddings = np.random.default_rng(seed).integers(-128, 128, (patches, channels)).astype(np.int8)
    embeddings[0], embeddings[1] = -128, 127
    embeddings[2:4] = np.where(np.arange(channels) % 2 == np.array([[0], [1]]), 127, -128)
    return embeddings
