"""How often a device speaks, rightly and without cause: detections on the test split, false alarms an hour of background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyaudio.core.metrics import bootstrap_interval, poisson_interval


def hours_to_show(per_hour: float) -> float:
    """Return how many hours without a single alarm show that there are no more than `per_hour`, above 0, with 95 % confidence: 3.7 for one.

    The upper end of Poisson's interval of no alarm (F. Garwood, 1936), as `DecisionFigures.per_hour` has it.
    """
    return poisson_interval(0, exposure=1.0)[1] / per_hour


def too_short_to_show(per_hour: float, hours: float) -> str | None:
    """Return a sentence where so many hours of background cannot show that there are no more than `per_hour` alarms; None where they can."""
    needed, most = hours_to_show(per_hour), poisson_interval(0, exposure=hours)[1]
    if hours >= needed:
        return None
    return (
        f"{hours:.2g} h of background cannot show {per_hour:g} false alarms an hour: without a single one there may still be "
        f"{most:.2g} an hour (95 %); {needed:.2g} h can"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelDecisions:
    """What becomes of one label under some thresholds."""

    label: str
    threshold: int  # of the mean int8 score; 128: never
    clips: int  # of the test split that have it
    found: int  # of these, in which it is detected at least once
    mistaken: int  # detections in clips that lack it
    alarms_by_scene: tuple[int, ...] = ()  # detections in each scene of the background

    @property
    def false_alarms(self) -> int:
        """Detections in the background."""
        return sum(self.alarms_by_scene)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFigures:
    """What a device with some thresholds makes of the test split, and of background in which none of its labels is heard."""

    rule: str  # "one threshold" for all labels, or "a threshold each", by which the device decides where there is one each
    smoothing_patches: int
    labels: tuple[LabelDecisions, ...]
    background_hours: float  # 0: none was measured

    @property
    def alarms_by_scene(self) -> tuple[int, ...]:
        """Detections in each scene of the background, of all labels."""
        return tuple(sum(counts) for counts in zip(*(item.alarms_by_scene for item in self.labels), strict=True))

    def per_hour(self, alarms_by_scene: Sequence[int]) -> tuple[float, float, float]:
        """Return (rate, lower, upper): so many false alarms as a rate an hour, with its 95 % interval.

        Only where background was measured. Alarms come in flocks, where one scene sounds like something: the interval is the
        wider one of Poisson's, which knows of no flocks, and a bootstrap over scenes, which knows nothing of what was never heard.
        """
        counts = np.array(alarms_by_scene, np.float64)
        lower, upper = poisson_interval(int(counts.sum()), exposure=self.background_hours)
        drawn = bootstrap_interval(lambda chosen: float(counts[chosen].sum()) / self.background_hours, [str(scene) for scene in range(counts.size)])
        return float(counts.sum()) / self.background_hours, min(lower, drawn[0]), max(upper, drawn[1])
