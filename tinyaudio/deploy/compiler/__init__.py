"""The model compiler: any full-integer INT8 ``.tflite`` of the supported operators in, plain readable C++ out (the ``aot`` runtime).

`reader` parses and checks, `passes` simplify, each operator of `ops` lowers itself to a kernel call of
firmware/lib/tinyaudio_nn, `memory` lays out the arena, `emit` writes the text. Bit-exact with TFLite Micro's reference kernels.
"""

from __future__ import annotations

from tinyaudio.deploy.compiler.compile import VENDORS, CompiledModel, CompiledStep, OperationSummary, PlacedTensor, TensorSummary, compile_model
from tinyaudio.deploy.compiler.graph import Graph, Operation, Quantization, Tensor
from tinyaudio.deploy.compiler.memory import MemoryPlan
from tinyaudio.deploy.compiler.passes.widen_weights import Optimize
from tinyaudio.deploy.compiler.reader import read_graph
from tinyaudio.deploy.compiler.vendor import VendorName
from tinyaudio.deploy.compiler.work import KernelWork

__all__ = [
    "compile_model",
    "read_graph",
    "CompiledModel",
    "CompiledStep",
    "PlacedTensor",
    "KernelWork",
    "OperationSummary",
    "TensorSummary",
    "Graph",
    "Tensor",
    "Quantization",
    "Operation",
    "MemoryPlan",
    "Optimize",
    "VENDORS",
    "VendorName",
]
