"""Compiled models that call the vendor's kernels: what is refused, and with CMSIS-NN's sources the same proof as with ours.

With sources: ``TINYAUDIO_TFLM_ROOT`` names a folder that has the tree ``cmsis_nn`` of TFLite Micro.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.deploy.tflm_program import tree
from tests.golden_fixture import MODEL_FILE
from tests.pipeline.small_project import Silent, line_of
from tests.pipeline.test_model import request
from tinyaudio.cli.app import app
from tinyaudio.core.errors import InputError, ToolError
from tinyaudio.pipeline import (
    ModelOutcome,
    ab_stage,
    build_stage,
    compare_kernels,
    hil_stage,
    parse_request,
    render_stage,
    self_test_stage,
    verify_model,
)

VENDOR = parse_request(kernels="vendor")


def test_the_firmware_has_a_folder_of_its_own() -> None:
    assert (VENDOR.folder, VENDOR.report_folder) == ("firmware_vendor", "report_vendor")
    assert parse_request(runtime="aot", kernels="vendor", optimize="speed").folder == "firmware_aot_vendor_speed"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kernels": "reference"}, "there are no kernels 'reference' for a model alone"),
        ({"kernels": "vendor"}, "there are no vendor's kernels for native"),
        ({"kernels": "vendor", "runtime": "tflm"}, "TFLite Micro computes with its fastest kernels anyway"),
    ],
)
def test_what_there_is_not_is_refused(changes: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        verify_model(request(**changes), Silent())
    assert caught.value.where == "--kernels"


def test_without_its_sources_the_way_to_get_them_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINYAUDIO_TFLM_ROOT", raising=False)
    monkeypatch.setenv("TINYAUDIO_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(ToolError, match="--kernels vendor needs CMSIS-NN"):
        verify_model(request(board_id="mps2_an500", kernels="vendor"), Silent())
    result = CliRunner().invoke(app, ["model", "bench", str(MODEL_FILE), "--kernels", "vendor", "--offline", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["type"] == "ToolError"


def test_bench_shows_each_operator_twice_and_says_why_ours_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(*_: object) -> ModelOutcome:
        own = verify_model(request(), Silent(), per_operator=True)
        operations = [
            {**row, "vendor_refusal": "no window of this kind" if row["index"] == 0 else "", "nanoseconds": 9_000} for row in own.facts["ops"]
        ]
        facts = own.facts | {"ops": operations, "model_kernels": "tinyaudio + CMSIS-NN 1.2.3", "own": own.facts}
        return replace(own, facts=facts)

    monkeypatch.setattr("tinyaudio.pipeline.compare_kernels", measured)
    arguments = ["model", "bench", str(MODEL_FILE), "--kernels", "vendor", "--board", "native"]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert any("tinyaudio + CMSIS-NN 1.2.3" in line for line in lines)
    (refused,) = [line for line in lines if "ours: no window of this kind" in line]
    assert "CONV_2D" in refused
    assert "9,000" in refused
    assert any("the vendor's" in line for line in lines)
    facts = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert facts["own"]["ops"][0]["kernel"]


def test_a_project_is_rendered_without_sources_and_refused_for_a_board_without_vendor(project: Path) -> None:
    rendered, directory = render_stage(line_of(project), "mps2_an500", request=VENDOR)
    assert (directory.name, rendered.runtime) == ("firmware_vendor", "aot")
    assert (directory / "lib" / "tinyaudio_cmsis_nn" / "src" / "cmsis_nn.cc").is_file()
    with pytest.raises(InputError, match="there are no vendor's kernels for native"):
        render_stage(line_of(project), "native", request=VENDOR)


def test_whoever_builds_with_esp_nn_is_told_what_nobody_could_compare(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (project / "tinyaudio.toml").read_text(encoding="utf-8")
    (project / "tinyaudio.toml").write_text(text.replace('name = "small"', 'name = "small"\nboard = "esp32s3"'), encoding="utf-8")
    monkeypatch.setattr("tinyaudio.pipeline.firmware.render_stage", lambda *_, **__: (_Rendered(), project))
    monkeypatch.setattr("tinyaudio.pipeline.firmware.require_build_tools", lambda *_, **__: None)  # ESP-IDF is not needed for the note
    monkeypatch.setattr("tinyaudio.pipeline.firmware.build_project", _built)
    line = line_of(project)
    build_stage(line, "esp32s3", request=parse_request(runtime="aot", kernels="vendor"))
    assert isinstance(line.progress, Silent)
    (warning,) = [note for note in line.progress.notes if note.startswith("warning")]
    assert "ESP-NN's vector kernels" in warning
    assert "hil --self-test" in warning


class _Rendered:
    placement = None


class _Artifact:
    arena_measured = True


def _built(*_: object, **__: object) -> _Artifact:
    return _Artifact()


@pytest.mark.parametrize("board_id", ["mps2_an500", "stm32h7"])
def test_a_model_alone_computes_the_same_with_their_kernels_and_with_ours(board_id: str) -> None:
    tree("cmsis_nn")
    outcome = compare_kernels(request(board_id=board_id), Silent())
    facts, own = outcome.facts, outcome.facts["own"]
    assert outcome.passed
    assert (facts["mismatches"], own["mismatches"]) == (0, 0)
    assert facts["model_kernels"].startswith("tinyaudio + CMSIS-NN 19")
    assert (facts["vendor"], own["vendor"]) == ("cmsis_nn", None)
    assert facts["predicted_instructions"] is None
    assert any(operation["kernel"].startswith("cmsis_nn") for operation in facts["ops"])
    assert all(bool(operation["vendor_refusal"]) != operation["kernel"].startswith("cmsis_nn") for operation in facts["ops"])
    assert facts["instructions_per_inference"] > own["instructions_per_inference"]


@pytest.mark.parametrize("board_id", ["mps2_an500", "stm32h7"])
def test_what_was_trained_is_what_runs(board_id: str, project: Path) -> None:
    tree("cmsis_nn")
    proof = hil_stage(line_of(project), board_id, request=VENDOR)
    report = proof.report
    assert proof.passed
    assert (report.frontend_mismatches, report.model_mismatches, report.decision_mismatches) == (0, 0, 0)
    assert report.identity.model_kernels.startswith("tinyaudio + CMSIS-NN ")
    assert report.identity.arena_bytes == report.identity.arena_used_bytes
    built = project / "runs" / "small" / board_id / "firmware_vendor" / ".pio" / "build" / board_id / "build.json"
    facts = json.loads(built.read_text(encoding="utf-8"))
    assert facts["model_kernels"] == report.identity.model_kernels
    assert "CMSIS-NN" in [component["name"] for component in facts["components"]]


def test_every_operator_alone_and_clip_by_clip_against_the_plain_kernels(project: Path) -> None:
    tree("cmsis_nn")
    line = line_of(project)
    outcome = self_test_stage(line, "mps2_an500", request=VENDOR)
    assert outcome.passed
    facts = ab_stage(line, "mps2_an500", request=VENDOR).facts["ab"]
    assert facts["mismatches"] == 0
    assert "CMSIS-NN" in facts["optimized"]["model_kernels"]
    assert facts["reference"]["model_kernels"] == "tinyaudio plain C++"
