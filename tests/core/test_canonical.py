from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from tinyaudio.core.canonical import canonical_json, fingerprint
from tinyaudio.core.spec import FrontendSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    first: int
    second: tuple[float, ...]


def test_keys_are_sorted_and_floats_round_trip() -> None:
    assert canonical_json({"b": 0.1, "a": (1, None, True)}) == '{"a":[1,null,true],"b":0.1}'
    assert canonical_json(Pair(first=1, second=(2.0,))) == '{"first":1,"second":[2.0]}'


def test_arrays_enter_by_type_shape_and_content() -> None:
    array = np.arange(6, dtype=np.int16)
    same = [array, array.astype(">i2"), np.asfortranarray(array)]
    assert len({fingerprint(item) for item in same}) == 1
    different = [array, array.astype(np.int32), array.reshape(2, 3), array + np.int16(1)]
    assert len({fingerprint(item) for item in different}) == 4


def test_a_fingerprint_follows_every_field_of_a_spec() -> None:
    spec = FrontendSpec()
    assert fingerprint(spec) == fingerprint(FrontendSpec())
    assert fingerprint(spec) != fingerprint(replace(spec, mel_bands=40))
    assert fingerprint(spec) != fingerprint(replace(spec, log_offset=0.0001))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_without_a_stable_form_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        fingerprint({"value": value})


@pytest.mark.parametrize("value", [object(), {1, 2}, Path("x"), {1: 2}])
def test_types_without_a_stable_form_are_refused(value: object) -> None:
    with pytest.raises(TypeError):
        fingerprint(value)
