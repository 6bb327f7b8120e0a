"""Tables of a one-class model as its template shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from tinyaudio.core.one_class import DistanceTables, ForestTables, OneClassTables


@dataclass(frozen=True, slots=True, kw_only=True)
class _Array:
    """A constant array of the generated file."""

    name: str  # in C++
    type: str
    comment: str
    values: list[int]


def one_class_context(tables: OneClassTables) -> dict[str, Any]:
    """Return what ``anomaly/one_class_model.*.j2`` need."""
    item = tables.distance or tables.forest
    if item is None:
        raise ValueError("tables of neither kind")
    arrays = list(_distance_arrays(item) if isinstance(item, DistanceTables) else _forest_arrays(item))
    context = {"kind": tables.kind, "channels": tables.channels, "arrays": arrays, "multiplier": item.multiplier, "shift": item.shift}
    if isinstance(item, ForestTables):
        return {**context, "is_forest": True, "trees": len(item.roots)}
    return {**context, "is_forest": False, "components": len(item.stretch), "points": len(item.points), "is_mixed": bool(len(item.weights))}


def _distance_arrays(tables: DistanceTables) -> Iterator[_Array]:
    yield _array("kCenter", "int16_t", "[channels], Q6 of an int8 step", tables.center)
    yield _array("kGain", "uint16_t", "[channels], Q14: 1 / standard deviation", tables.gain)
    yield _array("kBasis", "int16_t", "[channels][components], Q15", tables.basis)
    yield _array("kStretch", "uint16_t", "[components], Q15", tables.stretch)
    yield _array("kPoints", "int16_t", "[points][components], Q6", tables.points)
    if len(tables.weights):
        yield _array("kWeights", "uint16_t", "[points], Q16", tables.weights)


def _forest_arrays(tables: ForestTables) -> Iterator[_Array]:
    yield _array("kRoots", "uint16_t", "[trees], nodes", tables.roots)
    yield _array("kChannel", "int16_t", "[nodes]; -1: a leaf", tables.channel)
    yield _array("kValue", "int16_t", "[nodes]: threshold, or the length of the path to a leaf, Q8", tables.value)
    yield _array("kRight", "uint16_t", "[nodes]", tables.right)


def _array(name: str, type_: str, comment: str, values: NDArray[Any]) -> _Array:
    return _Array(name=name, type=type_, comment=comment, values=[int(value) for value in values.ravel()])
