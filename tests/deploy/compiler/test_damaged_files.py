"""2,000 truncated and bit-flipped files, and 1,000 with fields that mean something else: each gives one clear error, or a sound model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.deploy.compiler.aimed_damage import aimed
from tests.deploy.compiler.cases import CASES
from tests.deploy.compiler.dilated_cases import DILATED_CASES
from tests.deploy.compiler.host_models import HostModels, varied_inputs
from tests.deploy.compiler.random_graphs import RANDOM_GRAPHS
from tests.deploy.compiler.recurrent_cases import RECURRENT_CASES
from tests.deploy.compiler.reducing_cases import REDUCING_CASES
from tests.deploy.compiler.streaming_cases import STREAMING_CASES
from tests.golden_fixture import MODEL_FILE
from tinyaudio.core.errors import ModelError
from tinyaudio.deploy.compiler import compile_model

DAMAGED_FILES = 2_000
AIMED_FILES = 1_000
BUILT_FILES = 24  # of those that still compile; a damaged weight or scale does no harm
GROUPS = 4
ARENA_LIMIT = 100_000


def _damaged(good: bytes, rng: np.random.Generator) -> bytes:
    kind = rng.integers(4)
    if kind == 0:
        return good[: rng.integers(len(good))]
    data = bytearray(good)
    for position in rng.integers(0, len(data), rng.integers(1, 4)):
        data[position] = data[position] ^ (1 << rng.integers(8)) if kind != 1 else rng.integers(256)
    return bytes(data)


@pytest.mark.parametrize("group", range(GROUPS))
def test_damaged_files_give_one_clear_error_or_a_sound_model(group: int, tmp_path: Path) -> None:
    good = [build() for build in (CASES | STREAMING_CASES).values()]
    rng = np.random.default_rng(group)
    survivors: dict[str, bytes] = {}
    refused = 0
    for number in range(DAMAGED_FILES // GROUPS):
        data = _damaged(good[(number * GROUPS + group) % len(good)], rng)
        try:
            compiled = compile_model(data, name="damaged")
        except ModelError as error:
            assert error.message and error.hint and error.where
            refused += 1
        else:
            if data not in good and compiled.arena_bytes < ARENA_LIMIT:
                survivors[f"survivor_{number}"] = data
    assert refused > DAMAGED_FILES // GROUPS // 3
    assert len(survivors) > BUILT_FILES // GROUPS
    chosen = dict(list(survivors.items())[: BUILT_FILES // GROUPS])
    host = HostModels(chosen, tmp_path, dsp=True)  # warnings are errors, and the sanitizers watch
    for name, compiled in host.compiled.items():
        host.run(name, varied_inputs(compiled.input_.elements, 3, dtype=compiled.input_.dtype))


def test_fields_of_other_meaning_give_one_clear_error_or_a_sound_model(tmp_path: Path) -> None:
    cases = CASES | STREAMING_CASES | DILATED_CASES | RECURRENT_CASES | REDUCING_CASES | RANDOM_GRAPHS
    good = [build() for build in cases.values()]
    rng = np.random.default_rng(9)
    survivors: dict[str, bytes] = {}
    vague = 0
    for number in range(AIMED_FILES):
        data = aimed(good[number % len(good)], rng)
        try:
            compiled = compile_model(data, name="damaged")
        except ModelError as error:
            assert error.message and error.hint and error.where
            vague += not any(word in str(error) for word in ("operator", "tensor", "input", "output", "variable"))
        else:
            if data not in good and compiled.arena_bytes < ARENA_LIMIT:
                survivors[f"survivor_{number}"] = data
    assert vague < AIMED_FILES // 20  # those whose FlatBuffer cannot be read at all
    assert len(survivors) > BUILT_FILES
    chosen = dict(list(survivors.items())[:BUILT_FILES])
    host = HostModels(chosen, tmp_path, dsp=True)
    for name, compiled in host.compiled.items():
        host.run(name, varied_inputs(compiled.input_.elements, 3, dtype=compiled.input_.dtype))


def test_truncated_model_of_usual_size() -> None:
    good = MODEL_FILE.read_bytes()
    for length in np.linspace(0, len(good) - 1, 60).astype(int):
        try:
            compile_model(good[:length], name="truncated")
        except ModelError as error:
            assert error.message and error.hint
