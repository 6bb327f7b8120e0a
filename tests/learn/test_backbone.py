"""Weights of other models find their layers by name and shape; what does not fit is listed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="training needs TensorFlow: pip install 'tinyaudio[train]'")

from tinyaudio.core.artifacts import FeatureSet
from tinyaudio.core.errors import ModelError
from tinyaudio.core.presets import load_preset
from tinyaudio.core.project import AugmentationTable, ModelTable, Project, TransferTable
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.learn.quantize import convert_to_int8
from tinyaudio.learn.training import build_network, load_keras_model, read_backbone, require_same_front_end, train
from tinyaudio.learn.training.augmentation import cut_patches, training_patches
from tinyaudio.learn.training.backbone import network_layer_name, transfer_weights
from tinyaudio.learn.training.phases import fit_classifier, last_blocks, logistic_regression
from tinyaudio.learn.training.targets import training_targets

SPEC = FrontendSpec(mel_bands=20, patch_frames=32, patch_hop_frames=16)
TABLE = ModelTable(width_multiplier=0.1, blocks=3, dropout=0.0, activation="relu")
MODELS = Path(os.environ.get("TINYAUDIO_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")).resolve() / "models"
YAMNET_256 = MODELS / "stm32ai" / "yamnet_256_backbone" / "yamnet_256_f32.h5"
YAMNET = MODELS / "yamnet_full" / "yamnet_spectra_in.tflite"


def network(seed: int, table: ModelTable = TABLE, **changes: Any) -> Any:
    """Return a network whose weights, statistics of normalization included, no other seed gives."""
    model = build_network(SPEC, table.model_copy(update=changes), classes=3, batch_size=1)
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(0.1, 0.5, size=weight.shape) for weight in model.get_weights()])
    return model


def embedding(model: Any, patches: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import keras

    return np.asarray(keras.Model(model.input, model.get_layer("pool").output).predict_on_batch(patches))


PATCH = np.random.default_rng(1).normal(size=(1, 32, 20, 1)).astype(np.float32)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_network_of_our_own_comes_back_whole(tmp_path: Path, suffix: str) -> None:
    source, target = network(1), network(2)
    source.save(tmp_path / f"model{suffix}")
    transferred = transfer_weights(target, read_backbone(tmp_path / f"model{suffix}"))
    assert transferred.mapped == ("stem", *(f"block{n:02d}_{kind}" for n in (1, 2, 3) for kind in ("depthwise", "pointwise")))
    assert (transferred.drawn, transferred.left) == ((), ())
    np.testing.assert_allclose(embedding(target, PATCH), embedding(source, PATCH), rtol=1e-4)


@pytest.mark.parametrize("kind", ["float", "int8"])
def test_a_tflite_comes_back_by_the_order_of_its_convolutions(tmp_path: Path, kind: str) -> None:
    import tensorflow as tf

    source, target = network(1), network(2)
    data = tf.lite.TFLiteConverter.from_keras_model(source).convert() if kind == "float" else convert_to_int8(source, PATCH)
    (tmp_path / "model.tflite").write_bytes(data)
    transfer_weights(target, read_backbone(tmp_path / "model.tflite"))
    np.testing.assert_allclose(embedding(target, PATCH), embedding(source, PATCH), rtol=1e-4 if kind == "float" else 0.05)


def test_another_epsilon_computes_the_same(tmp_path: Path) -> None:
    import keras

    source, target = network(1), network(2)
    config = json.loads(source.to_json())
    for layer in config["config"]["layers"]:
        if layer["class_name"] == "BatchNormalization":
            layer["config"]["epsilon"] = 0.3
    changed = keras.models.model_from_json(json.dumps(config))
    changed.set_weights(source.get_weights())
    changed.save(tmp_path / "model.keras")
    transfer_weights(target, read_backbone(tmp_path / "model.keras"))
    np.testing.assert_allclose(embedding(target, PATCH), embedding(changed, PATCH), rtol=1e-4)


def test_a_deeper_and_a_shallower_network_take_what_they_can(tmp_path: Path) -> None:
    network(1).save(tmp_path / "model.keras")
    backbone = read_backbone(tmp_path / "model.keras")
    assert transfer_weights(network(2, blocks=4), backbone).drawn == ("block04_depthwise", "block04_pointwise")
    assert transfer_weights(network(2, blocks=2), backbone).left == ("block03_depthwise", "block03_pointwise")


def test_what_does_not_fit_is_listed(tmp_path: Path) -> None:
    network(1).save(tmp_path / "model.keras")
    backbone = read_backbone(tmp_path / "model.keras")
    with pytest.raises(ModelError) as caught:
        transfer_weights(network(2, width_multiplier=0.2), backbone)
    assert "stem is 3x3x1x8 here and 3x3x1x4 there (stem)" in caught.value.message
    assert "block03_pointwise is" in caught.value.message
    assert "width_multiplier" in caught.value.hint
    with pytest.raises(ModelError, match=r"its layers are conv2d.* the network's stem"):
        transfer_weights(network(2), read_backbone(strange_names(tmp_path)))


def strange_names(folder: Path) -> Path:
    import keras

    keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3, name="conv2d"), keras.layers.Flatten()]).save(folder / "strange.keras")
    return folder / "strange.keras"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("model.onnx", b"x", ".onnx is no kind of backbone file"),
        ("model.h5", b"no HDF5", "not readable as .h5"),
        ("model.keras", b"PK\x03\x04no", "not readable as .keras"),
        ("model.tflite", b"TFL3" * 9, "not readable as .tflite"),
        ("missing.h5", None, "cannot read: No such file"),
    ],
)
def test_files_that_are_no_backbones(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=words.replace(".", r"\.")):
        read_backbone(tmp_path / name)


def test_a_model_without_convolutions_is_refused(tmp_path: Path) -> None:
    import keras

    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(tmp_path / "dense.keras")
    with pytest.raises(ModelError, match="there is no convolution"):
        read_backbone(tmp_path / "dense.keras")


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("layer1/conv", "stem"),
        ("model_2/layer2/depthwise_conv", "block01_depthwise"),
        ("layer14/pointwise_conv", "block13_pointwise"),
        ("stem", "stem"),
        ("my_layer1/conv", "my_layer1/conv"),
    ],
)
def test_yamnets_names_are_translated(name: str, ours: str) -> None:
    assert network_layer_name(name) == ours


def test_another_front_end_is_refused_with_both_specs() -> None:
    require_same_front_end("b.h5", load_preset("yamnet"), FrontendSpec(patch_hop_frames=12, patch_frames=60))
    with pytest.raises(ModelError) as caught:
        require_same_front_end("b.h5", FrontendSpec(), load_preset("stm32_yamnet"))
    assert "the project has mel_triangles = 'mel', log_offset = 0.001, patch_layout = 'frames_first'" in caught.value.message.replace(
        "log_offset = 0.001, mel_triangles = 'mel'", "mel_triangles = 'mel', log_offset = 0.001"
    )
    assert "log_offset = 0.0001" in caught.value.message
    assert caught.value.where == "b.h5"


def test_the_last_blocks_are_counted_from_the_end() -> None:
    mapped = ("stem", "block01_depthwise", "block01_pointwise", "block02_depthwise", "block02_pointwise")
    assert last_blocks(mapped, 1) == {"block02_depthwise", "block02_pointwise"}
    assert last_blocks(mapped, 0) == frozenset()
    assert last_blocks(mapped, 9) == frozenset(mapped)


@pytest.mark.parametrize("is_exclusive", [True, False])
def test_the_classifier_is_the_best_there_is(is_exclusive: bool) -> None:
    """No small step away from it lowers the penalized loss."""
    rng = np.random.default_rng(1)
    inputs, weights = rng.normal(size=(200, 3)), rng.uniform(0.5, 2.0, size=200)
    targets = np.eye(2)[(inputs @ [1.0, -1.0, 0.3] + rng.normal(size=200) > 0).astype(int)]
    loss, kernel, bias = logistic_regression(inputs, targets, weights, l2=0.01, is_exclusive=is_exclusive)

    def penalized(kernel: Any, bias: Any) -> float:
        logits = inputs @ kernel + bias
        if is_exclusive:
            surprise = -(targets * (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))).sum(axis=1)
        else:
            surprise = (np.log1p(np.exp(logits)) - targets * logits).mean(axis=1)
        return float(np.average(surprise, weights=weights) + 0.01 * (kernel**2).sum())

    assert loss == pytest.approx(penalized(kernel, bias))
    steps = rng.normal(size=(50, 3, 2)) * 0.01
    assert all(penalized(kernel + step, bias + step[0]) > loss for step in steps)


@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
def test_the_standardization_is_folded_into_the_classifier(small_features: FeatureSet, head: str) -> None:
    model = network(1, head=head)
    source = training_patches(small_features)
    everything = AugmentationTable(time_shift_frames=0, gain_db=0.0, time_mask_frames=0, frequency_mask_bands=0)
    patches = cut_patches(source, np.arange(source.starts.size), everything, np.random.default_rng(0))
    targets, weights = training_targets(source), np.ones(len(patches), np.float32)
    loss = fit_classifier(model, patches, targets, weights, l2=1e-5)
    inputs = np.concatenate([embedding(model, patch[np.newaxis]) for patch in patches]).astype(np.float64)
    standardized = (inputs - inputs.mean(axis=0)) / np.maximum(inputs.std(axis=0), 1e-3)
    wanted, kernel, bias = logistic_regression(standardized, targets, weights, l2=1e-5, is_exclusive=head == "softmax")
    logits = standardized @ kernel + bias
    scores = 1 / (1 + np.exp(-logits)) if head == "sigmoid" else np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert loss == pytest.approx(wanted, rel=1e-3)
    found = np.concatenate([model.predict_on_batch(patch[np.newaxis]) for patch in patches[:5]])
    np.testing.assert_allclose(found, scores[:5], atol=0.02)


@pytest.mark.parametrize("trainable_blocks", [0, 1])
def test_only_the_last_blocks_change(tmp_path: Path, small_project: Project, small_features: FeatureSet, trainable_blocks: int) -> None:
    network(1).save(tmp_path / "model.keras")
    backbone = read_backbone(tmp_path / "model.keras")
    frontend = {"mel_bands": 20, "patch_frames": 32, "patch_hop_frames": 16}
    transfer = TransferTable.model_validate({"frontend": frontend, "trainable_blocks": trainable_blocks, "learning_rate": 1e-3})
    table = small_project.train.model_copy(update={"epochs": 2, "transfer": transfer, "validation": "include"})
    progress: list[tuple[int, int]] = []
    result = train(small_features, TABLE, table, backbone=backbone, on_progress=lambda done, total: progress.append((done, total)))
    assert result.epochs == result.best_epoch == (3 if trainable_blocks else 1)
    assert progress[-1] == (result.epochs, result.epochs)
    model = load_keras_model(result.keras)
    for name, layer in backbone.layers.items():
        changed = not np.array_equal(model.get_layer(name).get_weights()[0], layer.kernel)
        assert changed == (trainable_blocks > 0 and name.startswith("block03")), name
    with pytest.raises(ModelError, match="does not tell what front end"):
        train(small_features, TABLE, table.model_copy(update={"transfer": TransferTable()}), backbone=backbone)


@pytest.mark.skipif(not YAMNET_256.is_file(), reason=f"not there: {YAMNET_256}; set TINYAUDIO_DATA")
def test_published_backbones_fit() -> None:
    for path, blocks in ((YAMNET_256, 5), (YAMNET, 13)):
        model = build_network(FrontendSpec(), ModelTable(width_multiplier=1.0, blocks=blocks, activation="relu"), classes=3, batch_size=1)
        transferred = transfer_weights(model, read_backbone(path))
        assert len(transferred.mapped) == 1 + 2 * blocks
        assert (transferred.drawn, transferred.left) == ((), ())
