"""The memory plan, checked by its own rules: time by time, byte by byte."""

from __future__ import annotations

import numpy as np
import pytest

from tests.deploy.compiler.cases import CASES
from tests.golden_fixture import MODEL_FILE
from tinyaudio.deploy.compiler import MemoryPlan, compile_model
from tinyaudio.deploy.compiler.memory import ALIGNMENT_BYTES, Buffer, plan_memory


def _assert_nothing_overlaps(plan: MemoryPlan) -> None:
    """Walk through the steps with one owner a byte: no buffer may take a byte that another one still needs.

    The one exception is an output over its own input, from the same byte on or as far before it as it runs ahead.
    """
    last_step = max(placement.buffer.last for placement in plan.placements)
    places = {placement.buffer.name: placement for placement in plan.placements}
    for step in range(-1, last_step + 1):
        owner: dict[int, str] = {}
        for placement in plan.placements:
            if not placement.buffer.first <= step <= placement.buffer.last:
                continue
            assert placement.offset >= 0 and placement.offset + placement.buffer.bytes <= plan.arena_bytes
            for unit in range(placement.offset // ALIGNMENT_BYTES, -(-(placement.offset + placement.buffer.bytes) // ALIGNMENT_BYTES)):
                other = owner.setdefault(unit, placement.buffer.name)
                if other == placement.buffer.name:
                    continue
                pair = (placement.buffer, places[other].buffer)
                output, source = pair if pair[1].name in pair[0].overwrites else pair[::-1]
                assert source.name in output.overwrites, f"{placement.buffer.name} and {other} overlap at step {step}"
                assert step == output.first == source.last
                assert places[output.name].offset + output.lead_bytes <= places[source.name].offset


@pytest.mark.parametrize("name", ["golden", *CASES])
def test_no_two_live_buffers_overlap(name: str) -> None:
    tflite = MODEL_FILE.read_bytes() if name == "golden" else CASES[name]()
    plan = compile_model(tflite, name=name).plan
    _assert_nothing_overlaps(plan)
    assert plan.arena_bytes % ALIGNMENT_BYTES == 0
    assert all(placement.offset % ALIGNMENT_BYTES == 0 for placement in plan.placements)


def test_random_lifetimes() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        buffers = []
        for index in range(12):
            first = int(rng.integers(0, 10))
            buffers.append(Buffer(name=f"b{index}", bytes=int(rng.integers(1, 3000)), first=first, last=first + int(rng.integers(0, 4))))
        plan = plan_memory(buffers)
        _assert_nothing_overlaps(plan)
        assert [placement.buffer for placement in plan.placements] == buffers


def test_a_chain_needs_its_two_largest_neighbours() -> None:
    sizes = (1600, 3200, 160, 4800, 1600)
    chain = [Buffer(name=str(index), bytes=size, first=index, last=index + 1) for index, size in enumerate(sizes)]
    assert plan_memory(chain).arena_bytes == 6400


def test_an_output_may_lie_over_its_input() -> None:
    source = Buffer(name="in", bytes=1000, first=0, last=1)
    output = Buffer(name="out", bytes=800, first=1, last=2, overwrites=("in",))
    assert plan_memory([source, output]).arena_bytes == 1008


def test_an_output_that_runs_ahead_starts_in_front_of_its_input() -> None:
    source = Buffer(name="in", bytes=1000, first=0, last=1)
    output = Buffer(name="out", bytes=2000, first=1, last=2, overwrites=("in",), lead_bytes=990)
    plan = plan_memory([source, output])
    _assert_nothing_overlaps(plan)
    assert (plan.arena_bytes, plan.offset("out"), plan.offset("in")) == (2000, 0, 992)
    behind = Buffer(name="behind", bytes=100, first=0, last=2)  # the pair is of use only if it lies as it must
    _assert_nothing_overlaps(plan_memory([behind, source, output]))


def test_in_place_depthwise_of_the_golden_model_saves_memory() -> None:
    plan = compile_model(MODEL_FILE.read_bytes(), name="golden").plan
    assert any(placement.buffer.overwrites for placement in plan.placements)
