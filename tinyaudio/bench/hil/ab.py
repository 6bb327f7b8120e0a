"""Two firmwares of one model, clip by clip: every output and every decision of the one against those of the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyaudio.bench.device import ClipRun
from tinyaudio.bench.hil.decisions import device_decisions
from tinyaudio.core.errors import StageError
from tinyaudio.core.kernel_checks import KernelComparison, KernelDifference, KernelSide
from tinyaudio.core.spec import FrontendSpec


def compare_kernels(
    filenames: Sequence[str],
    optimized: tuple[KernelSide, Sequence[ClipRun]],
    reference: tuple[KernelSide, Sequence[ClipRun]],
    *,
    spec: FrontendSpec,
) -> KernelComparison:
    """Hold what two firmwares said of the same clips against each other.

    Parameters
    ----------
    filenames
        Of the clips, in the order in which both were given them.
    optimized, reference
        The firmware, and what it said of each clip. Of a patch's features the CRC is compared, as one element; logits,
        outputs, moving sums, decisions and the clip's sums element by element.
    spec
        Both firmwares' front end.

    Raises
    ------
    StageError
        If they were not given the same clips.
    """
    if not len(filenames) == len(optimized[1]) == len(reference[1]):
        raise StageError(
            f"one firmware was given {len(optimized[1])} clips, the other {len(reference[1])}, of {len(filenames)}",
            hint="run `tinyaudio hil --ab` again",
            where="hil --ab",
        )
    elements, differences = 0, []
    for filename, one, other in zip(filenames, optimized[1], reference[1], strict=True):
        others = dict(_said(other, spec))
        for stage, values in _said(one, spec):
            elements += values.size
            differences += _differences(filename, stage, values, others[stage])
    return KernelComparison(optimized=optimized[0], reference=reference[0], clips=len(filenames), elements=elements, differences=tuple(differences))


def _said(run: ClipRun, spec: FrontendSpec) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield (stage, [patches, elements]) in the order of the line."""
    yield "features", np.array([[patch.features_crc32] for patch in run.patches], np.int64)
    yield "logits", np.array([patch.logits for patch in run.patches], np.int64)
    yield "outputs", np.array([patch.scores for patch in run.patches], np.int64)
    yield from device_decisions(run, spec).items()


def _differences(filename: str, stage: str, optimized: NDArray[Any], reference: NDArray[Any]) -> list[KernelDifference]:
    places = np.argwhere(optimized != reference)
    if not len(places):
        return []
    patch, element = (int(index) for index in places[0])
    return [
        KernelDifference(
            filename=filename,
            stage=stage,
            patch_index=patch,
            element_index=element,
            optimized=int(optimized[patch, element]),
            reference=int(reference[patch, element]),
            elements=len(places),
        )
    ]
