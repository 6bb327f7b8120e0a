"""A rescaling in one multiplication, where it gives what the reference gives for every sum that can occur."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyaudio.deploy.compiler.arithmetic import INT8_MAX, INT8_MIN

_LIMIT = 2**31
_SUM_BITS = 16  # of a sum, with its sign

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class StraightLine:
    """``(sum * multiplier >> 16) + addend >> right_shift``, held within int8; nothing but the product leaves int32."""

    multiplier: int
    addend: int
    right_shift: int


def straight_line(outputs: Int64Array, *, smallest: int) -> StraightLine | None:
    """Return the line that gives `outputs` for the sums `smallest`, `smallest` + 1 and so on; None if no straight line does.

    The reference rounds twice, and ties away from zero: no straight line. But sums are integers, which leaves some room
    beside each step of the output. A slope serves for two steps if it is neither too steep nor too flat to pass both
    through their rooms; one that serves for every two of them passes through all.

    Parameters
    ----------
    outputs
        [sums]; int8 values that do not fall.
    smallest
        The first sum.
    """
    steps = np.arange(int(outputs[0]) + 1, int(outputs[-1]) + 1)
    if len(steps) < 2 or bool((np.diff(outputs) < 0).any()):
        return None
    first = smallest + np.searchsorted(outputs, steps)  # the smallest sum of each output
    rise = (steps[None] - steps[:, None])[np.triu_indices(len(steps), 1)]
    run = (first[None] - first[:, None])[np.triu_indices(len(steps), 1)]
    flattest = float((rise / (run + 1)).max())
    steepest = float((rise / np.maximum(run - 1, 1e-9)).min())
    if not flattest < steepest < np.inf:
        return None
    slope = (flattest + steepest) / 2
    right_shift = min(22, 30 - _SUM_BITS - int(np.ceil(np.log2(slope))))
    if right_shift < 0:
        return None
    multiplier = round(slope * 2.0 ** (right_shift + _SUM_BITS))
    least = int(((steps << right_shift) - (multiplier * first >> _SUM_BITS)).max())
    most = int(((steps << right_shift) - (multiplier * (first - 1) >> _SUM_BITS)).min()) - 1
    line = StraightLine(multiplier=multiplier, addend=(least + most) // 2, right_shift=right_shift)
    return line if _gives(line, outputs, smallest) else None


def _gives(line: StraightLine, outputs: Int64Array, smallest: int) -> bool:
    sums = np.arange(smallest, smallest + len(outputs))
    scaled = (line.multiplier * sums >> _SUM_BITS) + line.addend
    within = max(int(np.abs(scaled).max()), abs(line.addend), line.multiplier) < _LIMIT and int(np.abs(sums).max()) < 1 << (_SUM_BITS - 1)
    return within and bool((np.clip(scaled >> line.right_shift, INT8_MIN, INT8_MAX) == outputs).all())
