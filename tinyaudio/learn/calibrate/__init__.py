"""How patch scores become decisions on the device, as integers, and how often those would be wrong.

The public face: `calibrate` takes the threshold as given, `calibrate_for_precision` and `calibrate_for_alarms` choose
thresholds, `background_outputs` says what the model makes of hours without events, `decision_figures` what follows from it.
"""

from tinyaudio.learn.calibrate.alarms import FEWEST_SCENES, alarm_counts, calibrate_for_alarms, decision_figures, stricter
from tinyaudio.learn.calibrate.background import BACKGROUND_PURPOSES, SECONDS_AN_HOUR, BackgroundPurpose, background_outputs, recorded_outputs
from tinyaudio.learn.calibrate.thresholds import calibrate, calibrate_for_precision, lowest_threshold, smoothed_means, with_own_thresholds

__all__ = [
    "BACKGROUND_PURPOSES",
    "FEWEST_SCENES",
    "SECONDS_AN_HOUR",
    "BackgroundPurpose",
    "alarm_counts",
    "background_outputs",
    "calibrate",
    "calibrate_for_alarms",
    "calibrate_for_precision",
    "decision_figures",
    "lowest_threshold",
    "recorded_outputs",
    "smoothed_means",
    "stricter",
    "with_own_thresholds",
]
