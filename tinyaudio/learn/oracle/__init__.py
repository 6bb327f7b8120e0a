"""What the INT8 model must compute, to the last bit: the PyPI ``tflite-micro`` interpreter, proven before it is believed.

The public face: `Oracle`, `expected_outputs`; `golden_tensors` for the self-test on the device.
"""

from __future__ import annotations

from tinyaudio.learn.oracle.golden_tensors import candidate_inputs, golden_tensors
from tinyaudio.learn.oracle.interpreter import (
    GoldenVectors,
    IntegerModel,
    Oracle,
    ReferenceModel,
    expected_outputs,
    golden_vectors,
    oracle_version,
    prove_oracle,
)

__all__ = [
    "GoldenVectors",
    "IntegerModel",
    "Oracle",
    "ReferenceModel",
    "candidate_inputs",
    "expected_outputs",
    "golden_tensors",
    "golden_vectors",
    "oracle_version",
    "prove_oracle",
]
