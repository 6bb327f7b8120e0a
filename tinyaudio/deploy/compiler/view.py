"""One operator of the file while it is read: checked access to its tensors and options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import tflite

from tinyaudio.core.errors import ModelError
from tinyaudio.deploy.compiler.arithmetic import Activation, Bounds, activation_range
from tinyaudio.deploy.compiler.graph import ABSENT, Tensor, operation_place
from tinyaudio.deploy.compiler.window import Window, extent

_ACTIVATIONS: dict[int, Activation] = {
    tflite.ActivationFunctionType.NONE: "NONE",
    tflite.ActivationFunctionType.RELU: "RELU",
    tflite.ActivationFunctionType.RELU6: "RELU6",
    tflite.ActivationFunctionType.RELU_N1_TO_1: "RELU_N1_TO_1",
}
_SCALE_TOLERANCE = 1e-6
_LEAST_SCALE = 1e-30  # smaller ones make infinities of the activation's bounds
#: Measured with TensorFlow 2.21: 20 of 210 conversions of one and the same unrolled LSTM.
_LEFT_IN_REAL_NUMBERS = (
    "the converter left it in real numbers; export the model again, with full-integer INT8 quantization "
    "(unrolled LSTM layers: TensorFlow's converter does so by chance, about once in ten times, so just convert again)"
)
_PADDINGS = {tflite.Padding.SAME: "SAME", tflite.Padding.VALID: "VALID"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorView:
    """An operator of the file, its indices already checked against the number of tensors."""

    index: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    tensors: Sequence[Tensor]  # what constant folding computed so far included
    source: Any  # tflite.Operator

    def fail(self, message: str, hint: str = "export the model again, with full-integer INT8 quantization") -> NoReturn:
        """Raise a `ModelError` that names this operator."""
        output_name = self.tensors[self.outputs[0]].name if self.outputs else ""
        raise ModelError(message, hint=hint, where=operation_place(self.index, self.kind, output_name))

    def options(self, table: Any, union_member: int) -> Any:
        """Return the operator's options as the flatbuffers class `table`.

        Raises
        ------
        ModelError
            If they are missing or of another kind.
        """
        if self.source.BuiltinOptionsType() != union_member or self.source.BuiltinOptions() is None:
            self.fail("its options are missing or those of another operator")
        union = self.source.BuiltinOptions()
        options = table()
        options.Init(union.Bytes, union.Pos)
        return options

    def expect_arity(self, *, inputs: tuple[int, ...], outputs: int = 1) -> None:
        """Check the numbers of inputs (any of `inputs`) and outputs."""
        if len(self.inputs) not in inputs or len(self.outputs) != outputs:
            self.fail(f"it has {len(self.inputs)} inputs and {len(self.outputs)} outputs")

    def has_input(self, position: int) -> bool:
        """Whether the optional input `position` is there."""
        return position < len(self.inputs) and self.inputs[position] != ABSENT

    def input(self, position: int) -> Tensor:
        """Return input `position`, which must be there."""
        if not self.has_input(position):
            self.fail(f"its input {position} is missing")
        return self.tensors[self.inputs[position]]

    def int8_values(self, tensor: Tensor) -> Tensor:
        """Return `tensor`, an activation or a constant, after checking that it is int8, quantized as a whole."""
        if tensor.dtype != "int8":
            self.fail(f"tensor {tensor.describe()} must be int8")
        return self.quantized(tensor)

    def int8_activation(self, tensor: Tensor) -> Tensor:
        """Return `tensor` after checking that it is an int8 activation, quantized as a whole."""
        if tensor.dtype == "float32" and tensor.data is None:
            self.fail(f"tensor {tensor.describe()} must be an int8 activation", _LEFT_IN_REAL_NUMBERS)
        if tensor.dtype != "int8" or tensor.data is not None:
            self.fail(f"tensor {tensor.describe()} must be an int8 activation")
        return self.quantized(tensor)

    def quantized(self, tensor: Tensor) -> Tensor:
        """Return `tensor` after checking that it has one scale, and a zero point within its type."""
        if tensor.quantization is None or len(tensor.quantization.scales) != 1:
            self.fail(f"tensor {tensor.describe()} must be quantized with one scale")
        limits = np.iinfo(tensor.dtype)
        if not limits.min <= tensor.zero_point <= limits.max:
            self.fail(f"tensor {tensor.describe()} has the zero point {tensor.zero_point}, outside {tensor.dtype}")
        return tensor

    def expect_equal_quantization(self, one: Tensor, other: Tensor) -> None:
        """Check that two int8 tensors mean the same by the same number, within the tolerance of the reference."""
        if abs(one.scale - other.scale) > _SCALE_TOLERANCE or one.zero_point != other.zero_point:
            self.fail(f"tensors {one.describe()} and {other.describe()} are quantized differently")

    def moved(self, position: int = 0) -> Tensor:
        """Return input `position` of an operator that only moves values; all outputs must be of its type and quantization.

        It is an int8 tensor, or a constant of any type, which constant folding moves.
        """
        values = self.input(position)
        for index in self.outputs:
            output = self.tensors[index]
            if output.dtype != values.dtype:
                self.fail(f"tensor {output.describe()} is of another type than {values.describe()}")
            if values.data is None:
                self.expect_equal_quantization(self.int8_activation(values), self.int8_activation(output))
        return values

    def image(self, tensor: Tensor) -> Tensor:
        """Return `tensor` after checking that it is an int8 activation of shape [1, height, width, channels]."""
        self.int8_activation(tensor)
        if len(tensor.shape) != 4 or tensor.shape[0] != 1:
            self.fail(f"tensor {tensor.describe()} must have the shape [1, height, width, channels]", hint="export the model with a batch size of 1")
        return tensor

    def output(self) -> Tensor:
        """Return the one output, an int8 activation."""
        return self.int8_activation(self.tensors[self.outputs[0]])

    def expect_output_shape(self, shape: tuple[int, ...]) -> None:
        """Check that the output has the shape that follows from the inputs."""
        output = self.tensors[self.outputs[0]]
        if output.shape != shape:
            self.fail(f"tensor {output.describe()} must have the shape {list(shape)}")

    def int8_weights(self, position: int, *, rank: int, channel_axis: int) -> Tensor:
        """Return the constant int8 input `position`, symmetrically quantized as a whole or along `channel_axis`."""
        tensor = self.input(position)
        if tensor.dtype != "int8" or tensor.data is None or len(tensor.shape) != rank:
            self.fail(f"tensor {tensor.describe()} must be constant int8 weights with {rank} dimensions")
        quantization = tensor.quantization
        if quantization is None:
            self.fail(f"tensor {tensor.describe()} has no scale")
        if len(quantization.scales) > 1 and quantization.axis != channel_axis:
            self.fail(f"tensor {tensor.describe()} has its scales along axis {quantization.axis}, not {channel_axis}")
        if any(quantization.zero_points):
            self.fail(f"tensor {tensor.describe()} has zero points other than 0")
        return tensor

    def integers(self, position: int) -> tuple[int, ...]:
        """Return the values of the constant int32 or int64 input `position`, flat."""
        tensor = self.input(position)
        if tensor.dtype not in ("int32", "int64") or tensor.data is None:
            self.fail(f"tensor {tensor.describe()} must be a constant int32")
        return tuple(int(value) for value in tensor.data.ravel())

    def bias(self, position: int, channels: int) -> None:
        """Check the optional int32 bias at input `position`."""
        if self.has_input(position):
            tensor = self.input(position)
            if tensor.dtype != "int32" or tensor.data is None or tensor.elements != channels:
                self.fail(f"tensor {tensor.describe()} must be {channels} constant int32 biases")

    def bounds(self, value: int) -> Bounds:
        """Return what the fused activation `value` lets through of the int8 output."""
        if value not in _ACTIVATIONS:
            self.fail(f"its fused activation {value} is not supported", hint=f"supported: {', '.join(_ACTIVATIONS.values())}")
        if self.output().scale < _LEAST_SCALE:
            self.fail(f"tensor {self.output().describe()} has the scale {self.output().scale}, too small")
        bounds = activation_range(_ACTIVATIONS[value], scale=self.output().scale, zero_point=self.output().zero_point)
        if bounds[0] > bounds[1]:
            self.fail("its activation leaves no value of the output")
        return bounds

    def axis(self, value: int, *, rank: int) -> int:
        """Return an axis of a tensor with `rank` dimensions, counted from the front."""
        if not -rank <= value < rank:
            self.fail(f"its axis {value} is outside the {rank} dimensions")
        return value % rank

    def padding(self, value: int) -> str:
        """Return "SAME" or "VALID"."""
        if value not in _PADDINGS:
            self.fail(f"its padding {value} does not exist")
        return _PADDINGS[value]

    def window(self, options: Any, image: Tensor, *, kernel: tuple[int, ...], dilations: tuple[int, int] = (1, 1)) -> Window:
        """Return the sliding window over `image`; strides and padding are those of `options`, `kernel` is (height, width)."""
        padding = self.padding(options.Padding())
        strides = (options.StrideH(), options.StrideW())
        height, width = (
            extent(
                padding,
                inputs=image.shape[1 + axis],
                size=self.positive("kernel", kernel[axis]),
                stride=self.positive("stride", strides[axis]),
                dilation=self.positive("dilation", dilations[axis]),
            )
            for axis in (0, 1)
        )
        return Window(height=height, width=width)

    def positive(self, name: str, value: int) -> int:
        """Return an option that must lie within 1 to 4096."""
        if not 1 <= value <= 4096:
            self.fail(f"its {name} is {value}; 1 to 4096 is supported")
        return int(np.int32(value))
