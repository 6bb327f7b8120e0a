"""One-class models on an int8 embedding, in integers: how strange a patch is, without an autoencoder.

Three of the four kinds are distances in one space. Channels are standardized, a few directions are looked at one by one, the
rest is one length::

    channel     Q6    saturate_int16(round_shift((64 * int8 - center) * gain, 14)): standard deviations of normal sound
    component   Q8    round_shift(sum of basis (Q15) * channel, 13)
    rest        Q16   16 * sum of channel^2 - sum of component^2, at least 0: what the components do not tell
    coordinate  Q8    round_shift(component * stretch, 15)
    distance    Q12   round_shift(rest + sum of (coordinate - 4 * point)^2, 4) for every point: a squared distance
    value       Q16   round_shift(distance * multiplier, shift), saturated to 32 bits

``mahalanobis`` has one point at the origin and stretches that make all directions alike; ``centroids`` takes the nearest of
several points; ``one_class_svm`` mixes all of them, ``-log2(sum of weight * 2^-value)`` by base-2 arithmetic. The fourth,
``isolation_forest``, asks questions of single channels, and its value is the mean path length over that expected of noise.

    score             16 * log2(value), as that of an autoencoder; of a forest -64 * value; both rounded to int8

No sum can overflow: the bounds are at `MOST_CHANNELS` and `MOST_COMPONENTS`. The firmware's twin is
``firmware/lib/tinyaudio_anomaly/include/tinyaudio/one_class.h``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.residual import residual_scores
from tinyaudio.core.rounding import round_shift, saturate_int8, saturate_int16

Int8Array = NDArray[np.int8]
Int16Array = NDArray[np.int16]
Uint16Array = NDArray[np.uint16]
Uint32Array = NDArray[np.uint32]
Int64Array = NDArray[np.int64]

CENTER_BITS = 6
GAIN_BITS = 14
CHANNEL_BITS = 6
COMPONENT_BITS = 8
BASIS_BITS = 15
STRETCH_BITS = 15
WEIGHT_BITS = 16
VALUE_BITS = 16
LENGTH_BITS = 8  # of a path in a tree

#: No channel and no basis value is beyond 2^15, so a component's sum is at most 2^41, a component 2^28, its square 2^56.
MOST_CHANNELS = 2_048
#: So many squares are at most 2^62; behind a point of 2^17, below 2^62.01. A sum of 64 bits has room for them and the rest, 2^45.
MOST_COMPONENTS = 64
#: So many points have 16-bit shares of at least one step.
MOST_POINTS = 1_024
#: A greater distance saturates the value in any case, so it may be clipped before the 16-bit multiplier: 2^44 * 2^16 fits.
GREATEST_DISTANCE = 2**44 - 1
SHIFTS = (1, 27)  # of a value
#: All constants of a model together must stay under it.
TABLE_LIMIT_BYTES = 16_384

_FINER_BITS = COMPONENT_BITS - CHANNEL_BITS
_FRACTION_BITS = 31
_LEAF = -1
#: 2^-(1/2), 2^-(1/4) ... 2^-(1/65536), Q31: one factor for each bit behind the point.
HALVINGS = tuple(round(2.0 ** (_FRACTION_BITS - 2.0**-bit)) for bit in range(1, VALUE_BITS + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class DistanceTables:
    """Integers of a distance: the kinds "mahalanobis", "centroids" and, with weights, "one_class_svm"."""

    center: Int16Array  # [channels], Q6 of an int8 step
    gain: Uint16Array  # [channels], Q14: 1 / standard deviation
    basis: Int16Array  # [channels, components], Q15
    stretch: Uint16Array  # [components], Q15; at most 2^15, which is 1
    points: Int16Array  # [points, components], Q6
    weights: Uint16Array  # [points], Q16, at most 2^16 in sum; [0]: the nearest point counts alone
    multiplier: int  # 2^15 to 2^16 - 1
    shift: int

    @property
    def channels(self) -> int:
        """Elements of the embedding."""
        return len(self.center)

    @property
    def table_bytes(self) -> int:
        """Constants on the device."""
        arrays = (self.center, self.gain, self.basis, self.stretch, self.points, self.weights)
        return sum(array.nbytes for array in arrays)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestTables:
    """Integers of an isolation forest. A node's left child stands behind it: channels up to the threshold go there."""

    channels: int  # elements of the embedding
    roots: Uint16Array  # [trees], nodes
    channel: Int16Array  # [nodes]; -1: a leaf
    value: Int16Array  # [nodes]: threshold, or the length of the path to a leaf, Q8
    right: Uint16Array  # [nodes]; 0 of a leaf
    multiplier: int  # sum of lengths -> mean over that expected of noise, Q16
    shift: int

    @property
    def table_bytes(self) -> int:
        """Constants on the device."""
        return sum(array.nbytes for array in (self.roots, self.channel, self.value, self.right))


@dataclass(frozen=True, slots=True, kw_only=True)
class OneClassTables:
    """What scores embeddings: one of the two."""

    kind: str  # of core.project.anomaly.ONE_CLASS_KINDS
    distance: DistanceTables | None = None
    forest: ForestTables | None = None

    @property
    def table_bytes(self) -> int:
        """Constants on the device."""
        return (self.distance or self._forest).table_bytes

    @property
    def channels(self) -> int:
        """Elements of the embedding."""
        return (self.distance or self._forest).channels

    @property
    def _forest(self) -> ForestTables:
        if self.forest is None:
            raise ValueError("tables of neither kind")
        return self.forest


def one_class_values(embeddings: Int8Array, tables: OneClassTables) -> Uint32Array:
    """Return what the device tells beside the score, Q16: uint32[patches].

    Parameters
    ----------
    embeddings
        The model's outputs, int8[patches, channels].
    tables
        Of either kind.
    """
    if tables.distance is None:
        return forest_values(embeddings, tables._forest)
    distances = point_distances(embeddings, tables.distance)
    values = scaled(distances, tables.distance.multiplier, tables.distance.shift)
    return _mixed(values, tables.distance.weights) if len(tables.distance.weights) else values.min(axis=1)


def one_class_scores(values: Uint32Array, tables: OneClassTables) -> Int8Array:
    """Return the scores, int8[patches], of `values`: the greater, the stranger."""
    if tables.distance is not None:
        return residual_scores(values)
    return saturate_int8(-round_shift(values.astype(np.int64), VALUE_BITS - 6))


def point_distances(embeddings: Int8Array, tables: DistanceTables) -> Int64Array:
    """Return squared distances, int64[patches, points], Q12 of squared standard deviations."""
    steps = (embeddings.astype(np.int64) << CENTER_BITS) - tables.center
    channels = saturate_int16(round_shift(steps * tables.gain.astype(np.int64), GAIN_BITS)).astype(np.int64)
    components = round_shift(channels @ tables.basis.astype(np.int64), BASIS_BITS - _FINER_BITS)
    rest = np.maximum(((channels * channels).sum(axis=1) << (2 * _FINER_BITS)) - (components * components).sum(axis=1), 0)
    coordinates = round_shift(components * tables.stretch.astype(np.int64), STRETCH_BITS)
    places = tables.points.astype(np.int64) << _FINER_BITS
    distances = np.stack([((coordinates - place) ** 2).sum(axis=1) + rest for place in places], axis=1)
    return round_shift(distances, 2 * _FINER_BITS)


def scaled(distances: Int64Array, multiplier: int, shift: int) -> Uint32Array:
    """Return ``distances * multiplier / 2^shift``, rounded and saturated to 32 bits."""
    values = round_shift(np.minimum(distances, GREATEST_DISTANCE) * multiplier, shift)
    return np.asarray(np.minimum(values, 2**32 - 1), np.uint32)


def _mixed(values: Uint32Array, weights: Uint16Array) -> Uint32Array:
    """Return ``-log2(sum of weight * 2^-value)``, Q16: the nearest point is taken out of the sum first, so that it cannot vanish."""
    nearest = values.min(axis=1)
    shares = (weights.astype(np.uint64) * power_of_half(values - nearest[:, np.newaxis])) >> np.uint64(WEIGHT_BITS)
    logarithms = negative_log2(np.maximum(shares.sum(axis=1), 1).astype(np.uint64))
    return np.asarray(np.minimum(nearest.astype(np.uint64) + logarithms, 2**32 - 1), np.uint32)


def power_of_half(exponents: Uint32Array) -> NDArray[np.uint64]:
    """Return ``2^-exponent`` of exponents in Q16 as Q31, by a factor for each bit behind the point."""
    power = np.full(exponents.shape, 1 << _FRACTION_BITS, np.uint64)
    half = np.uint64(1 << (_FRACTION_BITS - 1))
    for place, factor in enumerate(HALVINGS, start=1):
        is_set = (exponents >> np.uint32(VALUE_BITS - place)) & np.uint32(1)
        power = np.where(is_set == 1, (power * np.uint64(factor) + half) >> np.uint64(_FRACTION_BITS), power)
    whole = np.minimum(exponents >> np.uint32(VALUE_BITS), 63).astype(np.uint64)
    return np.asarray(power >> whole, np.uint64)


def negative_log2(shares: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return ``-log2(share)``, Q16, of shares in Q31, from 1 to 2^31: a bit a squaring."""
    exponents = np.floor(np.log2(shares.astype(np.float64))).astype(np.int64)  # exact below 2^32, as in core.residual
    exponents -= (shares < (np.uint64(1) << exponents.astype(np.uint64))).astype(np.int64)
    mantissa = shares << (_FRACTION_BITS - exponents).astype(np.uint64)
    fraction = np.zeros(shares.shape, np.uint64)
    for _ in range(VALUE_BITS):
        mantissa = (mantissa * mantissa) >> np.uint64(_FRACTION_BITS)
        bit = mantissa >> np.uint64(32)
        mantissa = mantissa >> bit
        fraction = (fraction << np.uint64(1)) | bit
    whole = (_FRACTION_BITS - exponents).astype(np.uint64) << np.uint64(VALUE_BITS)
    return np.asarray(whole - fraction, np.uint64)


def forest_values(embeddings: Int8Array, tables: ForestTables) -> Uint32Array:
    """Return mean path lengths over that expected of noise, Q16: uint32[patches]; short paths are strange."""
    rows = np.arange(len(embeddings))
    lengths = np.zeros(len(embeddings), np.int64)
    for root in tables.roots:
        nodes = np.full(len(embeddings), root, np.int64)
        while (inner := tables.channel[nodes] != _LEAF).any():
            is_left = embeddings[rows, np.maximum(tables.channel[nodes], 0)] <= tables.value[nodes]
            nodes = np.where(inner, np.where(is_left, nodes + 1, tables.right[nodes]), nodes)
        lengths += tables.value[nodes]
    return scaled(lengths, tables.multiplier, tables.shift)
