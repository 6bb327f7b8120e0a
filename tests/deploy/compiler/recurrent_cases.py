"""Small models of LSTM and SVDF, whose state goes on from one input to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tflite

from tests.deploy.compiler.model_builder import ModelBuilder


def _weights(model: ModelBuilder, rng: np.random.Generator, name: str, shape: tuple[int, ...], scale: float, dtype: str = "int8") -> int:
    limit = np.iinfo(dtype).max
    return model.tensor(name, shape, dtype=dtype, scale=scale, data=rng.integers(-limit, limit + 1, shape))


def lstm(
    steps: int,
    inputs: int,
    units: int,
    *,
    time_major: bool = False,
    cell_power: int = -12,
    clip: float = 0.0,
    zero_points: tuple[int, int] = (-3, 5),
    gain: float = 1.0,
    changes: Sequence[tuple[int, int]] = (),
    activation: int = tflite.ActivationFunctionType.TANH,
    seed: int = 0,
) -> bytes:
    """UNIDIRECTIONAL_SEQUENCE_LSTM; `changes` puts the tensor of one input of the operator at the place of another, or -1."""
    rng = np.random.default_rng(seed)
    model = ModelBuilder()
    shape = (steps, 1, inputs) if time_major else (1, steps, inputs)
    source = model.tensor("values", shape, scale=0.02, zero_point=zero_points[0])
    places = [-1] * 24
    places[0] = source
    for position in range(1, 9):
        depth = inputs if position < 5 else units
        places[position] = _weights(model, rng, f"weights_{position}", (units, depth), gain * float(rng.uniform(0.002, 0.01)))
    for position in range(12, 16):
        data = rng.integers(-3_000, 3_000, units)
        places[position] = model.tensor(f"bias_{position}", (units,), dtype="int32", scale=1e-4, data=data)
    hidden: dict[str, Any] = {"scale": 1 / 128, "zero_point": zero_points[1]}
    places[18] = model.tensor("hidden", (1, units), variable=True, **hidden)
    places[19] = model.tensor("cell", (1, units), dtype="int16", scale=2.0**cell_power, variable=True)
    model.tensor("intermediate", (0,), dtype="int16", scale=0.1)  # as converters leave them behind
    target = model.tensor("output", (*shape[:2], units), **hidden)
    for place, other in changes:
        places[place] = places[other] if other >= 0 else -1
    model.operator(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        places,
        [target],
        "UnidirectionalSequenceLSTMOptions",
        FusedActivationFunction=activation,
        CellClip=clip,
        TimeMajor=time_major,
    )
    return model.build(inputs=[source], outputs=[target])


def svdf(inputs: int, units: int, rank: int, memory: int, *, dtype: str, state_zero_point: int = 0, seed: int = 0) -> bytes:
    """SVDF with a state of int8 or int16."""
    rng = np.random.default_rng(seed)
    model = ModelBuilder()
    filters = units * rank
    state_scale = 0.03 if dtype == "int8" else 0.0002
    source = model.tensor("values", (1, inputs), scale=0.03, zero_point=-7)
    features = _weights(model, rng, "features", (filters, inputs), 0.004)
    time_scale = 0.01 if dtype == "int8" else 0.00003
    times = _weights(model, rng, "times", (filters, memory), time_scale, dtype)
    bias = model.tensor(
        "bias", (units,), dtype="int32", scale=float(np.float32(state_scale) * np.float32(time_scale)), data=rng.integers(-900, 900, units)
    )
    state = model.tensor("state", (1, filters * memory), dtype=dtype, scale=state_scale, zero_point=state_zero_point, variable=True)
    target = model.tensor("output", (1, units), scale=0.06, zero_point=9)
    model.operator("SVDF", [source, features, times, bias, state], [target], "SVDFOptions", Rank=rank)
    return model.build(inputs=[source], outputs=[target])


RECURRENT_CASES: dict[str, Callable[[], bytes]] = {
    "lstm": lambda: lstm(4, 6, 5),
    "lstm_one_step": lambda: lstm(1, 3, 8, cell_power=-11, gain=2.0, seed=1),
    "lstm_time_major": lambda: lstm(3, 5, 7, time_major=True, cell_power=-10, zero_points=(11, -20), seed=2),
    "lstm_clipped": lambda: lstm(3, 4, 4, clip=0.4, gain=3.0, seed=3),
    "lstm_saturated": lambda: lstm(5, 9, 3, cell_power=-15, gain=12.0, seed=4),
    "lstm_small_cell": lambda: lstm(5, 4, 6, cell_power=-8, gain=4.0, seed=5),
    "svdf_int8": lambda: svdf(10, 4, 1, 5, dtype="int8", state_zero_point=-9),
    "svdf_int8_ranks": lambda: svdf(7, 3, 3, 2, dtype="int8", seed=1),
    "svdf_int16": lambda: svdf(9, 5, 2, 6, dtype="int16", seed=2),
    "svdf_int16_one_step": lambda: svdf(6, 4, 1, 1, dtype="int16", seed=3),
}
