"""Which labels were detected in whole clips, by the thresholds, and how right that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tinyaudio.core.artifacts import BoolArray
from tinyaudio.core.metrics import ClassMetrics, label_confusion, label_metrics, macro_f1


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipDecisions:
    """The labels that were detected behind at least one patch of each clip."""

    predictor: Literal["float", "int8", "device"]
    labels: tuple[str, ...]
    filenames: tuple[str, ...]
    truth: BoolArray  # [clips, labels]
    detected: BoolArray  # [clips, labels]

    @property
    def accuracy(self) -> float:
        """Share of the clips in which all labels they have were detected, and no other."""
        return float((self.truth == self.detected).all(axis=1).mean())

    @property
    def metrics(self) -> tuple[ClassMetrics, ...]:
        """Precision, recall and F1 of each label."""
        return label_metrics(label_confusion(self.truth, self.detected), labels=self.labels)

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the labels that occur."""
        return macro_f1(self.metrics)

    @property
    def precision(self) -> float:
        """Share of all detections that are right; 0 without any."""
        return float((self.truth & self.detected).sum() / max(int(self.detected.sum()), 1))

    @property
    def recall(self) -> float:
        """Share of all labels of all clips that were detected; 0 where no clip has any."""
        return float((self.truth & self.detected).sum() / max(int(self.truth.sum()), 1))

    def names(self, has: BoolArray) -> tuple[str, ...]:
        """Return the labels of one clip, bool[labels], by name."""
        return tuple(self.labels[index] for index in np.flatnonzero(has))
