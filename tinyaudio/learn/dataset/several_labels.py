"""What can be wrong with a manifest because its clips have several labels, or look as if they had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from tinyaudio.core.artifacts import Split
from tinyaudio.learn.dataset.manifest import Problem, Row

#: What is put between several labels in the manifests of this world.
_USUAL_SEPARATORS = ("|", ";", ",", "+", "/")


def several_label_problems(used: Sequence[tuple[Row, Split]], separator: str) -> Iterator[Problem]:
    """Yield what a classifier of several labels a clip could not learn or be tested on; without a `separator`, labels that look as if they had one.

    Parameters
    ----------
    used
        The rows that are in a split.
    separator
        ``data.label_separator``.
    """
    if not separator:
        yield from _forgotten_separators({row.label for row, _ in used})
        return
    having = {label: {row.number for row, _ in used if label in row.labels} for label in sorted({label for row, _ in used for label in row.labels})}
    for split in dict.fromkeys(split for _, split in used):
        rows = {row.number for row, other in used if other == split}
        for label, numbers in having.items():
            if rows <= numbers:
                message = f"every clip of the split {split!r} has the label {label!r}: nothing tells what lacks it; add clips without it"
                yield _problem("warning" if split == "validation" else "error", "label_always_occurs", message)
    for first, second in combinations(having, 2):
        if having[first] == having[second]:
            message = (
                f"the labels {first!r} and {second!r} always occur together: nothing tells them apart; add clips with one of them, or make them one"
            )
            yield _problem("warning", "labels_always_together", message)


def _forgotten_separators(labels: set[str]) -> Iterator[Problem]:
    for separator in _USUAL_SEPARATORS:
        telling = [label for label in sorted(labels) if separator in label and any(part.strip() in labels for part in label.split(separator))]
        if telling:
            message = f"{telling[0]!r} looks like several labels; data.label_separator = {separator!r} makes them so"
            yield _problem("warning", "several_labels", message)


def _problem(severity: str, kind: str, message: str) -> Problem:
    return Problem(severity=severity, row=None, file="", kind=kind, message=message)  # type: ignore[arg-type]
