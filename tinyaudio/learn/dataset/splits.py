"""Leak-proof splits: whole groups, drawn by seed, classes in proportion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from tinyaudio.core.artifacts import Split
from tinyaudio.core.project import SplitTable
from tinyaudio.learn.dataset.manifest import Row


def assign_splits(rows: Sequence[Row], table: SplitTable) -> tuple[Split | None, ...]:
    """Return the split of every row; None for a row whose split value is in no list of `table`.

    With a split column its values decide. Without one, test groups are drawn from all groups, or are one of
    ``data.split.folds`` folds. Where nothing is marked for
    validation, validation groups are drawn from the training groups. A group is drawn whole or not at all, and the last
    group of a class always stays where it is.
    """
    if all(row.split_value is None for row in rows):
        splits: list[Split | None] = ["train"] * len(rows)
        if table.folds:
            folds = stratified_group_folds(rows, folds=table.folds, seed=table.seed)
            splits = ["test" if fold == table.test_fold else "train" for fold in folds]
        else:
            _draw(rows, splits, target="test", fraction=table.test_fraction, seed=table.seed)
    else:
        meaning: dict[str, Split] = {value: name for name, values in _values(table).items() for value in values}
        splits = [meaning.get(row.split_value or "") for row in rows]
    if "validation" not in splits:
        _draw(rows, splits, target="validation", fraction=table.validation_fraction, seed=table.seed)
    return tuple(splits)


def stratified_group_folds(rows: Sequence[Row], *, folds: int, seed: int) -> tuple[int, ...]:
    """Return the fold of every row, 1 to `folds`: whole groups, each class spread as evenly as the groups allow.

    Groups, shuffled and then the largest first, go where the squared counts of the classes they hold, over the class's count,
    grow least; among equals where the fewest clips are. A clip of several labels counts for each, one of none for none by name.
    """
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        counts.setdefault(row.group, Counter()).update(_strata(row))
    total = sum(counts.values(), Counter[str]())
    names = sorted(counts)
    shuffled = [names[index] for index in np.random.default_rng([seed, folds]).permutation(len(names))]
    held = [Counter[str]() for _ in range(folds)]
    fold_of: dict[str, int] = {}
    for name in sorted(shuffled, key=lambda item: -counts[item].total()):
        group = counts[name]
        # A rare label weighs as much as a frequent one: else the frequent ones of a group would decide where its rare one goes.
        growth = [
            (sum(((fold[label] + count) ** 2 - fold[label] ** 2) / total[label] for label, count in group.items()), fold.total()) for fold in held
        ]
        chosen = growth.index(min(growth))
        held[chosen].update(group)
        fold_of[name] = chosen + 1
    return tuple(fold_of[row.group] for row in rows)


def test_splits(rows: Sequence[Row], table: SplitTable) -> tuple[Split | None, ...]:
    """Return the split of every row for a finished model: without a split column all rows are for testing, and nothing is drawn."""
    meaning: dict[str, Split] = {value: name for name, values in _values(table).items() for value in values}
    is_split = any(row.split_value is not None for row in rows)
    return tuple(meaning.get(row.split_value or "") if is_split else "test" for row in rows)


def _strata(row: Row) -> tuple[str, ...]:
    """Return what a clip counts for: each of its labels, or that it has none."""
    return row.labels or ("",)


def _values(table: SplitTable) -> dict[Split, tuple[str, ...]]:
    return {"train": table.train, "validation": table.validation, "test": table.test}


def _draw(rows: Sequence[Row], splits: list[Split | None], *, target: Split, fraction: float, seed: int) -> None:
    """Move whole groups from train to `target`, in place.

    Greedy over the shuffled groups: a group is moved if that brings the classes it holds nearer to `fraction` in sum.
    """
    counts: dict[str, Counter[str]] = {}
    for row, split in zip(rows, splits, strict=True):
        if split == "train":
            counts.setdefault(row.group, Counter()).update(_strata(row))
    remaining = Counter(label for group in counts.values() for label in group)  # groups left in train, by label
    clips = sum(counts.values(), Counter[str]())
    deficit = {label: fraction * count for label, count in clips.items()}
    names = sorted(counts)
    taken: set[str] = set()
    stream = np.random.default_rng([seed, ("train", "validation", "test").index(target)])
    for name in (names[index] for index in stream.permutation(len(names))):
        group = counts[name]
        gain = sum(abs(deficit[label]) - abs(deficit[label] - count) for label, count in group.items())
        if gain > 0 and all(remaining[label] > 1 for label in group):
            taken.add(name)
            for label, count in group.items():
                deficit[label] -= count
                remaining[label] -= 1
    for index, row in enumerate(rows):
        if row.group in taken and splits[index] == "train":
            splits[index] = target
