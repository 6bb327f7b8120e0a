"""Metrics over clips for any predictor that is handed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import numpy as np

from tinyaudio.core.artifacts import Evaluation, ExpectedOutputs, FeatureSet, Float64Array, Int64Array, QuantizedModel, Split, TrainedModel
from tinyaudio.core.errors import StageError
from tinyaudio.core.evaluation import multi_label_evaluation
from tinyaudio.core.metrics import accuracy, confusion_matrix
from tinyaudio.learn.dataset import PatchSet, patch_features
from tinyaudio.learn.training import FloatPredictor

Progress = Callable[[int, int], None]
PredictorName = Literal["float", "int8", "device"]


class Predictor(Protocol):
    """Scores patches."""

    @property
    def name(self) -> str:
        """One of `PredictorName`."""

    def predict(self, patch_set: PatchSet, *, on_progress: Progress | None = None) -> Float64Array:
        """Return a score for every patch and class, float64[patches, labels]."""


def evaluate(
    predictor: Predictor, name: PredictorName, features: FeatureSet, *, split: Split = "test", on_progress: Progress | None = None
) -> Evaluation:
    """Score every clip of `split` by the mean over its patches, and compare the best class with the label, or all scores with all labels.

    Parameters
    ----------
    predictor
        Anything that scores patches.
    name
        What the result is filed under.
    features
        From the integer twin.
    split
        ``"test"`` for a figure to report.
    on_progress
        Handed to the predictor; called with (patches done, patches in all).

    Raises
    ------
    StageError
        If the split has no clips, or the predictor returns scores of another shape.
    """
    patch_set = patch_features(features, split)
    if not patch_set.clips:
        raise StageError(f"the split {split!r} is empty", hint="`tinyaudio data check` says why", where="evaluate")
    scores = predictor.predict(patch_set, on_progress=on_progress)
    labels = features.dataset.labels
    if scores.shape != (len(patch_set.log_mel), len(labels)):
        raise StageError(
            f"scores of shape {scores.shape} for {len(patch_set.log_mel)} patches and {len(labels)} labels", hint="train again", where="evaluate"
        )
    filenames, clip_scores = tuple(clip.filename for clip in patch_set.clips), clip_means(scores, patch_set.patch_offsets)
    if features.dataset.is_multi_label:
        truth = features.dataset.truth_of(patch_set.clips)
        return multi_label_evaluation(name, split=split, labels=labels, filenames=filenames, truth=truth, scores=clip_scores)
    label_indices = features.dataset.label_indices_of(patch_set.clips)
    return evaluation_of(name, split=split, labels=labels, filenames=filenames, label_indices=label_indices, scores=clip_scores)


def evaluate_float(trained: TrainedModel, features: FeatureSet, *, split: Split = "test", on_progress: Progress | None = None) -> Evaluation:
    """Evaluate the float model on the integer features of `split`; see `evaluate`."""
    _require_same_front_end(trained.frontend_fingerprint, features)
    return evaluate(FloatPredictor(trained), "float", features, split=split, on_progress=on_progress)


def evaluate_int8(quantized: QuantizedModel, expected: ExpectedOutputs, features: FeatureSet) -> Evaluation:
    """Evaluate the INT8 model on the test split from what the oracle computed; see `evaluate`.

    Raises
    ------
    StageError
        If `expected` belongs to another model or other clips.
    """
    _require_same_front_end(quantized.frontend_fingerprint, features)
    filenames = tuple(clip.filename for clip in features.dataset.of_split("test"))
    if expected.model_sha256 != quantized.sha256 or expected.filenames != filenames:
        raise StageError("the expected outputs are of another model or other clips", hint="run `tinyaudio evaluate` again", where="evaluate")
    return evaluate(_Recorded(quantized, expected), "int8", features)


def evaluation_of(
    name: PredictorName, *, split: Split, labels: Sequence[str], filenames: tuple[str, ...], label_indices: Int64Array, scores: Float64Array
) -> Evaluation:
    """Return the evaluation of clip scores, float64[clips, labels]; among equal scores the first class wins, as on the device."""
    confusion = confusion_matrix(label_indices, scores.argmax(axis=1), class_count=len(labels))
    for array in (label_indices, scores, confusion):
        array.flags.writeable = False
    return Evaluation(
        predictor=name,
        split=split,
        labels=tuple(labels),
        filenames=filenames,
        label_indices=label_indices,
        scores=scores,
        accuracy=accuracy(confusion),
        confusion=confusion,
    )


def clip_means(scores: Float64Array, patch_offsets: Int64Array) -> Float64Array:
    """Return the mean over the patches of each clip, float64[clips, labels].

    Sums of dequantized int8 scores are exact in float64 as long as the scale is a power of two, which softmax's is: the
    order of the classes is the order of the integer sums on the device.
    """
    counts = np.diff(patch_offsets)
    return np.asarray(np.add.reduceat(scores, patch_offsets[:-1], axis=0) / counts[:, np.newaxis])


class _Recorded:
    """The oracle's outputs as a predictor."""

    name = "int8"

    def __init__(self, quantized: QuantizedModel, expected: ExpectedOutputs) -> None:
        self._scores = (expected.outputs.astype(np.float64) - quantized.output_zero_point) * quantized.output_scale

    def predict(self, patch_set: PatchSet, *, on_progress: Progress | None = None) -> Float64Array:
        """Return the recorded scores of the test split."""
        if on_progress is not None:
            on_progress(len(patch_set.log_mel), len(patch_set.log_mel))
        return self._scores


def _require_same_front_end(fingerprint: str, features: FeatureSet) -> None:
    if fingerprint != features.frontend_fingerprint:
        raise StageError("the model was made for another front end than these features", hint="train again with `tinyaudio train`", where="evaluate")
