"""The whole line of a one-class model on a small machine set, with a backbone of random weights, under the same checks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_commands import the_json, tinyaudio
from tests.pipeline.small_project import line_of
from tinyaudio.core.errors import ModelError, ProjectError, StageError
from tinyaudio.core.one_class import TABLE_LIMIT_BYTES, one_class_scores, one_class_values
from tinyaudio.core.project import ModelTable, load_project
from tinyaudio.dsp.audio import MachineSet, synthesize_machine_set
from tinyaudio.learn.dataset import patch_features, quantized_patches
from tinyaudio.pipeline import LiveRequest, anomaly_evaluate_stage, anomaly_gate, hil_stage, live_stage, quantize_stage, render_stage, run_line
from tinyaudio.pipeline.data import features_stage
from tinyaudio.pipeline.judging import expected_stage, threshold_stage
from tinyaudio.pipeline.learning import train_stage

pytest.importorskip("tensorflow", reason='training needs TensorFlow: pip install "tinyaudio[train]"')
pytest.importorskip("sklearn", reason='one-class models need scikit-learn: pip install "tinyaudio[train]"')

SMALL_MACHINE = MachineSet(
    train_sessions=6, validation_sessions=4, test_sessions=4, fault_sessions=2, takes=1, clip_samples=40_000, faults=("bearing", "tone")
)
FRONT_END = """
window_samples = 1024
hop_samples = 512
fft_samples = 1024
mel_bands = 32
mel_low_hz = 60.0
"""
PROJECT = f"""
[project]
name = "pump"
task = "anomaly"

[frontend]
{FRONT_END}
patch_frames = 16
patch_hop_frames = 8

[anomaly]
architecture = "mahalanobis"
minimum_seconds = 10.0
trees = 20
maximum_auc_loss = 0.1

[model]
blocks = 2
activation = "relu"

[train.transfer]
backbone = "backbone.keras"

[train.transfer.frontend]
{FRONT_END}
"""


def write_backbone(directory: Path) -> None:
    """Write a network of random weights in the place of one that was trained on other sound."""
    import keras

    from tinyaudio.learn.training import build_network

    keras.utils.set_random_seed(5)
    spec = load_project(directory).frontend
    build_network(spec, ModelTable(blocks=2, activation="relu"), classes=3, batch_size=1).save(directory / "backbone.keras")


@pytest.fixture(scope="module")
def pump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pump")
    synthesize_machine_set(directory, SMALL_MACHINE)
    (directory / "tinyaudio.toml").write_text(PROJECT)
    write_backbone(directory)
    proof = run_line(line_of(directory), "native")
    assert proof.passed
    (directory / "facts.json").write_text(json.dumps(proof.facts))
    return directory


@pytest.fixture
def project(pump: Path, tmp_path: Path) -> Path:
    return shutil.copytree(pump, tmp_path / "pump")


def change(project: Path, old: str, new: str) -> None:
    toml = project / "tinyaudio.toml"
    assert old in toml.read_text()
    toml.write_text(toml.read_text().replace(old, new))


def test_every_score_of_the_device_is_that_of_the_twin(pump: Path) -> None:
    facts = json.loads((pump / "facts.json").read_text())
    assert facts["mismatches"] == {"frontend": 0, "model": 0, "decisions": 0}
    compared = {stage["stage"]: stage["elements"] for stage in facts["stages"]}
    assert compared["outputs"] == facts["patches"] > 0
    assert compared["logits"] == 4 * facts["patches"]
    assert facts["auc"]["device"] == facts["auc"]["int8"] > 0.95
    page = Path(facts["report"]).read_text()
    assert "What was trained is what runs" in page
    assert 2 <= page.count("<audio") <= 4  # a clip may be the most normal and the strangest of its kind


def test_scores_are_those_of_the_embedding(pump: Path) -> None:
    from tinyaudio.learn.oracle import Oracle

    line = line_of(pump)
    quantized = quantize_stage(line).value
    tables = quantized.one_class
    assert tables is not None
    assert tables.table_bytes < TABLE_LIMIT_BYTES
    patches = quantized_patches(quantized, patch_features(features_stage(line).value, "test"))[:4]
    embeddings = np.stack([Oracle(quantized.tflite).run(patch)[1] for patch in patches])
    scores = one_class_scores(one_class_values(embeddings, tables), tables)
    np.testing.assert_array_equal(scores, expected_stage(line).value.outputs[:4, 0])


def test_int8_keeps_what_float_knows(pump: Path) -> None:
    line = line_of(pump)
    assert anomaly_gate(line)["ok"]
    evaluations = anomaly_evaluate_stage(line).value
    assert evaluations.float is not None
    assert np.corrcoef(evaluations.float.scores, evaluations.int8.scores)[0, 1] > 0.9


def test_a_forest_runs_as_its_twin(project: Path) -> None:
    """The other kind of tables, on the same network; those of every kind are compiled in tests/host_cpp/test_one_class_cpp.py."""
    change(project, '"mahalanobis"', '"isolation_forest"')
    proof = hil_stage(line_of(project), "native", depth="virtual")
    assert proof.report.mismatches == 0
    assert proof.facts["auc"]["device"] > 0.6


def test_the_commands_tell_what_was_fitted(pump: Path) -> None:
    fitted = the_json(tinyaudio("train", "--project", str(pump), "--json"))
    assert fitted["reused"]
    assert fitted["metrics"]["kind"] == "mahalanobis"
    quantized = the_json(tinyaudio("quantize", "--project", str(pump), "--json"))
    tables = quantize_stage(line_of(pump)).value.one_class
    assert tables is not None
    assert quantized["metrics"]["table_bytes"] == tables.table_bytes


def test_the_fake_answers_like_the_firmware(pump: Path) -> None:
    facts = hil_stage(line_of(pump), "native", depth="fake").facts
    assert facts["mismatches"] == {"frontend": 0, "model": 0, "decisions": 0}
    assert facts["auc"] == json.loads((pump / "facts.json").read_text())["auc"]


def test_live_sound_is_scored_as_the_twin_scores_it(pump: Path) -> None:
    fault = sorted((pump / "audio").glob("*bearing*.wav"))[0]
    proof = live_stage(line_of(pump), LiveRequest(board_id="native", microphone=fault), on_detection=lambda _: None)
    assert proof.passed
    assert not any(proof.facts["mismatches"].values())


def test_another_setting_of_the_model_is_fitted_again_and_another_threshold_is_not(project: Path) -> None:
    before = render_stage(line_of(project), "native")[0].fingerprint
    change(project, "minimum_seconds", "sigma = 4.0\nminimum_seconds")
    line = line_of(project)
    assert not threshold_stage(line).reused
    assert train_stage(line).reused
    change(project, "minimum_seconds", "components = 3\nminimum_seconds")
    again = line_of(project)
    assert not train_stage(again).reused
    assert quantize_stage(again).value.sha256 != quantize_stage(line).value.sha256
    assert render_stage(again, "native")[0].fingerprint != before


def test_a_backbone_that_is_not_there_is_refused(project: Path) -> None:
    change(project, '"backbone.keras"', '"nowhere.keras"')
    with pytest.raises(ModelError, match="cannot read"):
        train_stage(line_of(project))
    change(project, '"nowhere.keras"', '""')
    with pytest.raises(ProjectError, match="scores the embedding of a backbone, and the project names none"):
        train_stage(line_of(project))


def test_a_backbone_of_another_front_end_is_refused(project: Path) -> None:
    own, _, transfer = (project / "tinyaudio.toml").read_text().partition("[train.transfer.frontend]")
    (project / "tinyaudio.toml").write_text(f"{own}[train.transfer.frontend]{transfer.replace('60.0', '125.0')}")
    with pytest.raises(ModelError, match="another front end"):
        train_stage(line_of(project))
    (project / "tinyaudio.toml").write_text(own)
    with pytest.raises(ModelError, match="does not tell what front end"):
        train_stage(line_of(project))


def test_a_backbone_that_is_too_short_is_refused(project: Path) -> None:
    change(project, "blocks = 2", "blocks = 3")
    with pytest.raises(ModelError, match="no weights for block03_depthwise"):
        train_stage(line_of(project))


def test_a_backbone_whose_weights_are_no_numbers_is_refused(project: Path) -> None:
    import keras

    model = keras.models.load_model(project / "backbone.keras", compile=False)
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    model.save(project / "backbone.keras")
    with pytest.raises(StageError, match="not a number"):
        train_stage(line_of(project))
