"""From a fit in int8 steps to the integers of the device."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.errors import StageError
from tinyaudio.core.one_class import (
    BASIS_BITS,
    CENTER_BITS,
    CHANNEL_BITS,
    GAIN_BITS,
    LENGTH_BITS,
    MOST_CHANNELS,
    MOST_COMPONENTS,
    MOST_POINTS,
    SHIFTS,
    STRETCH_BITS,
    TABLE_LIMIT_BYTES,
    VALUE_BITS,
    WEIGHT_BITS,
    DistanceTables,
    ForestTables,
    OneClassTables,
)
from tinyaudio.core.one_class_fit import DistanceFit, ForestFit, OneClassFit
from tinyaudio.core.rounding import round_half_up

Float64Array = NDArray[np.float64]

#: Least standard deviation of a channel, in int8 steps: a gain of 2, so that 16 bits hold 255 steps.
LEAST_SPREAD_STEPS = 0.5
_MULTIPLIER_BITS = 16
_LOWER = {
    "mahalanobis": "anomaly.components",
    "centroids": "anomaly.components or anomaly.centroids",
    "one_class_svm": "anomaly.components or anomaly.outlier_share",
    "isolation_forest": "anomaly.trees or anomaly.tree_samples",
}


def one_class_tables(fit: OneClassFit) -> OneClassTables:
    """Return the integers of `fit`, which is of embeddings in int8 steps.

    Raises
    ------
    StageError
        If the tables are not under 16 KB, or there are more channels, components or points than the arithmetic has room for.
    """
    forest = None if fit.forest is None else _forest_tables(fit.forest)
    tables = OneClassTables(kind=fit.kind, distance=None if fit.distance is None else _distance_tables(fit.distance), forest=forest)
    if tables.table_bytes >= TABLE_LIMIT_BYTES:
        raise StageError(
            f"the tables of {fit.kind} take {tables.table_bytes:,} bytes for {tables.channels} channels; they must stay under {TABLE_LIMIT_BYTES:,}",
            hint=f"lower {_LOWER[fit.kind]}, or model.blocks for fewer channels",
            where="anomaly",
        )
    return tables


def _distance_tables(fit: DistanceFit) -> DistanceTables:
    channels, components = fit.basis.shape
    points = len(fit.points)
    for what, found, most in (("channels", channels, MOST_CHANNELS), ("components", components, MOST_COMPONENTS), ("points", points, MOST_POINTS)):
        if found > most:
            raise StageError(f"{found} {what}; {most} are supported", hint=f"lower {_LOWER['one_class_svm']}, or model.blocks", where="anomaly")
    spread = np.maximum(fit.spread, LEAST_SPREAD_STEPS)
    multiplier, shift = _factor(fit.factor * 2.0 ** (VALUE_BITS - 2 * CHANNEL_BITS))
    return DistanceTables(
        center=_integers(fit.center * 2**CENTER_BITS, np.int16),
        gain=_integers(2**GAIN_BITS / spread, np.uint16, least=1),
        basis=_integers(fit.basis * 2**BASIS_BITS, np.int16),
        stretch=_integers(fit.stretch * 2**STRETCH_BITS, np.uint16),
        points=_integers(fit.points * 2**CHANNEL_BITS, np.int16),
        weights=_shares(fit.weights),
        multiplier=multiplier,
        shift=shift,
    )


def _shares(weights: Float64Array) -> NDArray[np.uint16]:
    """Return weights in Q16: at least one step each, at most 2^16 together, so that a mix of them stays below 1."""
    steps = np.clip(np.floor(weights * 2**WEIGHT_BITS), 1, 2**16 - 1).astype(np.int64)
    excess = int(steps.sum()) - 2**WEIGHT_BITS
    for place in np.argsort(-steps, kind="stable"):  # a step for each of many tiny weights may be more than one great weight has
        taken = min(max(excess, 0), int(steps[place]) - 1)
        steps[place] -= taken
        excess -= taken
    return _frozen(steps.astype(np.uint16))


def _forest_tables(fit: ForestFit) -> ForestTables:
    is_leaf = fit.channel < 0
    value = np.where(is_leaf, round_half_up(fit.value * 2**LENGTH_BITS), np.clip(np.floor(fit.value), -129, 127))
    multiplier, shift = _factor(2.0 ** (VALUE_BITS - LENGTH_BITS) / (len(fit.roots) * fit.noise_length))
    if len(fit.channel) >= 2**16 or fit.channels > 2**15:
        raise StageError(
            f"{len(fit.channel)} nodes in all trees; {2**16 - 1} are supported", hint=f"lower {_LOWER['isolation_forest']}", where="anomaly"
        )
    return ForestTables(
        channels=fit.channels,
        roots=_frozen(fit.roots.astype(np.uint16)),
        channel=_frozen(fit.channel.astype(np.int16)),
        value=_frozen(value.astype(np.int16)),
        right=_frozen(fit.right.astype(np.uint16)),
        multiplier=multiplier,
        shift=shift,
    )


def _factor(factor: float) -> tuple[int, int]:
    """Return (multiplier of 16 bits, shift) nearest to `factor`.

    Raises
    ------
    StageError
        If the shift is outside of what the arithmetic has room for.
    """
    shift = _MULTIPLIER_BITS - math.frexp(factor)[1]
    multiplier = min(math.floor(factor * 2.0**shift + 0.5), 2**_MULTIPLIER_BITS - 1)
    if not SHIFTS[0] <= shift <= SHIFTS[1]:
        raise StageError(
            f"a squared distance would be multiplied by {factor:.3g}, which the integers have no room for",
            hint="listen to the training clips: they are too much alike, or damaged",
            where="anomaly",
        )
    return multiplier, shift


def _integers(values: Float64Array, kind: Any, *, least: int | None = None) -> Any:
    """Return `values` rounded by the rule of `core.rounding` and clipped to the type `kind`."""
    limits = np.iinfo(kind)
    return _frozen(np.clip(round_half_up(values), limits.min if least is None else least, limits.max).astype(kind))


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array
