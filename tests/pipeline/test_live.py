"""`tinyaudio live`: what an emulated microphone hears comes out as the twin computes it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_commands import the_json, tinyaudio
from tests.pipeline.small_project import line_of
from tinyaudio.core.errors import InputError
from tinyaudio.dsp.audio import read_pcm, write_wav
from tinyaudio.pipeline import LiveRequest, build_stage, live_stage


@pytest.fixture
def street(finished: Path, tmp_path: Path) -> Path:
    """Recordings of the project, one behind the other, at another rate than the front end's."""
    sounds = [read_pcm(path, sample_rate_hz=16_000) for path in sorted((finished / "audio").glob("*.wav"))[:4]]
    path = tmp_path / "street.wav"
    write_wav(path, np.repeat(np.concatenate(sounds), 2), sample_rate_hz=32_000)
    return path


@pytest.mark.parametrize("board", ["native", "stm32h7"])
def test_what_the_microphone_hears_is_what_the_twin_computes(finished: Path, street: Path, board: str) -> None:
    told: list[str] = []
    proof = live_stage(line_of(finished), LiveRequest(board_id=board, microphone=street), on_detection=told.append)
    facts = proof.facts
    assert proof.passed
    assert not any(facts["mismatches"].values())
    assert (facts["overruns"], facts["gaps"], facts["missing_hops"]) == (0, 0, 0)
    assert facts["seconds"] == 6.0
    assert facts["frames"] == 598
    assert len(told) == len(facts["detections"])
    assert facts["elf_sha256"] == build_stage(line_of(finished), board).elf_sha256


def test_listening_longer_than_the_file_hears_silence(finished: Path, street: Path) -> None:
    facts = live_stage(line_of(finished), LiveRequest(board_id="stm32h7", microphone=street, seconds=7.5), on_detection=lambda _: None).facts
    assert facts["seconds"] == 7.5
    assert not any(facts["mismatches"].values())


def test_the_command_prints_one_object(finished: Path, street: Path) -> None:
    result = tinyaudio("live", "--project", str(finished), "--board", "native", "--microphone", str(street), "--json")
    assert result.returncode == 0, result.stderr
    facts = the_json(result)
    assert facts["missing_hops"] == 0
    assert json.dumps(facts["mismatches"]) == json.dumps(dict.fromkeys(facts["mismatches"], 0))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"board_id": "stm32h7"}, "hears only what it is given"),
        ({"board_id": "mps2_an500", "microphone": Path("x.wav")}, "mps2_an500 has no microphone"),
        ({"board_id": "native", "depth": "fake"}, "at depth fake no firmware listens"),
        ({"board_id": "native", "seconds": 0.0, "microphone": Path("x.wav")}, "cannot listen for 0.0 s"),
        ({"board_id": "native", "seconds": float("nan"), "microphone": Path("x.wav")}, "cannot listen for nan s"),
        ({"board_id": "stm32h7", "port": "/dev/ttyACM0", "microphone": Path("x.wav")}, "hears the room"),
        ({"board_id": "stm32h7", "depth": "serial"}, "needs a port"),
        ({"board_id": "stm32h747i_disco"}, r"no microphone: its file has no \[microphone\]"),
        ({"board_id": "mps2_an500"}, "mps2_an500 has no microphone"),
        ({"board_id": "native", "microphone": Path("absent.wav")}, "there is no file absent.wav"),
    ],
)
def test_requests_that_do_not_go_together(finished: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        live_stage(line_of(finished), LiveRequest(**changes), on_detection=lambda _: None)  # type: ignore[arg-type]


@pytest.mark.parametrize(("samples", "seconds"), [(0, None), (10, None), (32_000, 0.001)])
def test_a_recording_that_gives_no_window_proves_nothing(finished: Path, tmp_path: Path, samples: int, seconds: float | None) -> None:
    path = tmp_path / "short.wav"
    write_wav(path, np.zeros(samples, np.int16), sample_rate_hz=16_000)
    with pytest.raises(InputError, match="there would be nothing to compare"):
        live_stage(line_of(finished), LiveRequest(board_id="native", microphone=path, seconds=seconds), on_detection=lambda _: None)


def test_two_recordings_of_a_project_at_once_do_not_disturb_each_other(finished: Path, street: Path) -> None:
    request = LiveRequest(board_id="native", microphone=street)
    build_stage(line_of(finished), "native")
    with ThreadPoolExecutor(2) as pool:
        proofs = list(pool.map(lambda _: live_stage(line_of(finished), request, on_detection=lambda _: None), range(2)))
    assert all(proof.passed for proof in proofs)
    assert not list((finished / "runs").glob("*/native/live-*"))
