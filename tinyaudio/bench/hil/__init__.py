"""Hardware in the loop: stream signals to a device and compare every stage with the integer twin, bit for bit."""

from tinyaudio.bench.hil.comparison import Comparison, median_frame_ticks
from tinyaudio.bench.hil.frontend import FrontendRun, run_frontend
from tinyaudio.bench.hil.live import LiveExpectation, LiveReport, Predict, run_live
from tinyaudio.bench.hil.model import ModelCase, ModelMismatch, ModelRunReport, run_model
from tinyaudio.bench.hil.proof import HilClip, HilExpectation, OpenDevice, run_hil

__all__ = [
    "Comparison",
    "FrontendRun",
    "HilClip",
    "HilExpectation",
    "LiveExpectation",
    "LiveReport",
    "ModelCase",
    "ModelMismatch",
    "ModelRunReport",
    "OpenDevice",
    "Predict",
    "median_frame_ticks",
    "run_frontend",
    "run_hil",
    "run_live",
    "run_model",
]
