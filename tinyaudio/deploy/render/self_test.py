"""The golden vectors of a self-test image: each operator that the runtime runs, with what it reads and must write."""

from __future__ import annotations

from typing import Any

from tinyaudio.core.artifacts import GoldenTensors, Runtime
from tinyaudio.core.errors import ModelError
from tinyaudio.core.templating import render_template
from tinyaudio.deploy.compiler import CompiledStep
from tinyaudio.deploy.tflm import OperatorUse

_MOST_NAME_CHARACTERS = 48  # wire/protocol.toml: SelfTestOperator.operator_name


def self_test_files(golden: GoldenTensors, operators: list[dict[str, Any]], runtime: Runtime) -> dict[str, str]:
    """Return the generated sources, by path in the project.

    Parameters
    ----------
    golden
        What the oracle computed.
    operators
        From `step_operators` or `use_operators`.
    runtime
        Whose operators they are.
    """
    used = sorted({place["tensor"] for operator in operators for place in (*operator["inputs"], operator["output"])} | {golden.tensors[0]})
    used.sort(key=golden.tensors.index)  # the model's input first
    positions = {tensor: position for position, tensor in enumerate(used)}
    for operator in operators:
        for place in (*operator["inputs"], operator["output"]):
            place["position"] = positions[place["tensor"]]
    tensors = [
        {"index": tensor, "elements": golden.of_tensor(tensor).shape[1], "vectors": [row.tolist() for row in golden.of_tensor(tensor)]}
        for tensor in used
    ]
    context = {
        "runtime": runtime,
        "oracle": golden.oracle,
        "inputs": golden.inputs,
        "tensors": tensors,
        "operators": operators,
        "bytes": sum(tensor["elements"] for tensor in tensors) * len(golden.inputs),
    }
    return {f"src/generated/{name}": render_template(f"self_test/{name}.j2", context) for name in ("self_test_vectors.h", "self_test_vectors.cc")}


def step_operators(golden: GoldenTensors, steps: tuple[CompiledStep, ...]) -> list[dict[str, Any]]:
    """Return the operators of the runtime `aot`, each with its memory in the arena."""
    operators = []
    for step in steps:
        places = [
            {"tensor": placed.tensor, "offset_bytes": placed.offset_bytes, "elements": placed.elements} for placed in (*step.inputs, step.output)
        ]
        for place in places:
            _check_size(golden, place["tensor"], place["elements"])
        operators.append({"index": step.index, "name": step.name[:_MOST_NAME_CHARACTERS], "inputs": places[:-1], "output": places[-1]})
    return operators


def use_operators(golden: GoldenTensors, uses: tuple[OperatorUse, ...]) -> list[dict[str, Any]]:
    """Return the operators of the runtime `tflm` whose output is an int8 activation, in order of execution."""
    return [
        {
            "index": use.index,
            "name": f"{use.kind} {use.name.split(';')[-1]}"[:_MOST_NAME_CHARACTERS],
            "inputs": [],
            "output": {"tensor": use.outputs[0]},
        }
        for use in uses
        if use.outputs and use.outputs[0] in golden.tensors
    ]


def _check_size(golden: GoldenTensors, tensor: int, elements: int) -> None:
    if tensor not in golden.tensors or golden.of_tensor(tensor).shape[1] != elements:
        raise ModelError(
            f"there are no golden values of {elements} elements for tensor {tensor}",
            hint="the golden vectors are of another model",
            where="self-test",
        )
