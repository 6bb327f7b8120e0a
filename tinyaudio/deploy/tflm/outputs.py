"""Other outputs of a model than its file names: the tensor in front of a final softmax, so that the interpreter keeps it to the end.

TFLite Micro's memory planner gives the softmax's input away as soon as the softmax has run, and a kernel may write its
output over it. An output of the model it keeps, and the graph that computes it stays the same: so do the bits.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tinyaudio.core.tflite_metadata import guarded, open_model

_OUTPUTS_SLOT = 8  # of table SubGraph: 4 bytes of the vtable's own, then tensors, inputs, outputs
_ALIGNMENT_BYTES = 16


def with_outputs(tflite_bytes: bytes, tensors: Sequence[int]) -> bytes:
    """Return the ``.tflite`` with `tensors` as its outputs. Every operator stays, also one whose result is no output any more.

    A FlatBuffer refers forwards only, so the new list of outputs goes behind the file, and the one reference to the old list
    is changed. Every other byte stays what and where it is.

    Raises
    ------
    ModelError
        If the bytes are not a readable ``.tflite`` file.
    """
    return guarded(lambda: _with_outputs(tflite_bytes, tensors))


def _with_outputs(tflite_bytes: bytes, tensors: Sequence[int]) -> bytes:
    graph = open_model(tflite_bytes).Subgraphs(0)
    reference = graph._tab.Pos + graph._tab.Offset(_OUTPUTS_SLOT)
    data = bytearray(tflite_bytes + bytes(-len(tflite_bytes) % _ALIGNMENT_BYTES))
    struct.pack_into("<I", data, reference, len(data) - reference)
    data += struct.pack(f"<I{len(tensors)}i", len(tensors), *tensors)
    return bytes(data)
