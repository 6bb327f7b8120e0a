"""Every architecture becomes an INT8 model of operators that the firmware has, or is refused by name."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="training needs TensorFlow: pip install 'tinyaudio[train]'")

from typing import Literal, get_args

from tinyaudio.core.errors import ProjectError
from tinyaudio.core.project import Architecture, ModelTable, TrainTable
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.deploy.compiler.ops import OPERATIONS
from tinyaudio.learn.quantize import convert_to_int8, describe_model, make_stride_padding_explicit
from tinyaudio.learn.training import ARCHITECTURES, build_network
from tinyaudio.learn.training.losses import training_loss

SPEC = FrontendSpec(mel_bands=20, patch_frames=32, patch_hop_frames=16)


def operators(table: ModelTable) -> set[str]:
    model = build_network(SPEC, table, classes=3, batch_size=1)
    patches = np.random.default_rng(1).normal(size=(2, 32, 20, 1)).astype(np.float32)
    return set(describe_model(make_stride_padding_explicit(convert_to_int8(model, patches))).ops)


def test_the_settings_know_every_architecture() -> None:
    assert set(get_args(Architecture)) == set(ARCHITECTURES)


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_the_compiler_has_its_operators(architecture: Architecture) -> None:
    assert operators(ModelTable(architecture=architecture, blocks=3)) <= set(OPERATIONS)


def test_shortcuts_and_classes_that_may_sound_at_once_have_operators_of_their_own() -> None:
    found = operators(ModelTable(architecture="mobilenet_v2", head="sigmoid"))
    assert {"ADD", "LOGISTIC"} <= found <= set(OPERATIONS)


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_width_and_depth_scale(architecture: Architecture) -> None:
    def parameters(width: float, blocks: int) -> int:
        table = ModelTable(architecture=architecture, width_multiplier=width, blocks=blocks)
        return int(build_network(FrontendSpec(), table, classes=10, batch_size=1).count_params())

    assert parameters(0.125, 4) < parameters(0.25, 4) < parameters(1.0, 4)
    assert parameters(0.25, 1) < parameters(0.25, 3)


def test_temporal_convolutions_need_the_bands_innermost() -> None:
    spec = FrontendSpec(patch_layout="bands_first")
    with pytest.raises(ProjectError, match="frames first"):
        build_network(spec, ModelTable(architecture="tcn"), classes=10, batch_size=1)
    assert build_network(spec, ModelTable(architecture="ds_cnn"), classes=10, batch_size=1).input_shape == (1, 64, 96, 1)


@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
def test_focal_loss_forgives_what_is_nearly_right(head: Literal["softmax", "sigmoid"]) -> None:
    true, sure, unsure = np.array([[1.0, 0.0]]), np.array([[0.9, 0.1]]), np.array([[0.4, 0.6]])
    model = ModelTable(head=head)
    plain, focal = (training_loss(model, TrainTable(loss=loss, label_smoothing=0.0)) for loss in ("cross_entropy", "focal"))
    shares = [float(focal(true, scores)) / float(plain(true, scores)) for scores in (sure, unsure)]
    assert shares[0] == pytest.approx(0.01, rel=0.01)
    assert shares[1] == pytest.approx(0.36, rel=0.01)
