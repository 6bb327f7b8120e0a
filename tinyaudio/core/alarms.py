"""How often a device speaks, rightly and without cause: detections on the test split, false alarms an hour of background."""

from __future__ import annotations

from dataclasses import dataclass

from tinyaudio.core.metrics import poisson_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelDecisions:
    """What becomes of one label under some thresholds."""

    label: str
    threshold: int  # of the mean int8 score; 128: never
    clips: int  # of the test split that have it
    found: int  # of these, in which it is detected at least once
    mistaken: int  # detections in clips that lack it
    false_alarms: int  # detections in the background


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFigures:
    """What a device with some thresholds makes of the test split, and of background in which none of its labels is heard."""

    rule: str  # "one threshold": the best label, where it reaches it, as the firmware decides; "a threshold each"
    smoothing_patches: int
    labels: tuple[LabelDecisions, ...]
    background_hours: float  # 0: none was measured

    @property
    def false_alarms(self) -> int:
        """Detections in the background, of all labels."""
        return sum(item.false_alarms for item in self.labels)

    def per_hour(self, false_alarms: int) -> tuple[float, float, float]:
        """Return (rate, lower, upper): so many false alarms as a rate an hour, with its exact 95 % interval.

        Only where background was measured.
        """
        lower, upper = poisson_interval(false_alarms, exposure=self.background_hours)
        return false_alarms / self.background_hours, lower, upper
