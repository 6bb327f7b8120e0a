"""``tinyaudio hil --self-test``: from a project to the name of the operator that is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.pipeline.planted import plant
from tests.pipeline.small_project import line_of
from tinyaudio.cli.app import app
from tinyaudio.core.errors import InputError
from tinyaudio.pipeline import parse_request, self_test_stage

ARGUMENTS = ("hil", "--board", "native", "--self-test", "--project")


def test_right_kernels_pass_and_the_page_says_so(finished: Path) -> None:
    outcome = self_test_stage(line_of(finished), "native")
    facts = outcome.facts["self_test"]
    assert outcome.passed
    assert facts["first"] is None
    assert (facts["failed"], facts["passed"]) == (0, facts["operators"])
    assert facts["operators"] == len(facts["by_operator"]) > 4
    assert all(len(operator["mismatches"]) == len(facts["inputs"]) for operator in facts["by_operator"])
    assert outcome.page.parent.name == "report_self_test"
    assert "Every operator computes its golden vectors." in outcome.page.read_text()
    assert json.loads((outcome.page.parent / "report.json").read_text())["self_test"] == facts


def test_the_command_names_a_wrong_operator_and_ends_with_3(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave_out_the_last_row(text: str) -> str:
        shape = re.search(r"struct \w+Shape\d+ \{.*?\n\};", text, re.DOTALL)  # of the stem, whose kernel is the compiler's choice
        assert shape is not None
        return text.replace(shape[0], re.sub(r"kInputHeight = (\d+);", lambda found: f"kInputHeight = {int(found[1]) - 1};", shape[0]))

    plant(monkeypatch, leave_out_the_last_row)
    result = CliRunner().invoke(app, [*ARGUMENTS, str(finished), "--json"])
    assert result.exit_code == 3, result.stderr
    facts = json.loads(result.stdout)
    first = facts["self_test"]["first"]
    assert facts["self_test"]["failed"] == 1
    assert first["operator"].startswith("CONV_2D ")
    rows = first["shape"][1]
    assert first["place"][1] == rows - 1  # the row
    assert first["expected"] != first["actual"]
    page = Path(facts["report"]).read_text()
    assert f"operator {first['operator_index']} ({first['operator']}) is the first that differs" in page
    assert f"row {rows - 1}, column" in page


@pytest.mark.parametrize(("depth", "words"), [("fake", "no kernel runs"), ("serial", "needs a port")])
def test_no_firmware_no_self_test(finished: Path, depth: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        self_test_stage(line_of(finished), "native", depth=depth)


def test_a_self_test_image_is_not_the_usual_one() -> None:
    assert parse_request(self_test=True).report_folder == "report_self_test"
    assert parse_request().report_folder == ""
