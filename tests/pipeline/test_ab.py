"""``tinyaudio hil --ab``: fast kernels against plain ones on the emulated Cortex-M7."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.pipeline.planted import plant
from tests.pipeline.small_project import line_of
from tinyaudio.cli.app import app
from tinyaudio.core.errors import InputError
from tinyaudio.pipeline import ab, ab_stage, parse_request
from tinyaudio.pipeline.flashing import FlashRequest

ARGUMENTS = ("hil", "--ab", "--project")


@pytest.fixture(scope="module")
def built(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which both firmwares are built once; what follows changes one file of them."""
    return Path(shutil.copytree(finished, tmp_path_factory.mktemp("ab") / "project", symlinks=True))


def test_both_kernels_say_the_same_and_the_fast_ones_are_fast(built: Path) -> None:
    proof = ab_stage(line_of(built), "mps2_an500")
    facts = proof.facts["ab"]
    assert proof.passed
    assert (facts["clips"], facts["mismatches"], facts["differing_clips"], facts["first"]) == (6, 0, [], None)
    assert facts["elements"] > 6 * 3 * 4  # labels, stages
    optimized, reference = facts["optimized"], facts["reference"]
    assert optimized["model_kernels"] != reference["model_kernels"]
    assert optimized["firmware_fingerprint"] != reference["firmware_fingerprint"]
    assert reference["instructions"]["model_per_inference"] > 2 * optimized["instructions"]["model_per_inference"]
    assert proof.facts["instructions"] == optimized["instructions"]  # the rest of the report is about the optimized firmware
    assert "Fast kernels against plain ones" in proof.page.read_text()


def test_the_command_names_the_first_clip_that_differs_and_ends_with_3(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fast kernel alone clamps the last convolution, so that all clips look alike to it."""

    def clamp(text: str) -> str:
        shape = list(re.finditer(r"struct Pointwise\w*Shape\d+ \{.*?\n\};", text, re.DOTALL))[-1][0]
        return text.replace(shape, shape.replace("kActivationMax = 127;", "kActivationMax = TINYAUDIO_NN_DSP ? -100 : 127;"))

    plant(monkeypatch, clamp)
    result = CliRunner().invoke(app, [*ARGUMENTS, str(built), "--board", "mps2_an500", "--json"])
    assert result.exit_code == 3, result.stderr
    facts = json.loads(result.stdout)
    first = facts["ab"]["first"]
    assert facts["ab"]["differing_clips"][0] == first["filename"]
    assert first["stage"] == "logits"  # what comes first along the line
    assert first["optimized"] != first["reference"]
    assert facts["ab"]["mismatches"] == sum(difference["elements"] for difference in facts["ab"]["differences"])
    assert facts["ab"]["optimized"]["mismatches"] > 0  # so the reference interpreter says who is wrong
    assert facts["ab"]["reference"]["mismatches"] == 0
    assert first["filename"] in Path(facts["report"]).read_text()


@pytest.mark.parametrize(
    ("board", "depth", "words"),
    [("native", None, "native has plain kernels only"), ("mps2_an500", "fake", "no kernel runs"), ("mps2_an500", "serial", "needs a port")],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_built(finished: Path, board: str, depth: str | None, words: str) -> None:
    with pytest.raises(InputError, match=words):
        ab_stage(line_of(finished), board, depth=depth)


@pytest.mark.parametrize("other", [("--self-test",), ("--kernels", "reference")])
def test_ab_is_one_thing_at_a_time(finished: Path, other: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*ARGUMENTS, str(finished), *other])
    assert result.exit_code == 1
    assert f"error: {other[0]}: --ab builds both sets of kernels" in result.stderr


def test_a_real_board_is_flashed_with_both_the_usual_one_last(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flashed = []

    class StoppedError(Exception):
        pass

    def flash_stage(_line: object, request: FlashRequest) -> object:
        flashed.append((request.board_id, request.slot, request.port, request.firmware.kernels))
        if len(flashed) == 2:
            raise StoppedError
        return type("Flashed", (), {"port": "/dev/other"})

    streamed = []
    monkeypatch.setattr(ab, "flash_stage", flash_stage)
    monkeypatch.setattr(ab, "stream_clips", lambda _line, board, **options: streamed.append((options["port"], options["request"].kernels)))
    with pytest.raises(StoppedError):
        ab_stage(line_of(finished), "stm32h7", port="/dev/ttyACM0", request=parse_request())
    assert flashed == [("stm32h7", None, "/dev/ttyACM0", "reference"), ("stm32h7", None, "/dev/ttyACM0", "optimized")]
    assert streamed == [("/dev/other", "reference")]
