"""The application's own settings: keys, and values as they are stored."""

from __future__ import annotations

import struct

from tinyaudio.core.errors import InputError

#: Detection threshold of recordings, a mean int8 score; streamed clips go by the one compiled in.
DETECTION_THRESHOLD_KEY = 1
#: Keys from here on are free for any use.
FIRST_FREE_KEY = 256

_THRESHOLD = struct.Struct("<h")
_LEAST_THRESHOLD, _GREATEST_THRESHOLD = -128, 128  # the greatest is never reached


def encode_threshold(threshold: int) -> bytes:
    """Return the value of `DETECTION_THRESHOLD_KEY` for a mean int8 score, -128 to 128 (never reached).

    Raises
    ------
    InputError
        If it is out of range.
    """
    if not _LEAST_THRESHOLD <= threshold <= _GREATEST_THRESHOLD:
        raise InputError(
            f"the threshold is {threshold}; {_LEAST_THRESHOLD} to {_GREATEST_THRESHOLD} are possible",
            hint="it is compared with a mean of int8 scores",
            where="detection_threshold",
        )
    return _THRESHOLD.pack(threshold)


def decode_threshold(value: bytes) -> int:
    """Return the mean int8 score that a stored value of `DETECTION_THRESHOLD_KEY` stands for."""
    return int(_THRESHOLD.unpack(value)[0])
