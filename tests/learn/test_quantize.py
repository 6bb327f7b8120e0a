"""INT8 conversion: operators, ends, metadata, determinism, and padding that changes no bit."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="conversion needs TensorFlow: pip install 'tinyaudio[train]'")

from tinyaudio.core.artifacts import FeatureSet, QuantizedModel, TrainedModel
from tinyaudio.core.canonical import canonical_json
from tinyaudio.core.errors import ModelError, ProjectError, StageError
from tinyaudio.core.project import FirmwareTable, ModelTable, Project, QuantizeTable
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.core.tflite_metadata import read_metadata
from tinyaudio.deploy.compiler.ops import OPERATIONS
from tinyaudio.learn.calibrate import calibrate, with_own_thresholds
from tinyaudio.learn.dataset import dequantized_log_mel, patch_features
from tinyaudio.learn.quantize import (
    FRONTEND_KEY,
    convert_to_int8,
    describe_model,
    layer_errors,
    make_stride_padding_explicit,
    model_labels,
    quantize,
    refuse_unsupported,
    representative_patches,
)
from tinyaudio.learn.quantize.graph import same_padding
from tinyaudio.learn.training import build_network, train
from tinyaudio.learn.training.storage import keras_bytes


@pytest.fixture(scope="module")
def trained(small_project: Project, small_features: FeatureSet) -> TrainedModel:
    return train(small_features, small_project.model, small_project.train.model_copy(update={"epochs": 1}))


@pytest.fixture(scope="module")
def quantized(small_project: Project, small_features: FeatureSet, trained: TrainedModel) -> QuantizedModel:
    return quantize(trained, small_features, small_project.quantize)


def test_the_operators_are_those_of_the_firmware(quantized: QuantizedModel) -> None:
    assert quantized.ops[:2] == ("PAD", "CONV_2D")
    assert quantized.ops[-3:] == ("MEAN", "FULLY_CONNECTED", "SOFTMAX")
    assert set(quantized.ops) == {"PAD", "CONV_2D", "DEPTHWISE_CONV_2D", "MEAN", "FULLY_CONNECTED", "SOFTMAX"}
    assert quantized.ops.count("PAD") == 3  # the stem and the two strided blocks


def test_the_input_is_the_raw_log_mel(quantized: QuantizedModel, small_features: FeatureSet, small_project: Project) -> None:
    log_mel = representative_patches(small_features, small_project.quantize)
    lowest, highest = (quantized.input_scale * (end - quantized.input_zero_point) for end in (-128, 127))
    assert lowest == pytest.approx(log_mel.min(), abs=0.5)
    assert highest == pytest.approx(log_mel.max(), abs=0.5)
    assert (quantized.output_scale, quantized.output_zero_point) == (1 / 256, -128)


def test_conversion_gives_the_same_bytes_twice(
    quantized: QuantizedModel, trained: TrainedModel, small_features: FeatureSet, small_project: Project
) -> None:
    again = quantize(trained, small_features, small_project.quantize)
    assert again.tflite == quantized.tflite
    assert again == quantized


def test_the_file_says_what_it_was_made_with(quantized: QuantizedModel, small_features: FeatureSet) -> None:
    assert model_labels(quantized.tflite) == ("alarm", "engine", "knocking")
    record = json.loads(read_metadata(quantized.tflite, FRONTEND_KEY) or b"")
    assert record["fingerprint"] == small_features.frontend_fingerprint
    assert record["kernel"] == "cmsis_q31"
    assert canonical_json(record["spec"]) == canonical_json(small_features.spec)


def test_representative_patches_cover_the_classes_and_repeat(small_features: FeatureSet) -> None:
    chosen = representative_patches(small_features, QuantizeTable(representative_clips=9))
    patches_of_clip = 3  # of 73 frames
    assert chosen.shape == (9 * patches_of_clip, 32, 20, 1)
    assert np.array_equal(chosen, representative_patches(small_features, QuantizeTable(representative_clips=9)))
    assert not np.array_equal(chosen, representative_patches(small_features, QuantizeTable(representative_clips=9, seed=2)))
    patch_set = patch_features(small_features, "train")
    all_patches = dequantized_log_mel(patch_set.log_mel, log_fraction_bits=patch_set.log_fraction_bits, log_scale=1.0)
    found = [int(patch_set.label_indices[np.flatnonzero((all_patches == patch[..., 0]).all(axis=(1, 2)))[0]]) for patch in chosen]
    assert np.bincount(found).tolist() == [3 * patches_of_clip] * 3


def test_more_representative_clips_than_there_are_take_all(small_features: FeatureSet) -> None:
    assert len(representative_patches(small_features, QuantizeTable(representative_clips=10_000))) == 60 * 3


def test_progress_is_reported(trained: TrainedModel, small_features: FeatureSet) -> None:
    progress: list[tuple[int, int]] = []
    quantize(trained, small_features, QuantizeTable(representative_clips=5), on_progress=lambda done, total: progress.append((done, total)))
    assert progress[-1] == (15, 15)


def test_nothing_is_printed_to_standard_output(trained: TrainedModel, small_features: FeatureSet, capfd: pytest.CaptureFixture[str]) -> None:
    quantize(trained, small_features, QuantizeTable(representative_clips=3))
    assert capfd.readouterr().out == ""


def test_a_model_of_other_features_is_refused(trained: TrainedModel, small_features: FeatureSet, small_project: Project) -> None:
    with pytest.raises(StageError, match="other features"):
        quantize(dataclasses.replace(trained, frontend_fingerprint="0" * 64), small_features, small_project.quantize)


def test_unsupported_operators_are_named() -> None:
    refuse_unsupported(("CONV_2D", "TANH", "ADD", "LOGISTIC"), OPERATIONS)
    with pytest.raises(ModelError, match="no CEIL, CUMSUM") as caught:
        refuse_unsupported(("CONV_2D", "CUMSUM", "CEIL"), OPERATIONS)
    assert caught.value.where == "operator 1 (CUMSUM)"


def test_an_unsupported_layer_is_found_in_a_real_conversion() -> None:
    import keras

    model = keras.Sequential([keras.Input((4, 4, 1), batch_size=1), keras.layers.Conv2D(2, 3), keras.layers.Activation("exponential")])
    ops = describe_model(convert_to_int8(model, np.random.default_rng(1).normal(size=(4, 4, 4, 1)).astype(np.float32))).ops
    with pytest.raises(ModelError, match="EXP"):
        refuse_unsupported(ops, OPERATIONS)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "amounts"), [(96, 3, 2, (0, 1)), (95, 3, 2, (1, 1)), (6, 1, 2, (0, 0)), (7, 5, 3, (2, 2)), (8, 5, 3, (1, 2))]
)
def test_same_padding_is_tensorflows(size: int, kernel: int, stride: int, amounts: tuple[int, int]) -> None:
    import tensorflow as tf

    assert same_padding(size, kernel=kernel, stride=stride) == amounts
    signal = np.random.default_rng(1).normal(size=(1, size, 1)).astype(np.float32)
    taps = np.random.default_rng(2).normal(size=(kernel, 1, 1)).astype(np.float32)
    padded = np.pad(signal, ((0, 0), amounts, (0, 0)))
    assert np.allclose(tf.nn.conv1d(signal, taps, stride, "SAME"), tf.nn.conv1d(padded, taps, stride, "VALID"), atol=1e-6)


@pytest.mark.parametrize(("frames", "bands"), [(32, 20), (33, 21), (30, 17)])
def test_explicit_padding_changes_no_bit(frames: int, bands: int) -> None:
    pytest.importorskip("tflite_micro", reason="the oracle needs tflite-micro: pip install 'tinyaudio[train]'")
    from tinyaudio.learn.oracle import Oracle

    rng = np.random.default_rng(1)
    spec = FrontendSpec(mel_bands=bands, patch_frames=frames, patch_hop_frames=8)
    model = build_network(spec, ModelTable(width_multiplier=0.1, blocks=4), classes=4, batch_size=1)
    same = convert_to_int8(model, rng.normal(-3.0, 1.5, size=(20, frames, bands, 1)).astype(np.float32))
    explicit = make_stride_padding_explicit(same)
    assert "PAD" not in describe_model(same).ops
    assert describe_model(explicit).ops.count("PAD") == 3
    first, second = Oracle(same), Oracle(explicit)
    for _ in range(10):
        features = rng.integers(-128, 128, size=(frames, bands), dtype=np.int8)
        for expected, found in zip(first.run(features), second.run(features), strict=True):
            assert np.array_equal(expected, found)


def test_explicit_padding_is_idempotent(quantized: QuantizedModel) -> None:
    once = make_stride_padding_explicit(quantized.tflite)
    assert describe_model(once).ops == quantized.ops
    assert make_stride_padding_explicit(once) == once


@pytest.mark.parametrize(("threshold", "expected"), [(0.5, 0), (0.25, -64), (0.501, 1), (0.99, 126), (0.001, -127)])
def test_calibration_is_the_smallest_output_that_reaches_the_threshold(quantized: QuantizedModel, threshold: float, expected: int) -> None:
    calibration = calibrate(quantized, FirmwareTable(smoothing_patches=5, detection_threshold=threshold))
    assert (calibration.smoothing_patches, calibration.detection_threshold) == (5, expected)


def test_a_threshold_that_no_output_reaches_is_refused(quantized: QuantizedModel) -> None:
    with pytest.raises(ProjectError, match=r"scores end at 0\.9961") as caught:
        calibrate(quantized, FirmwareTable(detection_threshold=0.999))
    assert caught.value.where == "firmware.detection_threshold"


def test_some_labels_may_have_thresholds_of_their_own(quantized: QuantizedModel) -> None:
    first, *others = quantized.labels
    table = FirmwareTable(detection_threshold=0.5, class_thresholds={first: 0.25, others[-1]: 1.0})
    calibration = with_own_thresholds(calibrate(quantized, table), quantized, table)
    assert calibration.class_thresholds == (-64, *[0] * (len(others) - 1), 128)
    none = FirmwareTable(detection_threshold=0.5)
    assert with_own_thresholds(calibrate(quantized, none), quantized, none) == calibrate(quantized, none)
    unknown = FirmwareTable(class_thresholds={"sirene": 0.5})
    with pytest.raises(ProjectError, match="there is no label 'sirene'") as caught:
        with_own_thresholds(calibration, quantized, unknown)
    assert first in caught.value.hint


def test_layer_errors_name_every_operator_and_grow_with_coarser_weights(
    small_project: Project, small_features: FeatureSet, trained: TrainedModel, quantized: QuantizedModel
) -> None:
    patches = representative_patches(small_features, small_project.quantize)[:6]
    layers = layer_errors(trained, quantized, patches)
    assert [layer.operator for layer in layers] == [operator for operator in quantized.ops if operator != "PAD"]
    assert all(10 < layer.signal_to_error_db < 80 for layer in layers)
    assert all(layer.largest_error >= 0 for layer in layers)
    few = small_project.quantize.model_copy(update={"representative_clips": 1})
    model = build_network(small_features.spec, small_project.model, classes=3, batch_size=1)
    other = dataclasses.replace(trained, keras=keras_bytes(model))
    worse = layer_errors(other, quantized, representative_patches(small_features, few)[:2])
    assert worse[0].signal_to_error_db < layers[0].signal_to_error_db - 10


def test_layer_errors_of_two_networks_are_refused(small_features: FeatureSet, trained: TrainedModel, quantized: QuantizedModel) -> None:
    other = build_network(small_features.spec, ModelTable(blocks=1), classes=3, batch_size=1)
    with pytest.raises(StageError, match="other operators"):
        layer_errors(dataclasses.replace(trained, keras=keras_bytes(other)), quantized, np.zeros((1, 32, 20, 1), np.float32))
