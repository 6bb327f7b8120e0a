"""The whole line on a small set: real audio, real TensorFlow, the real compiler, the firmware as a child process."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_commands import the_json, tinyaudio
from tests.pipeline.small_project import Silent, line_of
from tinyaudio.bench.hil.decisions import DECISION_STAGES
from tinyaudio.core.board import load_board
from tinyaudio.core.errors import InputError, ManifestError
from tinyaudio.core.spec import STAGES
from tinyaudio.dsp.audio import write_wav
from tinyaudio.pipeline import build_stage, dataset_stage, evaluate_stage, hil_stage, render_stage, run_line, train_stage

pytest.importorskip("tensorflow", reason='training needs TensorFlow: pip install "tinyaudio[train]"')


def test_what_was_trained_is_what_runs(finished: Path) -> None:
    proof = run_line(line_of(finished), "native")
    facts = proof.facts
    assert facts["mismatches"] == {"frontend": 0, "model": 0, "decisions": 0}
    assert facts["accuracy"]["device"] == facts["accuracy"]["int8"]
    assert facts["clips"] == 6
    assert {stage["stage"] for stage in facts["stages"]} == {*STAGES, "logits", "outputs", *DECISION_STAGES}
    assert all(stage["elements"] > 0 for stage in facts["stages"])
    assert json.loads((proof.page.parent / "report.json").read_text())["elf_sha256"] == facts["elf_sha256"]
    assert "What was trained is what runs" in proof.page.read_text()


def test_a_second_run_reuses_every_stage(finished: Path) -> None:
    line = line_of(finished)
    run_line(line, "native")
    assert all(result.reused for result in line.seen.values())
    assert set(line.seen) == {f"{name}_stage" for name in ("dataset", "features", "train", "quantize", "calibrate", "expected", "evaluate")}


def test_the_fake_answers_like_the_firmware(finished: Path) -> None:
    fake, real = (hil_stage(line_of(finished), "native", depth=depth).report for depth in ("fake", "virtual"))
    assert fake.frontend_mismatches == fake.model_mismatches == 0
    np.testing.assert_array_equal(fake.evaluation.scores, real.evaluation.scores)
    assert fake.cost is None


def test_a_changed_setting_repeats_only_what_depends_on_it(project: Path) -> None:
    toml = project / "tinyaudio.toml"
    toml.write_text(toml.read_text() + "\n[firmware]\nsmoothing_patches = 5\n")
    line = line_of(project)
    before = render_stage(line_of(project), "native")[0].fingerprint
    proof = run_line(line, "native")
    assert {name for name, result in line.seen.items() if not result.reused} <= {"calibrate_stage"}
    assert proof.facts["device"]["firmware_fingerprint"] == before


def test_a_damaged_value_mends_itself(project: Path) -> None:
    for path in (project / "runs" / "small" / "blobs").glob("*.bin"):
        path.write_bytes(path.read_bytes()[:-1])
    line = line_of(project)
    evaluate_stage(line)
    assert line.seen["features_stage"].reused
    assert not line.seen["train_stage"].reused


def test_what_no_stage_names_any_more_is_cleared_away(project: Path) -> None:
    blobs = project / "runs" / "small" / "blobs"
    stale = blobs / ("0" * 64 + ".npy")
    stale.write_bytes(b"of an earlier training")
    os.utime(stale, (0, 0))
    kept = set(blobs.iterdir()) - {stale}
    run_line(line_of(project), "native")
    assert set(blobs.iterdir()) == kept


def test_training_repeats_with_its_seed(project: Path) -> None:
    first = train_stage(line_of(project)).stored.fingerprint
    (project / "runs" / "small" / "train.json").unlink()
    again = train_stage(line_of(project))
    assert not again.reused
    assert again.stored.fingerprint == first


def test_rendering_twice_gives_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        render_stage(line_of(finished), "mps2_an500", out=tmp_path / name)
    trees = [
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()} for root in (tmp_path / "one", tmp_path / "two")
    ]
    assert trees[0] == trees[1]
    assert not any(str(tmp_path).encode() in data for data in trees[0].values())


def test_building_twice_gives_the_same_image(finished: Path) -> None:
    first = build_stage(line_of(finished), "native")
    shutil.rmtree(finished / "runs" / "small" / "native" / "firmware" / ".pio")
    assert build_stage(line_of(finished), "native").elf_sha256 == first.elf_sha256


def test_a_corrupt_recording_stops_before_anything_is_made(project: Path) -> None:
    shutil.rmtree(project / "runs")
    victim = next((project / "audio").glob("siren_*.wav"))
    victim.write_bytes(b"RIFF" + bytes(40))
    with pytest.raises(ManifestError) as caught:
        run_line(line_of(project), "native")
    assert victim.name in str(caught.value)
    assert not list(project.rglob("*.part"))
    checked = tinyaudio("data", "check", "--project", str(project), "--json")
    assert checked.returncode == 3
    assert [(item["kind"], Path(item["file"]).name) for item in the_json(checked)["problems"] if item["severity"] == "error"] == [
        ("unreadable", victim.name)
    ]


def test_warnings_are_shown_but_stop_nothing(project: Path) -> None:
    victim = next((project / "audio").glob("siren_*.wav"))
    write_wav(victim, np.full(24_000, 32_767, np.int16) * np.sign(np.sin(np.arange(24_000))).astype(np.int16), sample_rate_hz=16_000)
    line = line_of(project)
    dataset_stage(line)
    assert isinstance(line.progress, Silent)
    (warning,) = [note for note in line.progress.notes if note.startswith("warning")]
    assert victim.name in warning
    assert "full scale" in warning


@pytest.mark.parametrize(
    ("depth", "port", "words"),
    [
        ("deep", None, "there is no depth 'deep'"),
        ("serial", None, "needs a port"),
        ("virtual", "/dev/ttyACM0", "depth virtual has no port"),
    ],
)
def test_depths_and_ports_must_go_together(finished: Path, depth: str, port: str | None, words: str) -> None:
    with pytest.raises(InputError, match=words):
        run_line(line_of(finished), "native", depth=depth, port=port)


def test_another_kernel_is_one_line_away(project: Path) -> None:
    """The whole line once more with the project's own kernel: other features, another model, and still exact."""
    toml = project / "tinyaudio.toml"
    toml.write_text(toml.read_text().replace('name = "small"', 'name = "small"\nfft_kernel = "portable_q31"'))
    line = line_of(project)
    proof = run_line(line, "native")
    assert proof.passed
    assert proof.facts["device"]["kernel"] == "portable_q31"
    assert not line.seen["features_stage"].reused
    distances = {item["kernel"]: item["int8_step_histogram"] for item in proof.facts["kernel_distances"]}
    assert set(distances) == {"cmsis_q31", "esp_sc16"}
    features = {sum(histogram.values()) for histogram in distances.values()}
    assert features == {proof.facts["frames"] * 64}


def test_a_board_with_another_kernel_than_the_models_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = load_board("native").model_copy(update={"fft_kernel": "esp_sc16"})
    monkeypatch.setattr("tinyaudio.pipeline.data.load_board", lambda board_id, **_: other if board_id == "native" else load_board(board_id))
    with pytest.raises(InputError, match="FFT kernel esp_sc16, but the model was trained with cmsis_q31") as caught:
        run_line(line_of(project), "native")
    assert "fft_kernel" in caught.value.hint


def test_without_a_board_the_projects_is_built(finished: Path) -> None:
    result = tinyaudio("build", "--project", str(finished), "--json")
    assert result.returncode == 0, result.stderr
    facts = the_json(result)
    assert facts["board"] == "mps2_an500"
    assert facts["budget_ok"]
    assert facts["flash_bytes"] == sum(facts["regions"][name]["used_bytes"] for name in ("ssram1",))


def test_the_command_prints_one_object(finished: Path) -> None:
    result = tinyaudio("hil", "--project", str(finished), "--board", "native", "--json")
    assert result.returncode == 0, result.stderr
    facts = the_json(result)
    assert facts["board"] == "native"
    assert Path(facts["report"]).is_file()
