"""A user's project: ``tinyaudio.toml``, checked whole, all mistakes reported at once, each with its path."""

from __future__ import annotations

from tinyaudio.core.project.anomaly import ONE_CLASS_KINDS, AnomalyTable
from tinyaudio.core.project.data import DataTable, SplitTable
from tinyaudio.core.project.deciding import BackgroundTable, FirmwareTable, QuantizeTable
from tinyaudio.core.project.frontend import FrontendTable, frontend_spec
from tinyaudio.core.project.loading import PROJECT_FILE, Project, Task, load_project, parse_project
from tinyaudio.core.project.model import Architecture, ModelTable
from tinyaudio.core.project.training import AudioTable, AugmentationTable, DistillationTable, TrainTable, TransferTable
from tinyaudio.core.project.tune import TuneTable

__all__ = [
    "ONE_CLASS_KINDS",
    "PROJECT_FILE",
    "AnomalyTable",
    "Architecture",
    "AudioTable",
    "AugmentationTable",
    "BackgroundTable",
    "DataTable",
    "DistillationTable",
    "FirmwareTable",
    "FrontendTable",
    "ModelTable",
    "Project",
    "QuantizeTable",
    "SplitTable",
    "Task",
    "TrainTable",
    "TransferTable",
    "TuneTable",
    "frontend_spec",
    "load_project",
    "parse_project",
]
