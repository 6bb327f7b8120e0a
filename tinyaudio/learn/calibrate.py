"""How patch scores become decisions on the device, as integers."""

from __future__ import annotations

import math

from tinyaudio.core.artifacts import Calibration, QuantizedModel
from tinyaudio.core.errors import ProjectError
from tinyaudio.core.project import FirmwareTable


def calibrate(quantized: QuantizedModel, table: FirmwareTable) -> Calibration:
    """Turn ``[firmware]`` into the integers of the model's output.

    A score ``s`` is ``output_scale * (q - output_zero_point)``, so the threshold is the smallest ``q`` with a score of at
    least ``detection_threshold``. The device compares without a division: it detects a class when the sum of `q` over the
    last `smoothing_patches` patches reaches ``smoothing_patches * detection_threshold``.

    Raises
    ------
    ProjectError
        If no int8 output can reach the threshold.
    """
    # A threshold that is a whole number of steps must not move up by a rounding error of the division.
    steps = math.ceil(table.detection_threshold / quantized.output_scale - 1e-6)
    threshold = steps + quantized.output_zero_point
    if threshold > 127:
        reachable = quantized.output_scale * (127 - quantized.output_zero_point)
        raise ProjectError(
            f"detection_threshold is {table.detection_threshold}, but the model's scores end at {reachable:.4f}",
            hint="lower it",
            where="firmware.detection_threshold",
        )
    return Calibration(smoothing_patches=table.smoothing_patches, detection_threshold=max(-128, threshold))
