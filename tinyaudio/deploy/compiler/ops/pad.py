"""PAD."""

from __future__ import annotations

from dataclasses import dataclass

from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation
from tinyaudio.deploy.compiler.view import OperatorView
from tinyaudio.deploy.compiler.window import MAX_PADDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad(Operation):
    """Zeros (the zero point) in front of and behind each dimension."""

    amounts: tuple[tuple[int, int], ...]  # (in front, behind) for each dimension of the input

    def lower(self, graph: Graph) -> Kernel:
        """Return `pad`, over dimensions filled up to four."""
        values, output = graph.tensor(self.inputs[0]), graph.tensor(self.outputs[0])
        missing = 4 - len(values.shape)
        input_shape, output_shape = (1,) * missing + values.shape, (1,) * missing + output.shape
        before = (0,) * missing + tuple(amount for amount, _ in self.amounts)
        return Kernel(
            function="pad",
            header="pad.h",
            shape=(
                *zip(("InputBatch", "InputHeight", "InputWidth", "InputChannels"), input_shape, strict=True),
                *zip(("OutputHeight", "OutputWidth", "OutputChannels"), output_shape[1:], strict=True),
                *zip(("PaddingBatch", "PaddingTop", "PaddingLeft", "PaddingChannel"), before, strict=True),
                ("OutputElements", output.elements),
                ("ZeroPoint", output.zero_point),
            ),
        )


def read(view: OperatorView) -> Pad:
    """Read and check a PAD."""
    view.expect_arity(inputs=(2,))
    values = view.int8_activation(view.input(0))
    output = view.output()
    if (output.scale, output.zero_point) != (values.scale, values.zero_point):
        view.fail("its input and output are quantized differently")
    numbers = view.int32_constant(1)
    if not 1 <= len(values.shape) <= 4 or len(numbers) != 2 * len(values.shape):
        view.fail(f"it has {len(numbers)} paddings for the input {values.describe()}; up to 4 dimensions are supported")
    if any(not 0 <= number <= MAX_PADDING for number in numbers):
        view.fail(f"its paddings {list(numbers)} are outside 0 to {MAX_PADDING}")
    amounts = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    view.expect_output_shape(tuple(before + size + after for size, (before, after) in zip(values.shape, amounts, strict=True)))
    return Pad(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs, amounts=amounts)
