"""Versions of components that are known to compute wrongly: refused, each with its reason and where it is written down.

This is no list of everything that is wrong out there. It has what changes a model's results silently, where no error and no
log would tell; the self-test on the device is for all the rest.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from tinyaudio.core.errors import BuildError


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """A component that computes an operator wrongly up to a version."""

    component: str  # as the component manager or the file itself names it
    fixed_in: str  # the first version without it
    operators: frozenset[str]  # only models with one of these are refused
    reason: str
    link: str


#: A file with a version of its own, as V.2.0.0: CMSIS-NN as a whole stayed 19.1.0 when it was mended.
TRANSPOSE_CONV_COMPONENT = "CMSIS-NN arm_transpose_conv_s8"

DEFECTS: tuple[Defect, ...] = (
    Defect(
        component=TRANSPOSE_CONV_COMPONENT,
        fixed_in="2.0.1",
        operators=frozenset({"TRANSPOSE_CONV"}),
        reason="transposed convolutions whose top padding is no multiple of the stride shift rows and leave one unwritten",
        link="https://github.com/ARM-software/CMSIS-NN/issues/230",
    ),
    Defect(
        component="espressif/esp-nn",
        fixed_in="1.2.6",
        operators=frozenset({"FULLY_CONNECTED"}),
        reason="fully connected layers saturate where the input is not 16-byte aligned",
        link="https://github.com/espressif/esp-nn/issues/34",
    ),
    Defect(
        component="espressif/esp-nn",
        fixed_in="1.2.6",
        operators=frozenset({"CONV_2D"}),
        reason="3x3 convolutions of stride 2 with asymmetric SAME padding have a wrong last row",
        link="https://github.com/espressif/esp-nn/issues/31",
    ),
    Defect(
        component="espressif/esp-nn",
        fixed_in="1.4.0",  # merged behind 1.2.6; which release has it first is not told
        operators=frozenset({"DEPTHWISE_CONV_2D"}),
        reason="depthwise convolutions with asymmetric padding write behind their scratch buffer",
        link="https://github.com/espressif/esp-nn/issues/30",
    ),
)


def known_defects(component: str, version: str, operators: Collection[str]) -> tuple[Defect, ...]:
    """Return the defects of a version, "1.1.1", that a model with `operators` meets.

    A version that does not read as numbers has none that are known.
    """
    return tuple(
        defect
        for defect in DEFECTS
        if defect.component == component and defect.operators & set(operators) and _numbers(version) and _numbers(version) < _numbers(defect.fixed_in)
    )


def refuse_known_defects(component: str, version: str, operators: Collection[str]) -> None:
    """Raise if a version of a component computes one of `operators` wrongly.

    Raises
    ------
    BuildError
        With the reasons and links.
    """
    found = known_defects(component, version, operators)
    if found:
        newest = max((defect.fixed_in for defect in found), key=_numbers)
        reasons = "; ".join(f"{defect.reason} ({defect.link})" for defect in found)
        raise BuildError(f"{component} {version} computes wrongly: {reasons}", hint=f"use {newest} or later", where=component)


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"[vV]?\.?(\d+(?:\.\d+)*)(?:[~-].*)?$", version)
    return tuple(int(part) for part in re.sub(r"(\.0+)+$", "", found[1]).split(".")) if found else ()  # 1.4 is 1.4.0
