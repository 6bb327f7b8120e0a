"""What the pages say of a self-test, and of fast kernels against plain ones."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from tests.report.values import kernel_comparison, report_inputs, self_test_report
from tinyaudio.core.board import load_board
from tinyaudio.report import render_self_test_page, report_facts, self_test_facts, write_self_test_page
from tinyaudio.report.page import render_page

BOARD = load_board("mps2_an500")


def test_equal_kernels_are_said_to_be_equal_with_the_cost_of_both() -> None:
    text = render_page(dataclasses.replace(report_inputs(), kernel_comparison=kernel_comparison(differs=False)))
    section = text[text.index("Fast kernels against plain ones") : text.index("Confusion")]
    assert "none differs" in section
    assert all(words in section for words in ("12,000,000", "60,000,000", "tinyaudio plain C++", "5.00 times as many instructions"))
    assert "What was trained is what runs." in text


def test_kernels_that_differ_spoil_the_verdict_and_are_listed() -> None:
    inputs = dataclasses.replace(report_inputs(), kernel_comparison=kernel_comparison(differs=True))
    text = render_page(inputs)
    assert "What was trained is what runs." not in text
    assert "The fast kernels and the plain ones differ." in text
    assert "1 of 12 clips differ" in text
    assert "&lt;knock&gt;.wav" in text
    assert "<knock>" not in text
    facts = report_facts(inputs)["ab"]
    assert json.loads(json.dumps(facts)) == facts
    assert facts["first"] == {
        "filename": "<knock>.wav",
        "stage": "logits",
        "patch_index": 2,
        "element_index": 1,
        "optimized": -7,
        "reference": 9,
        "elements": 3,
    }
    assert (facts["mismatches"], facts["differing_clips"]) == (5, ["<knock>.wav"])


def test_without_a_comparison_the_page_does_not_speak_of_one() -> None:
    assert "Fast kernels" not in render_page(report_inputs())
    assert "ab" not in report_facts(report_inputs())


def test_a_wrong_operator_is_named_with_its_place() -> None:
    text = render_self_test_page(self_test_report(failed=True), BOARD, "doorbell & co")
    assert "1 of 2 operators compute something else" in text
    sentence = "element 250 (row 15, column 5, channel 0 of 16x8x2) is 127 instead of -128; 16 of 256 differ on golden input 1 (ramp)."
    assert f"operator 4 (CONV_2D op4_&lt;b&gt;) is the first that differs: {sentence}" in text
    assert "<b>" not in text.replace("<b>1", "").replace("<b>2", "").replace("<b>4", "")  # but for the tiles
    assert "doorbell &amp; co" in text
    assert "&lt;hello&gt;" in text


def test_right_operators_and_their_share_of_the_cost(tmp_path: Path) -> None:
    page = write_self_test_page(self_test_report(failed=False), BOARD, "doorbell", tmp_path)
    text = page.read_text()
    assert "1,112 values of 2 operators on 2 golden inputs" in text
    assert all(share in text for share in ("25.0 %", "75.0 %"))
    facts = json.loads((tmp_path / "report.json").read_text())
    assert facts == json.loads(json.dumps(self_test_facts(self_test_report(failed=False))))
    assert facts["self_test"]["by_operator"][1] == {
        "index": 4,
        "name": "CONV_2D op4_<b>",
        "elements": 256,
        "mismatches": [0, 0],
        "instructions": 3_000,
    }


def test_a_fault_while_operators_are_tested_spoils_the_verdict() -> None:
    report = dataclasses.replace(self_test_report(failed=False), log=("error: fault at <pc>",))
    text = render_self_test_page(report, BOARD, "doorbell")
    verdict = text[text.index('class="card verdict failed"') : text.index("</section>")]
    assert "The device faulted: fault at &lt;pc&gt;" in verdict
    assert "Every operator computes its golden vectors" not in text
