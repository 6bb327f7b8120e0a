"""The operators of TFLite Micro's `MicroMutableOpResolver`, and the methods that add them."""

from __future__ import annotations

import re

from tinyaudio.core.errors import ModelError
from tinyaudio.deploy.compiler.graph import operation_place
from tinyaudio.deploy.tflm.outline import OperatorUse

_NAMES = """
ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_ARGS
BROADCAST_TO CALL_ONCE CAST CEIL CONCATENATION CONV_2D COS CUMSUM DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV
DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER
GATHER_ND GREATER GREATER_EQUAL HARD_SWISH IF L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND
LOGICAL_NOT LOGICAL_OR LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL PACK PAD
PADV2 PRELU QUANTIZE READ_VARIABLE REDUCE_ALL REDUCE_MAX REDUCE_MIN RELU RELU6 RESHAPE RESIZE_BILINEAR
RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT SELECT_V2 SHAPE SIN SLICE SOFTMAX SPACE_TO_BATCH_ND SPACE_TO_DEPTH
SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM SVDF TANH TRANSPOSE TRANSPOSE_CONV
UNIDIRECTIONAL_SEQUENCE_LSTM UNPACK VAR_HANDLE WHILE ZEROS_LIKE
"""
#: TensorFlow Lite's names of the builtin operators that the pinned TFLite Micro has; a test compares them with its header.
OPERATORS = frozenset(_NAMES.split())

#: Methods whose name does not follow from the operator's.
_IRREGULAR_METHODS = {
    "BATCH_MATMUL": "AddBatchMatMul",
    "CUMSUM": "AddCumSum",
    "PADV2": "AddPadV2",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "AddUnidirectionalSequenceLSTM",
}


def add_method(operator: str) -> str:
    """Return the resolver's method for a builtin operator: "CONV_2D" -> "AddConv2D"."""
    words = "".join(word.capitalize() for word in operator.split("_"))
    return _IRREGULAR_METHODS.get(operator, "Add" + re.sub(r"(\d)d$", r"\1D", words))


def refuse_missing(uses: tuple[OperatorUse, ...]) -> None:
    """Raise if the resolver lacks an operator.

    Raises
    ------
    ModelError
        Naming the first such operator with its place in the model, and all kinds that are missing.
    """
    missing = [use for use in uses if use.kind not in OPERATORS]
    if missing:
        first = missing[0]
        kinds = ", ".join(sorted({use.kind for use in missing}))
        raise ModelError(
            f"TFLite Micro has no operator {kinds}",
            hint="change the architecture; the operators it has are those of micro_mutable_op_resolver.h",
            where=operation_place(first.index, first.kind, first.name),
        )
