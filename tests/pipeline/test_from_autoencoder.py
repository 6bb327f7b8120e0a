"""An anomaly project around a finished autoencoder: made, calibrated, evaluated, every score compared; and what is no autoencoder."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_commands import the_json, tinyaudio
from tests.deploy.compiler.model_builder import ModelBuilder
from tests.pipeline.small_project import line_of
from tinyaudio.core.errors import InputError, ModelError, ProjectError
from tinyaudio.core.presets import load_preset
from tinyaudio.core.project import load_project, parse_project
from tinyaudio.dsp.audio import MachineSet, synthesize_machine_set
from tinyaudio.dsp.frontend import nominal_input
from tinyaudio.pipeline import ModelSource, anomaly_gate, calibrate_stage, check_data, hil_stage, new_project, run_line, train_stage
from tinyaudio.pipeline.data import dataset_stage
from tinyaudio.pipeline.learning import quantize_stage

SMALL_MACHINE = MachineSet(
    train_sessions=3, validation_sessions=2, test_sessions=2, fault_sessions=2, takes=1, clip_samples=24_000, faults=("bearing", "tone")
)
PATCH = 5 * 128  # of the preset ad01


def make_autoencoder(folder: Path, *, outputs: int = PATCH, output_type: str = "int8") -> Path:
    """A dense one with 16 numbers in the middle and random weights, with the range of the preset's features at both ends."""
    spec = load_preset("ad01")
    nominal = nominal_input(spec)
    scale, zero_point = nominal.scale * spec.log_scale, nominal.zero_point
    random = np.random.default_rng(8)
    builder = ModelBuilder()
    patch = builder.tensor("patch", (1, PATCH), scale=scale, zero_point=zero_point)
    down = builder.tensor("down", (16, PATCH), scale=1e-4, data=random.integers(-127, 128, (16, PATCH)))
    middle = builder.tensor("middle", (1, 16), scale=0.1, zero_point=-3)
    up = builder.tensor("up", (outputs, 16), scale=0.02, data=random.integers(-127, 128, (outputs, 16)))
    again = builder.tensor("again", (1, outputs), scale=1.3 * scale, zero_point=zero_point + 5, dtype=output_type)
    builder.operator("FULLY_CONNECTED", [patch, down, -1], [middle], "FullyConnectedOptions")
    builder.operator("FULLY_CONNECTED", [middle, up, -1], [again], "FullyConnectedOptions")
    path = folder / "autoencoder.tflite"
    path.write_bytes(builder.build(inputs=[patch], outputs=[again]))
    return path


@pytest.fixture(scope="module")
def pump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that went the whole way with the firmware as a child process."""
    folder = tmp_path_factory.mktemp("finished_autoencoder")
    synthesize_machine_set(folder / "recordings", SMALL_MACHINE)
    manifest, directory = folder / "recordings" / "manifest.csv", folder / "pump"
    made = tinyaudio(
        *("new", str(directory), "--task", "anomaly", "--from-manifest", str(manifest)),
        *("--from-model", str(make_autoencoder(folder)), "--preset", "ad01", "--json"),
    )
    assert made.returncode == 0, made.stderr
    assert the_json(made)["files"] == ["tinyaudio.toml", "README.md", "model.tflite"]
    toml = directory / "tinyaudio.toml"
    toml.write_text(toml.read_text().replace("# minimum_seconds = 60.0", "minimum_seconds = 5.0"))
    proof = run_line(line_of(directory), "native")
    assert proof.passed, proof.facts["mismatches"]
    (directory / "facts.json").write_text(json.dumps(proof.facts))
    return directory


def test_every_score_of_the_device_is_that_of_the_twin(pump: Path) -> None:
    facts = json.loads((pump / "facts.json").read_text())
    assert facts["mismatches"] == {"frontend": 0, "model": 0, "decisions": 0}
    compared = {stage["stage"]: stage["elements"] for stage in facts["stages"]}
    assert compared["outputs"] == facts["patches"] > 200  # a patch every frame
    assert facts["auc"].keys() == {"int8", "device", "level"}
    assert facts["auc"]["device"] == facts["auc"]["int8"]
    assert "train" not in facts["fingerprints"]
    assert facts["parameters"] == 2 * 16 * PATCH
    assert 2 <= Path(facts["report"]).read_text(encoding="utf-8").count("<audio") <= 4  # a clip may be the most normal and a faulty one


def test_what_the_project_says(pump: Path) -> None:
    tables = tomllib.loads((pump / "tinyaudio.toml").read_text(encoding="utf-8"))
    assert tables["model"] == {"file": "model.tflite"}
    assert tables["firmware"]["smoothing_patches"] == 64  # of a patch every frame: as long as those of a project that trains
    assert load_project(pump).frontend == load_preset("ad01")
    assert "finished autoencoder" in (pump / "README.md").read_text(encoding="utf-8")
    quantized = quantize_stage(line_of(pump)).value
    assert quantized.is_autoencoder
    assert quantized.labels == ("anomaly",)


def test_what_was_for_training_sets_the_threshold(pump: Path) -> None:
    line = line_of(pump)
    dataset = dataset_stage(line).value
    assert not dataset.of_split("train")
    assert len(dataset.of_split("validation")) == 5
    assert calibrate_stage(line).value.smoothing_patches == 64
    assert check_data(line).problems == ()
    with pytest.raises(InputError, match="nothing to train"):
        train_stage(line)


def test_it_is_evaluated_without_a_float_model(pump: Path) -> None:
    assert anomaly_gate(line_of(pump)) == {"loss": 0.0, "allowed": 0.01, "ok": True}
    facts = the_json(tinyaudio("evaluate", "--project", str(pump), "--json"))
    assert facts["metrics"]["figures"].keys() == {"int8", "level"}


def test_the_fake_answers_like_the_firmware(pump: Path) -> None:
    facts = hil_stage(line_of(pump), "native", depth="fake").facts
    assert facts["mismatches"] == {"frontend": 0, "model": 0, "decisions": 0}
    assert facts["alarms"] == json.loads((pump / "facts.json").read_text())["alarms"]


def test_what_is_no_autoencoder_is_refused(tmp_path: Path) -> None:
    def made(**changes: int | str) -> None:
        model = ModelSource(path=make_autoencoder(tmp_path, **changes), preset="ad01", labels=None)  # type: ignore[arg-type]
        new_project(tmp_path / "made", task="anomaly", model=model)

    with pytest.raises(ModelError, match=r"takes \[1, 640\] = 640 values and gives \[1, 10\] = 10; an anomaly project needs an autoencoder"):
        made(outputs=10)
    with pytest.raises(InputError, match="has no classes"):
        labels = tmp_path / "labels.txt"
        new_project(tmp_path / "made", task="anomaly", model=ModelSource(path=make_autoencoder(tmp_path), preset="ad01", labels=labels))
    with pytest.raises(ModelError, match=r"takes \[1, 640\], the front end makes patches of \[96, 64\]"):
        new_project(tmp_path / "made", task="anomaly", model=ModelSource(path=make_autoencoder(tmp_path), preset="yamnet", labels=None))
    assert not (tmp_path / "made").exists()
    with pytest.raises(ProjectError, match=r"model\.labels: an anomaly detector has no classes"):
        text = '[project]\nname = "x"\ntask = "anomaly"\n[model]\nfile = "m.tflite"\nlabels = ["anomaly"]\n'
        parse_project(text, directory=tmp_path)
