"""Where a version of TFLite Micro is known to compute otherwise than the PyPI interpreter: told where it shows, not refused.

Unlike `defects` these are no faults: the values are as good, but not the same, so that a comparison to the bit fails.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A piece of TFLite Micro that rounds otherwise."""

    file: str  # of TFLite Micro
    pattern: re.Pattern[str]  # what that file says where it is so
    operators: frozenset[str]
    reason: str


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        file="tensorflow/lite/kernels/kernel_util.cc",
        pattern=re.compile(r"static_cast<double>\(\s*input->params\.scale\s*\*\s*filter->params\.scale\s*\)"),
        operators=frozenset({"FULLY_CONNECTED"}),
        reason=(
            "FULLY_CONNECTED with one scale for all weights: this TFLite Micro multiplies the scales of input and weights as 32-bit floats "
            "(GetQuantizedConvolutionMultipler), the PyPI interpreter computes as with doubles; so the multiplier differs behind its 24th bit, and a "
            "sum close to the middle between two values is rounded to the other one: a step of 1, with any kernels"
        ),
    ),
)


def known_differences(root: Path | None, operators: Collection[str]) -> tuple[str, ...]:
    """Return why a model with `operators` may differ from the PyPI interpreter, one sentence each.

    Parameters
    ----------
    root
        A tree of TFLite Micro's sources; None: the pinned packages, which have all of `DIFFERENCES`.
    operators
        TensorFlow Lite's names.
    """
    return tuple(difference.reason for difference in DIFFERENCES if difference.operators & set(operators) and _is_in(root, difference))


def _is_in(root: Path | None, difference: Difference) -> bool:
    if root is None:
        return True
    path = root / difference.file
    return path.is_file() and bool(difference.pattern.search(path.read_text(encoding="utf-8", errors="replace")))
