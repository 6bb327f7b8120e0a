"""The values handed between stages: frozen, arrays read-only, each naming what it was made from.

``WAV + manifest -> Dataset -> FeatureSet -> TrainedModel -> QuantizedModel -> Calibration -> FirmwareProject ->
BuildArtifact -> DeviceIdentity -> HilReport``. `core.store` writes and reads them.
"""

from __future__ import annotations

from tinyaudio.core.artifacts.arrays import BoolArray, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array
from tinyaudio.core.artifacts.data import SPLITS, AugmentedFeatures, Clip, Dataset, FeatureSet, Split, split_labels
from tinyaudio.core.artifacts.device import Cost, DeviceIdentity, HilReport, Mismatch, Percentiles, StageComparison
from tinyaudio.core.artifacts.firmware import (
    NO_MODEL_SHA256,
    BuildArtifact,
    FirmwareProject,
    KernelChoice,
    LinkedComponent,
    MeasuredArena,
    OutputFile,
    PlacedItem,
    Placement,
    RegionUse,
    Runtime,
    StackUse,
)
from tinyaudio.core.artifacts.judging import Calibration, Evaluation
from tinyaudio.core.artifacts.models import ExpectedOutputs, GoldenTensors, LayerError, QuantizedModel, TrainedModel

__all__ = [
    "AugmentedFeatures",
    "BoolArray",
    "BuildArtifact",
    "Calibration",
    "Clip",
    "Cost",
    "Dataset",
    "DeviceIdentity",
    "Evaluation",
    "ExpectedOutputs",
    "FeatureSet",
    "FirmwareProject",
    "Float64Array",
    "GoldenTensors",
    "HilReport",
    "Int16Array",
    "Int32Array",
    "Int64Array",
    "Int8Array",
    "KernelChoice",
    "LayerError",
    "LinkedComponent",
    "MeasuredArena",
    "Mismatch",
    "NO_MODEL_SHA256",
    "OutputFile",
    "Percentiles",
    "PlacedItem",
    "Placement",
    "QuantizedModel",
    "RegionUse",
    "Runtime",
    "SPLITS",
    "Split",
    "StackUse",
    "StageComparison",
    "TrainedModel",
    "split_labels",
]
