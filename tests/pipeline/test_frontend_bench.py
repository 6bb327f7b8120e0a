"""The bench of a front end: real firmware on both emulated boards, a planted fault, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.pipeline.small_project import Silent
from tinyaudio.cli.app import app
from tinyaudio.core.artifacts import FirmwareProject
from tinyaudio.core.errors import BoardError, InputError, SpecError, TinyaudioError
from tinyaudio.core.presets import load_preset
from tinyaudio.core.spec import STAGES, FrontendSpec
from tinyaudio.deploy.render import FrontendRenderInputs, render_frontend_project
from tinyaudio.dsp.frontend import bench_signals
from tinyaudio.pipeline import FrontendBench, FrontendBenchRequest, bench_frontend, choose_spec, frontend_bench

KEYS = {
    "board",
    "kernel",
    "preset",
    "frames",
    "mismatches",
    "log_mel_snr_db",
    "int8_step_histogram",
    "table_bytes",
    "ram_bytes",
    "host_realtime_factor",
}


@pytest.fixture(autouse=True)
def no_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINYAUDIO_DATA", raising=False)


def request(**changes: Any) -> FrontendBenchRequest:
    return replace(FrontendBenchRequest(board_id="native", spec=load_preset("yamnet_power"), spec_name="yamnet_power", frames=40), **changes)


@cache
def bench_on(board_id: str) -> FrontendBench:
    return bench_frontend(request(board_id=board_id, against="cmsis_q31", kernel="cmsis_q31"), Silent())


def test_instructions_are_the_same_each_time() -> None:
    again = bench_frontend(request(board_id="mps2_an500", frames=20), Silent()).facts
    assert bench_on("mps2_an500").facts["instructions_per_frame"] == again["instructions_per_frame"]
    assert 10_000 < again["instructions_per_frame"] < 46_000


@pytest.mark.parametrize(("board_id", "unit"), [("native", "nanoseconds"), ("mps2_an500", "instructions")])
def test_every_stage_of_every_frame_is_exact(board_id: str, unit: str) -> None:
    spec = load_preset("yamnet_power")
    bench = bench_on(board_id)
    signals = len(bench_signals(spec, frames=1))
    assert bench.passed
    assert bench.run.frames == signals * -(-40 // signals)
    assert {stage.stage: stage.elements // bench.run.frames for stage in bench.run.stages} == dict(
        zip(STAGES, (spec.fft_samples, 2 * spec.bins, 235, spec.mel_bands, spec.mel_bands, spec.mel_bands, spec.mel_bands), strict=True)
    )
    facts = bench.facts
    assert set(facts) > KEYS | {f"{unit}_per_frame"}
    assert facts["mismatches"] == 0
    assert 0 < facts[f"{unit}_per_frame"] <= facts[f"most_{unit}_per_frame"]
    assert ("host_cpp_realtime_factor" in facts) == (board_id == "native")
    assert facts["against"]["int8_step_histogram"] == {"0": bench.run.frames * spec.mel_bands}
    assert facts["log_mel_snr_db"]["silence"] is None
    assert facts["log_mel_snr_db"]["noise_-40_dbfs"] > 90
    json.dumps(facts, allow_nan=False)


def wrong_weight(inputs: FrontendRenderInputs) -> FirmwareProject:
    """Render firmware in which the last bit of one mel weight is wrong."""
    weights = inputs.tables.rising_weights.copy()
    weights[100] ^= 1
    return render_frontend_project(replace(inputs, tables=replace(inputs.tables, rising_weights=weights)))


def test_a_wrong_table_is_found_and_exits_with_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frontend_bench, "render_frontend_project", wrong_weight)
    result = CliRunner().invoke(app, ["frontend", "bench", "--board", "native", "--preset", "yamnet_power", "--frames", "40", "--json"])
    assert result.exit_code == 3
    facts = json.loads(result.stdout.splitlines()[-1])
    wrong = {stage["stage"]: stage["mismatches"] for stage in facts["stages"]}
    assert wrong["window"] == wrong["fft"] == wrong["energy"] == 0
    assert 0 < wrong["mel"] <= facts["mismatches"]
    first = facts["first_mismatches"][0]
    assert (first["stage"], abs(first["expected"] - first["actual"]) > 0) == ("mel", True)
    table = CliRunner().invoke(app, ["frontend", "bench", "--board", "native", "--preset", "yamnet_power", "--frames", "40"])
    assert table.exit_code == 3
    assert "first differences" in table.stdout
    assert "values differ from the twin's" in table.stdout


def wrong_when_unwatched(inputs: FrontendRenderInputs) -> FirmwareProject:
    """Render firmware whose log-mel is off by the last bit of one band, but only when no observer is there."""
    project = render_frontend_project(inputs)
    path, end = "lib/tinyaudio_frontend/src/frontend.cc", "    report_stage(observer, Stage::kLog, log_mel, tables.mel_bands * 4);\n"
    assert project.files[path].count(end) == 1
    return replace(project, files={**project.files, path: project.files[path].replace(end, f"{end}    log_mel[7] ^= observer == nullptr;\n")})


def test_what_is_wrong_only_when_nobody_watches_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frontend_bench, "render_frontend_project", wrong_when_unwatched)
    bench = bench_frontend(request(frames=20), Silent())
    wrong = {stage.stage: stage.mismatches for stage in bench.run.stages if stage.mismatches}
    assert wrong.keys() <= {"post", "features"}
    assert wrong["post"] == bench.run.frames
    assert not bench.passed
    assert any("differed by its CRC and was right when computed again" in line for line in bench.run.log)


def test_recordings_join_the_signals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tinyaudio.dsp.audio import write_wav

    folder = tmp_path / "esc10"
    folder.mkdir()
    quiet = np.zeros(32_000, np.int16)
    quiet[30_000] = 20_000
    for name in ("first.wav", "second.wav"):
        write_wav(folder / name, quiet, sample_rate_hz=16_000)
    (folder / "manifest.csv").write_text("filename,label\nfirst.wav,dog\nsecond.wav,dog\n", encoding="utf-8")
    monkeypatch.setenv("TINYAUDIO_DATA", str(tmp_path))
    facts = bench_frontend(request(), Silent()).facts
    assert facts["log_mel_snr_db"]["esc10_dog"] > 60  # the click at its end was found, although the clip begins with silence
    assert facts["mismatches"] == 0


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"kernel": "q7"}, SpecError, "--kernel: there is no FFT kernel 'q7'"),
        ({"against": "q7"}, SpecError, "--against: there is no FFT kernel 'q7'"),
        ({"frames": 0}, InputError, "--frames"),
        ({"board_id": "esp33"}, BoardError, "there is no board"),
        ({"board_id": "esp32s3"}, InputError, "--board: esp32s3 has no emulator"),
    ],
)
def test_what_is_not_there_is_refused(changes: dict[str, Any], kind: type[TinyaudioError], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        bench_frontend(request(**changes), Silent())
    assert caught.value.hint


def test_a_spec_comes_from_a_preset_or_a_project(tmp_path: Path) -> None:
    (tmp_path / "tinyaudio.toml").write_text('[project]\nname = "fan"\ntask = "events"\n[frontend]\nmel_bands = 20\n', encoding="utf-8")
    (tmp_path / "manifest.csv").write_text("filename,label\n", encoding="utf-8")
    assert choose_spec(preset=None, project=None) == ("yamnet", FrontendSpec())
    assert choose_spec(preset="yamnet_power", project=None)[1].spectrum == "power"
    name, spec = choose_spec(preset=None, project=tmp_path)
    assert (name, spec.mel_bands) == ("fan", 20)
    with pytest.raises(InputError, match="two front ends"):
        choose_spec(preset="yamnet", project=tmp_path)
    with pytest.raises(SpecError, match="there is no preset 'yam'"):
        choose_spec(preset="yam", project=None)
