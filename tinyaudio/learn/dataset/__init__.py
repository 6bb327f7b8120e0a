"""Recordings as a checked, leak-proof data set, and their features from the integer twin.

The public face: `check_data` finds every fault, `load_dataset` refuses faulty data, `compute_features` runs the twin,
and `clip_features`, `patch_features` and `clip_reader` look into the result.
"""

from tinyaudio.learn.dataset.anomaly import machines_by_file
from tinyaudio.learn.dataset.augmented import augment_features, join_features
from tinyaudio.learn.dataset.checks import DataCheck, check_data, faultless_dataset, load_dataset
from tinyaudio.learn.dataset.features import (
    ClipReader,
    PatchSet,
    clip_features,
    clip_reader,
    compute_features,
    dequantized_log_mel,
    patch_features,
    quantization_of,
    quantized_patches,
)
from tinyaudio.learn.dataset.importing import append_rows, find_recordings, manifest_header
from tinyaudio.learn.dataset.manifest import Problem, Row, read_manifest
from tinyaudio.learn.dataset.site import read_site, site_reader
from tinyaudio.learn.dataset.splits import assign_splits

__all__ = [
    "ClipReader",
    "DataCheck",
    "PatchSet",
    "Problem",
    "Row",
    "append_rows",
    "assign_splits",
    "augment_features",
    "check_data",
    "clip_features",
    "clip_reader",
    "compute_features",
    "dequantized_log_mel",
    "faultless_dataset",
    "find_recordings",
    "join_features",
    "load_dataset",
    "machines_by_file",
    "manifest_header",
    "patch_features",
    "quantization_of",
    "quantized_patches",
    "read_manifest",
    "read_site",
    "site_reader",
]
