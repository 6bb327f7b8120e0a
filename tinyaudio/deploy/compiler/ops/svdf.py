"""SVDF: a dense layer and filters over time, whose state stays from one inference to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tflite

from tinyaudio.deploy.compiler.arithmetic import FixedPointMultiplier, quantize_multiplier
from tinyaudio.deploy.compiler.graph import Arrays, Constant, Graph, Kernel, Numbers, Operation, Pointer, Tensor
from tinyaudio.deploy.compiler.view import OperatorView

_STATE_TYPES = ("int8", "int16")


@dataclass(frozen=True, slots=True, kw_only=True)
class Svdf(Operation):
    """An SVDF. Inputs are the values, feature weights, time weights, bias and state; outputs are the values and the state."""

    rank: int
    feature: FixedPointMultiplier  # of the dense layer -> state
    output: FixedPointMultiplier  # of the filters -> output

    @property
    def states(self) -> tuple[int, ...]:
        """Return the state."""
        return self.outputs[1:]

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `svdf`."""
        values, features, times, bias, state = (graph.tensor(index) for index in self.inputs)
        assert features.data is not None and times.data is not None and bias.data is not None, "checked when the operator was read"
        (filters, inputs), memory = features.shape, times.shape[1]
        units = filters // self.rank
        feature_weights, time_weights = features.data.astype(np.int64), times.data.astype(np.int64)
        sums = time_weights.reshape(units, -1).sum(axis=1)
        arrays = Arrays(
            constants=(
                Constant(role="feature_weights", c_type="int8_t", values=feature_weights.ravel()),
                Constant(role="feature_bias", c_type="int32_t", values=-values.zero_point * feature_weights.sum(axis=1)),
                Constant(role="time_weights", c_type=f"{times.dtype}_t", values=time_weights.ravel()),
                Constant(role="bias", c_type="int32_t", values=_wrapped(bias.data.astype(np.int64) - state.zero_point * sums)),
            )
        )
        numbers = (
            inputs,
            units,
            self.rank,
            memory,
            (self.feature.multiplier, self.feature.right_shift),
            (self.output.multiplier, self.output.right_shift),
            state.zero_point,
            graph.tensor(self.outputs[0]).zero_point,
        )
        pointers = tuple(Pointer(tensor=index) for index in (values.index, *self.outputs))
        return (Kernel(function="svdf", header="svdf.h", arguments=(*pointers, arrays, Numbers(values=numbers)), macs=filters * (inputs + memory)),)


def read(view: OperatorView) -> Svdf:
    """Read and check an SVDF over one vector, with a state of int8 or int16."""
    view.expect_arity(inputs=(5,))
    values, output = view.int8_activation(view.input(0)), view.output()
    features = view.int8_weights(1, rank=2, channel_axis=0)
    times, state = view.input(2), view.input(4)
    view.quantized(features)
    if times.data is None or times.dtype not in _STATE_TYPES or len(times.shape) != 2 or view.quantized(times).zero_point != 0:
        view.fail(f"tensor {times.describe()} must be constant weights over time, int8 or int16, with the zero point 0")
    if state.data is not None or state.dtype != times.dtype:
        view.fail(f"tensor {state.describe()} must be a state of the type of {times.describe()}")
    if view.quantized(state).zero_point != 0 and state.dtype == "int16":
        view.fail(f"tensor {state.describe()} is a state of int16 with the zero point {state.zero_point}; it must be 0")
    rank = int(view.options(tflite.SVDFOptions, tflite.BuiltinOptions.SVDFOptions).Rank())
    filters, inputs = features.shape
    if rank < 1 or filters % rank or times.shape[0] != filters or state.elements != times.elements:
        view.fail(f"tensors {features.describe()}, {times.describe()} and {state.describe()} do not fit the rank {rank}")
    if values.elements != inputs or values.shape[-1] != inputs:
        view.fail(f"tensor {values.describe()} must be one vector of {inputs} values", hint="export the model with a batch size of 1")
    if not view.has_input(3):
        view.fail("its bias is missing")
    view.bias(3, filters // rank)
    view.expect_output_shape((1, filters // rank))
    _check_sums(view, features)
    # In single precision, as the reference computes it.
    value_scale, feature_scale, state_scale, time_scale, output_scale = (
        np.float32(tensor.scale) for tensor in (values, features, state, times, output)
    )
    with np.errstate(all="ignore"):
        factors = (value_scale * feature_scale / state_scale, state_scale * time_scale / output_scale)
    return Svdf(
        index=view.index,
        kind=view.kind,
        inputs=view.inputs,
        outputs=(view.outputs[0], state.index),
        rank=rank,
        feature=_multiplier(view, float(factors[0])),
        output=_multiplier(view, float(factors[1])),
    )


def _check_sums(view: OperatorView, features: Tensor) -> None:
    """Check that no sum of the dense layer leaves int32. What the filters sum up wraps around, in the reference as in the kernel."""
    assert features.data is not None, "checked by the caller"
    if 256 * int(np.abs(features.data.astype(np.int64)).sum(axis=1).max()) >= 2**31:
        view.fail("its accumulators can leave int32", hint="quantize with a larger weight scale")


def _wrapped(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return `values` as 32 bits keep them."""
    return (values + (1 << 31)) % (1 << 32) - (1 << 31)


def _multiplier(view: OperatorView, factor: float) -> FixedPointMultiplier:
    try:
        return quantize_multiplier(factor)
    except ValueError as error:
        view.fail(str(error), hint="export the model again; its scales do not fit together")
