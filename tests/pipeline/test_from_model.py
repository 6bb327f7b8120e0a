"""A project around a finished model: made, evaluated, compared with the twin; and models that do not go with it."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.deploy.compiler.model_builder import ModelBuilder
from tests.deploy.compiler.streaming_cases import StreamingModel
from tests.golden_fixture import LABELS, MODEL_FILE, SIGNALS, golden_vectors
from tests.pipeline.small_project import Silent
from tinyaudio.cli.app import app
from tinyaudio.core.errors import InputError, ModelError, ProjectError, TinyaudioError
from tinyaudio.core.presets import load_preset
from tinyaudio.core.project import load_project, parse_project
from tinyaudio.core.tflite_metadata import add_metadata
from tinyaudio.dsp.audio import write_wav
from tinyaudio.learn.dataset import patch_features, quantized_patches
from tinyaudio.learn.oracle import Oracle
from tinyaudio.learn.quantize import FRONTEND_KEY
from tinyaudio.pipeline import (
    ModelSource,
    calibrate_stage,
    check_data,
    expected_stage,
    features_stage,
    hil_stage,
    new_project,
    open_line,
    parse_request,
    quantize_stage,
    render_stage,
    train_stage,
)
from tinyaudio.pipeline.foreign import check_frontend
from tinyaudio.pipeline.model_file import read_model

FRONTEND = "patch_frames = 32\npatch_hop_frames = 16\n"  # of the golden model


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.txt"
    path.write_text("\n".join(LABELS) + "\n\n", encoding="utf-8")
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The golden model with its signals, the two that are of no class left out."""
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "model.tflite").write_bytes(MODEL_FILE.read_bytes())
    (directory / "tinyaudio.toml").write_text(
        f'[project]\nname = "golden"\n[frontend]\n{FRONTEND}[model]\nfile = "model.tflite"\nlabels = {json.dumps(LABELS)}\n', encoding="utf-8"
    )
    rows = ["filename,label,group"]
    for signal in SIGNALS:
        if signal in LABELS:
            write_wav(directory / f"{signal}.wav", golden_vectors().pcm[signal], sample_rate_hz=16_000)
            rows.append(f"{signal}.wav,{signal},{signal}")
    (directory / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return directory


def test_the_line_goes_on_without_training(project: Path) -> None:
    line = open_line(project, Silent())
    assert check_data(line).problems == ()
    model = quantize_stage(line).value
    assert (model.tflite, model.labels) == (MODEL_FILE.read_bytes(), LABELS)
    assert calibrate_stage(line).value.smoothing_patches == 3
    proof = hil_stage(line, "mps2_an500", depth="fake")
    assert proof.passed
    assert proof.facts["accuracy"].keys() == {"int8", "device"}
    assert proof.facts["parameters"] > 1_000 and "train" not in proof.facts["fingerprints"]
    page = proof.page.read_text(encoding="utf-8")
    assert "operator by operator" in page and "clip accuracy, float" not in page
    with pytest.raises(InputError, match="nothing to train"):
        train_stage(line)
    assert quantize_stage(open_line(project, Silent())).reused


def test_another_model_file_is_noticed(project: Path) -> None:
    assert not quantize_stage(open_line(project, Silent())).reused
    text = (project / "tinyaudio.toml").read_text().replace('"chirp"', '"whistle"')
    (project / "tinyaudio.toml").write_text(text)
    (project / "manifest.csv").write_text((project / "manifest.csv").read_text().replace(",chirp,", ",whistle,"))
    assert quantize_stage(open_line(project, Silent())).value.labels[0] == "whistle"


def test_labels_that_the_model_does_not_know(project: Path) -> None:
    (project / "manifest.csv").write_text("filename,label,group\ntone.wav,siren,tone\n")
    problems = check_data(open_line(project, Silent())).problems
    assert [(problem.kind, problem.row) for problem in problems] == [("unknown_label", 2)]
    assert "chirp, clicks, noise, tone" in problems[0].message
    (project / "manifest.csv").write_text("filename,label,group,split\ntone.wav,tone,tone,train\n")
    assert "no clip is in the split 'test'" in check_data(open_line(project, Silent())).problems[0].message


def test_a_new_project_says_all_it_needs(tmp_path: Path, labels: Path) -> None:
    model = _keywords(tmp_path, scale=0.6, zero_point=83)
    arguments = ["new", str(tmp_path / "keywords"), "--from-model", str(model), "--preset", "mfcc", "--labels", str(labels), "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["files"] == ["tinyaudio.toml", "README.md", "manifest.csv", "model.tflite"]
    tables = tomllib.loads((tmp_path / "keywords" / "tinyaudio.toml").read_text(encoding="utf-8"))
    assert tables["model"] == {"file": "model.tflite", "labels": list(LABELS)}
    made = load_project(tmp_path / "keywords")
    assert made.frontend == load_preset("mfcc") and made.model_path == tmp_path / "keywords" / "model.tflite"
    assert (tmp_path / "keywords" / "model.tflite").read_bytes() == model.read_bytes()
    assert "finished model" in (tmp_path / "keywords" / "README.md").read_text(encoding="utf-8")


def _keywords(
    folder: Path, *, shape: tuple[int, ...] = (1, 49, 10, 1), scale: float = 0.6, zero_point: int = 83, outputs: int = 4, dtype: str = "int8"
) -> Path:
    """A model that looks like one of keywords: it is one layer."""
    builder = ModelBuilder()
    elements = int(np.prod(shape))
    image = builder.tensor("image", shape, scale=scale, zero_point=zero_point, dtype=dtype)
    weights = builder.tensor("weights", (outputs, elements), scale=0.01, data=np.ones((outputs, elements)))
    scores = builder.tensor("scores", (1, outputs), scale=1 / 256, zero_point=-128)
    builder.operator("FULLY_CONNECTED", [image, weights, -1], [scores], "FullyConnectedOptions")
    path = folder / "kws.tflite"
    path.write_bytes(builder.build(inputs=[image], outputs=[scores]))
    return path


@pytest.mark.parametrize(
    ("changes", "preset", "message"),
    [
        (
            {"shape": (1, 98, 10, 1)},
            "mfcc",
            r"takes \[1, 98, 10, 1\], the front end makes patches of \[49, 10\] \(49 frames of 10 features, frames_first\)",
        ),
        ({"shape": (1, 10, 49, 1)}, "mfcc", r"takes \[1, 10, 49, 1\], the front end makes patches of \[49, 10\]"),
        (
            {"scale": 0.01},
            "mfcc",
            r"takes features from -2.11 to 0.44 \(scale 0.01, zero point 83\), the front end makes -12\d\.\d\d to 2\d\.\d\d \(scale 0.5\d+",
        ),
        ({"outputs": 5}, "mfcc", r"has an output of \[1, 5\] = 5 values for 4 labels \(chirp, clicks, noise, tone\)"),
        ({}, None, "does not name its front end"),
        ({}, "kws", "no preset 'kws'"),
    ],
)
def test_what_does_not_go_together_is_shown(tmp_path: Path, labels: Path, changes: dict[str, Any], preset: str | None, message: str) -> None:
    source = ModelSource(path=_keywords(tmp_path, **changes), preset=preset, labels=labels)
    with pytest.raises(TinyaudioError, match=message):
        new_project(tmp_path / "made", task="events", model=source)
    assert not (tmp_path / "made").exists()


def _streaming() -> bytes:
    """Scores of all frames since the clip began: two frames of the yamnet preset a step, added to a variable."""
    model = StreamingModel()
    image = model.tensor("image", (1, 128), scale=0.06, zero_point=-8)
    weights = model.tensor("weights", (4, 128), scale=0.001, data=np.random.default_rng(1).integers(-127, 128, (4, 128)))
    step = model.values("step", (1, 4))
    model.operator("FULLY_CONNECTED", [image, weights, -1], [step], "FullyConnectedOptions")
    model.initialize(total=np.full((1, 4), 3))
    total = model.handle("total")
    model.assign(total, model.add(model.read(total, (1, 4)), step, (1, 4)))
    return model.build(inputs=[image], outputs=[model.read(total, (1, 4))])


def test_a_streaming_model_forgets_where_a_clip_begins(project: Path) -> None:
    (project / "model.tflite").write_bytes(_streaming())
    toml = (project / "tinyaudio.toml").read_text(encoding="utf-8")
    (project / "tinyaudio.toml").write_text(toml.replace(FRONTEND, "patch_frames = 2\npatch_hop_frames = 2\n"), encoding="utf-8")
    line = open_line(project, Silent())
    proof = hil_stage(line, "native")
    assert proof.passed, proof.facts["mismatches"]
    assert proof.facts["accuracy"]["int8"] == proof.facts["accuracy"]["device"]
    expected, features = expected_stage(line).value, features_stage(line).value
    oracle, patches = Oracle(_streaming()), quantized_patches(quantize_stage(line).value, patch_features(features, "test"))
    first = expected.patch_offsets[1]
    np.testing.assert_array_equal(oracle.run(patches[first])[0], expected.logits[first])  # of an interpreter that knows nothing else
    assert not np.array_equal(oracle.run(patches[first])[0], expected.logits[first])
    assert len(np.unique(expected.logits)) > 20


def test_what_a_streaming_model_cannot_be_given(tmp_path: Path, labels: Path) -> None:
    path = tmp_path / "streaming.tflite"
    path.write_bytes(_streaming())
    new_project(tmp_path / "made", task="events", model=ModelSource(path=path, preset="yamnet", labels=labels))
    made = load_project(tmp_path / "made").frontend
    assert (made.patch_frames, made.patch_hop_frames) == (2, 2)
    with pytest.raises(ModelError, match=r"patches of 2 frames must follow each other; the front end makes one every 1 frames"):
        check_frontend(read_model(path, int8_ends=True), replace(made, patch_hop_frames=1))


def test_a_streaming_model_is_told_to_forget_on_either_runtime(project: Path) -> None:
    (project / "model.tflite").write_bytes(_streaming())
    toml = (project / "tinyaudio.toml").read_text(encoding="utf-8")
    (project / "tinyaudio.toml").write_text(toml.replace(FRONTEND, "patch_frames = 2\npatch_hop_frames = 2\n"), encoding="utf-8")
    for runtime in ("aot", "tflm"):
        files = render_stage(open_line(project, Silent()), "mps2_an500", request=parse_request(runtime=runtime))[0].files
        assert "        tinyaudio_model::reset,\n" in files["src/generated/application_config.cc"]


def test_weights_for_speed_are_another_firmware(project: Path) -> None:
    line = open_line(project, Silent())
    usual, fast = (render_stage(line, "mps2_an500", request=parse_request(optimize=word))[0] for word in ("size", "speed"))
    weights = "src/generated/model_weights.cc"
    assert len(fast.files[weights]) > len(usual.files[weights])
    assert "weights for speed" in fast.files["src/generated/application_config.cc"]
    assert "weights for speed" not in usual.files["src/generated/application_config.cc"]
    with pytest.raises(InputError, match="takes the weights as they are"):
        render_stage(line, "mps2_an500", request=parse_request(runtime="tflm", optimize="speed"))


def test_models_without_labels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.tflite"
    with pytest.raises(ModelError, match="does not name its labels"):
        new_project(tmp_path / "made", task="events", model=ModelSource(path=_keywords(tmp_path), preset="mfcc", labels=None))
    said = {"spec": {}, "kernel": "cmsis_q31", "fingerprint": "a" * 64}
    path.write_bytes(add_metadata(MODEL_FILE.read_bytes(), {FRONTEND_KEY: json.dumps(said).encode()}))
    with pytest.raises(ModelError, match=r"was made for the front end aaaaaaaaaaaa \(kernel cmsis_q31\), the project has 000000000000"):
        check_frontend(read_model(path), load_preset("yamnet"), fingerprint="0" * 64)


def test_bad_lists(tmp_path: Path) -> None:
    model, twice = _keywords(tmp_path), tmp_path / "twice.txt"
    twice.write_text("dog\ndog\n")
    with pytest.raises(InputError, match="names a label twice"):
        new_project(tmp_path / "made", task="events", model=ModelSource(path=model, preset="mfcc", labels=twice))
    with pytest.raises(InputError, match="labels cannot be read"):
        new_project(tmp_path / "made", task="events", model=ModelSource(path=model, preset="mfcc", labels=tmp_path / "none.txt"))
    with pytest.raises(InputError, match="no such manifest"):
        new_project(tmp_path / "made", task="events", manifest=tmp_path / "none.csv")
    assert CliRunner().invoke(app, ["new", str(tmp_path / "made"), "--preset", "mfcc"]).exit_code == 1
    for text, message in (
        ('[model]\nlabels = ["dog"]', "model.labels: are those of model.file"),
        ('[model]\nfile = "m.tflite"', "model.labels: must name the outputs"),
        ('[model]\nfile = "m.tflite"\nlabels = ["dog", "dog"]', "'dog' is listed twice"),
    ):
        with pytest.raises(ProjectError, match=message):
            parse_project(f'[project]\nname = "x"\n{text}\n', directory=tmp_path)


def test_evaluate_measures_a_finished_model_alone(project: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", "--project", str(project), "--json"])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout.splitlines()[-1])
    assert facts["metrics"]["accuracy"].keys() == {"int8"}
    assert facts["metrics"]["gate"]["ok"]
    assert "report" not in facts
