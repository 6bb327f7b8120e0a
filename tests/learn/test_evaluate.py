"""Clip scores are means over patches, ties go to the first class, and strangers are refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tinyaudio.core.artifacts import ExpectedOutputs, FeatureSet, Float64Array, QuantizedModel
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import StageError
from tinyaudio.core.project import Project
from tinyaudio.dsp.audio import Degradation
from tinyaudio.dsp.frontend import design_frontend
from tinyaudio.learn.dataset import PatchSet, clip_reader, patch_features
from tinyaudio.learn.evaluate import clip_means, evaluate, evaluate_int8, evaluation_of, explain_clip, measure_robustness


class Knowing:
    """A predictor that is right on all patches but the first of each clip."""

    name = "float"

    def predict(self, patch_set: PatchSet, *, on_progress: object = None) -> Float64Array:
        scores = np.eye(3)[patch_set.label_indices]
        scores[patch_set.patch_offsets[:-1]] = 1 / 3
        return scores


class Misshapen(Knowing):
    def predict(self, patch_set: PatchSet, *, on_progress: object = None) -> Float64Array:
        return np.zeros((3, 2))


def test_a_clips_score_is_the_mean_over_its_patches() -> None:
    scores = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.6, 0.4]])
    assert np.allclose(clip_means(scores, np.array([0, 3, 4])), [[1 / 3, 2 / 3], [0.6, 0.4]])


def test_a_predictor_is_evaluated_over_clips(small_features: FeatureSet) -> None:
    result = evaluate(Knowing(), "float", small_features)
    assert result.accuracy == 1.0
    assert result.confusion.tolist() == np.diag([6, 6, 6]).tolist()
    assert result.filenames == tuple(clip.filename for clip in small_features.dataset.of_split("test"))
    assert result.labels == small_features.dataset.labels


def test_the_first_class_wins_a_tie() -> None:
    result = evaluation_of("device", split="test", labels=("a", "b"), filenames=("x",), label_indices=np.array([1]), scores=np.array([[0.5, 0.5]]))
    assert result.accuracy == 0.0
    assert result.confusion.tolist() == [[0, 0], [1, 0]]


def test_scores_of_another_shape_are_refused(small_features: FeatureSet) -> None:
    with pytest.raises(StageError, match=r"scores of shape \(3, 2\)"):
        evaluate(Misshapen(), "float", small_features)


def recorded(features: FeatureSet) -> tuple[QuantizedModel, ExpectedOutputs]:
    patch_set = patch_features(features, "test")
    outputs = np.where(np.eye(3)[patch_set.label_indices] > 0, 100, -100).astype(np.int8)
    model = QuantizedModel(
        tflite=b"model",
        sha256=sha256_bytes(b"model"),
        labels=features.dataset.labels,
        spec=features.spec,
        kernel=features.kernel,
        frontend_fingerprint=features.frontend_fingerprint,
        input_scale=0.05,
        input_zero_point=0,
        output_scale=1 / 256,
        output_zero_point=-128,
        ops=(),
    )
    filenames = tuple(clip.filename for clip in patch_set.clips)
    expected = ExpectedOutputs(
        model_sha256=model.sha256, oracle="test", filenames=filenames, logits=outputs, outputs=outputs, patch_offsets=patch_set.patch_offsets
    )
    return model, expected


def test_recorded_outputs_are_dequantized(small_features: FeatureSet) -> None:
    result = evaluate_int8(*recorded(small_features), small_features)
    assert result.accuracy == 1.0
    assert result.predictor == "int8"
    assert result.scores.max() == 228 / 256
    assert result.scores.min() == 28 / 256


def test_outputs_of_another_model_or_front_end_are_refused(small_features: FeatureSet) -> None:
    model, expected = recorded(small_features)
    with pytest.raises(StageError, match="of another model or other clips"):
        evaluate_int8(model, dataclasses.replace(expected, model_sha256="0" * 64), small_features)
    with pytest.raises(StageError, match="of another model or other clips"):
        evaluate_int8(model, dataclasses.replace(expected, filenames=("x.wav",)), small_features)
    with pytest.raises(StageError, match="another front end"):
        evaluate_int8(dataclasses.replace(model, frontend_fingerprint="0" * 64), expected, small_features)


class Band:
    """Scores a patch by how loud its lowest bands are in its first frames, against the rest."""

    name = "float"

    def predict(self, patch_set: PatchSet, *, on_progress: object = None) -> Float64Array:
        loud = patch_set.log_mel[:, :8, :8].mean(axis=(1, 2)) / 2.0**patch_set.log_fraction_bits
        score = 1 / (1 + np.exp(-loud))
        return np.stack([score, 1 - score, np.zeros_like(score)], axis=1)


def test_an_explanation_finds_what_the_score_hangs_on(small_features: FeatureSet) -> None:
    log_mel = np.full_like(small_features.log_mel, -(2**17))
    start = small_features.frame_offsets[4]
    log_mel[start + 16 : start + 24, :8] = 2**17  # the second patch begins with it
    explanation = explain_clip(Band(), dataclasses.replace(small_features, log_mel=log_mel), 4, class_index=0)
    assert (explanation.patch, explanation.first_frame) == (1, 16)
    assert explanation.influence.shape == (4, 3)
    assert np.unravel_index(explanation.influence.argmax(), (4, 3)) == (0, 0)
    assert explanation.influence[0, 0] > 0.3
    assert np.abs(explanation.influence.ravel()[1:]).max() < 1e-9


def test_robustness_is_measured_on_degraded_samples(small_project: Project, small_features: FeatureSet) -> None:
    tables = design_frontend(small_project.frontend, kernel="cmsis_q31")
    read, heard = clip_reader(small_project), []

    class Listening(Knowing):
        def predict(self, patch_set: PatchSet, *, on_progress: object = None) -> Float64Array:
            heard.append(patch_set.log_mel)
            return super().predict(patch_set)

    degradations = (Degradation(kind="level", amount_db=0.0), Degradation(kind="noise", amount_db=0.0))
    points = measure_robustness({"float": Listening(), "int8": Listening()}, small_features, read=read, tables=tables, degradations=degradations)
    for name in ("float", "int8"):
        figures = [(point.condition, point.by_predictor[name].value) for point in points]
        assert figures == [("+0 dB", 1.0), ("pink noise, 0 dB SNR", 1.0)]
        assert all(0.2 < point.by_predictor[name].lower < 1.0 == point.by_predictor[name].upper for point in points)  # Wilson's: no draw differs
    np.testing.assert_array_equal(heard[0], patch_features(small_features, "test").log_mel)
    np.testing.assert_array_equal(heard[0], heard[1])  # float and INT8 hear the same
    np.testing.assert_array_equal(heard[2], heard[3])
    assert not np.array_equal(heard[0], heard[2])
