"""MEAN over height and width."""

from __future__ import annotations

from dataclasses import dataclass

import tflite

from tinyaudio.deploy.compiler.arithmetic import mean_multiplier
from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation
from tinyaudio.deploy.compiler.view import OperatorView


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean(Operation):
    """The mean of each channel over all positions."""

    def lower(self, graph: Graph) -> Kernel:
        """Return `mean`."""
        image, output = graph.tensor(self.inputs[0]), graph.tensor(self.outputs[0])
        pixels = image.shape[1] * image.shape[2]
        fixed = mean_multiplier(image.scale / output.scale, count=pixels)
        return Kernel(
            function="mean",
            header="pooling.h",
            shape=(
                ("Pixels", pixels),
                ("InputChannels", image.shape[3]),
                ("SumOffset", -pixels * image.zero_point),
                ("Multiplier", fixed.multiplier),
                ("RightShift", fixed.right_shift),
                ("OutputZeroPoint", output.zero_point),
            ),
        )


def read(view: OperatorView) -> Mean:
    """Read and check a MEAN."""
    view.expect_arity(inputs=(2,))
    image = view.image(view.input(0))
    axes = sorted(axis % 4 for axis in view.int32_constant(1))
    if axes != [1, 2]:
        view.fail(f"it averages over the axes {axes}; [1, 2] (height, width) is supported")
    options = view.options(tflite.ReducerOptions, tflite.BuiltinOptions.ReducerOptions)
    view.expect_output_shape((1, 1, 1, image.shape[3]) if options.KeepDims() else (1, image.shape[3]))
    try:
        mean_multiplier(image.scale / view.output().scale, count=image.shape[1] * image.shape[2])
    except ValueError as error:
        view.fail(str(error))
    return Mean(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs)
