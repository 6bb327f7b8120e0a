"""What to do about an operator that is not supported."""

from __future__ import annotations

from collections.abc import Collection

_LOOP = "loops are not supported; export recurrent layers with unroll=True, and the model with a fixed batch size of 1"
_FREE_BATCH = "models with a free batch size carry it along; export the model with a fixed batch size of 1"
_REAL_NUMBERS = "TensorFlow Lite Micro computes it in real numbers only; leave it out of the model, or make it of supported operators"
_RECURRENT = "of recurrent layers, plain LSTMs in one direction are supported (UNIDIRECTIONAL_SEQUENCE_LSTM), and those exported with unroll=True"
_DILATION = (
    "it is supported as part of one dilated convolution without padding of its own; export the model with a fixed batch size of 1, "
    "and pad in front of the convolution"
)
_DECISION = "end the model at its scores, a value for each label: the application decides"
_FRONT_END = "spectra are the front end's work; export the model from its features on, and name the front end with --preset"
_ATTENTION = "attention is not supported; use convolutions or dense layers with constant weights"
_CUSTOM = "custom operators are not supported; export the model from TensorFlow's own layers, without postprocessing"

#: (what to do, about which operators)
HINTS = (
    (_FREE_BATCH, ("BROADCAST_TO", "FILL", "REDUCE_PROD")),
    (f"{_FREE_BATCH}; constant positions are taken by SLICE or STRIDED_SLICE", ("GATHER",)),
    (_REAL_NUMBERS, ("COS", "EXP", "GELU", "LOG", "NEG", "SIN", "SQRT", "SQUARE")),  # int8 values are converted for them
    (_LOOP, ("IF", "WHILE")),
    (_RECURRENT, ("BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN", "LSTM", "RNN", "UNIDIRECTIONAL_SEQUENCE_RNN")),
    (_DILATION, ("BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND")),
    (_DECISION, ("ARG_MAX", "ARG_MIN", "TOPK_V2")),
    (_FRONT_END, ("RFFT2D",)),
    (_ATTENTION, ("BATCH_MATMUL",)),
    ("pad with PAD, whose values are constant", ("MIRROR_PAD",)),
    ("end the model with SOFTMAX, or without: the largest value is the same", ("LOG_SOFTMAX",)),
    ("use CONV_2D", ("CONV_3D",)),
    ("multiply by the reciprocal, if the divisor is constant", ("DIV",)),
)


def unsupported_hint(kind: str, *, supported: Collection[str]) -> str:
    """Return what to do about an operator of this `kind`; where nothing better is known, which ones are `supported`."""
    if kind.startswith("CUSTOM "):
        return _CUSTOM
    known = (hint for hint, kinds in HINTS if kind in kinds)
    return next(known, f"make it of supported operators: {', '.join(sorted(supported))}")
