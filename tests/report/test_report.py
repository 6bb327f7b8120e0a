from __future__ import annotations

import html.parser
import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.values import evaluation, report_inputs
from tinyaudio.report import report_facts, write_report
from tinyaudio.report.figures import confusion_figure, scores_figure
from tinyaudio.report.page import render_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SHORT_PATHS = {**os.environ, "TMPDIR": "/tmp"}  # Chromium puts a socket there, whose path may have no more than 107 bytes


class _Page(html.parser.HTMLParser):
    """Collects tags that must balance, and every address the page would load."""

    VOID = frozenset({"meta", "img", "br", "link", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_loads_nothing() -> None:
    text = render_page(report_inputs())
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert len(page.addresses) == 3 + 1 + 1 + 1 + 2 + 1  # confusions, budget, memory, arena, one example with its sound
    assert all(address.startswith("data:") for address in page.addresses)
    assert "birdsong <chirps>" not in text
    assert "doorbell &amp; co" in text


def test_a_runtime_that_lays_out_its_own_arena_has_no_picture_of_it() -> None:
    with_picture, without = (render_page(replace(report_inputs(), arena=arena)) for arena in (report_inputs().arena, None))
    assert "operator by operator" in with_picture
    assert "operator by operator" not in without
    assert without.count("<section") == with_picture.count("<section") - 1


def test_the_same_values_give_the_same_bytes() -> None:
    assert render_page(report_inputs()) == render_page(report_inputs())


def test_the_distance_of_other_kernels_is_shown() -> None:
    text = render_page(report_inputs())
    row = text[text.index("<td>esp_sc16</td>") :]
    assert all(part in row for part in ("1,000", "90.000 %", "9.500 %", "0.500 %", "2 steps"))


def test_what_lies_where_is_shown_with_the_reason() -> None:
    page = render_page(report_inputs())
    assert "it has room for &lt;it&gt;" in page
    assert "2,104 of 16,384 bytes deep at worst" in page
    assert "CMSIS-DSP 1.16.2 (Apache-2.0, 9,000 bytes)" in page
    facts = report_facts(report_inputs())
    assert facts["placement"][0]["region"] == "ssram23"
    assert facts["regions"]["ssram23"] == {"used_bytes": 90_000, "length_bytes": 4_194_304}
    assert facts["stack"]["worst_case_bytes"] == 2_104


def test_what_the_device_said_is_shown() -> None:
    inputs = report_inputs()
    said = replace(inputs, hil=replace(inputs.hil, log=("error: fault at <pc>",) * 41))
    page = render_page(said)
    assert page.count("error: fault at &lt;pc&gt;") == 40
    assert "and 1 more lines" in page
    assert "What the device said" not in render_page(inputs)
    assert len(report_facts(said)["log"]) == 41


def test_a_fault_of_the_device_is_a_failure() -> None:
    inputs = report_inputs()
    text = render_page(replace(inputs, hil=replace(inputs.hil, log=("warning: warm", "error: fault at <pc>"))))
    verdict = text[text.index('class="card verdict failed"') : text.index("</section>")]
    assert "The device faulted: fault at &lt;pc&gt;" in verdict
    assert "What was trained is what runs" not in text


def test_dollars_in_a_label_are_no_formula() -> None:
    item = replace(evaluation("int8", [[4, 0, 0], [1, 3, 0], [0, 0, 4]]), labels=("till $x^$", "knocking", "siren"))
    assert confusion_figure(item, "int8").startswith("data:image/svg+xml")
    assert scores_figure(item.labels, item.scores[0], true_labels=("siren",)).startswith("data:image/svg+xml")


def test_a_failure_is_shown_where_it_is() -> None:
    text = render_page(report_inputs(failed=True))
    assert "3 of 128,090 values differ" in text
    assert "knock.wav" in text
    assert "What was trained is what runs" not in text


def _place(text: str, what: str) -> int:
    return text.index(f"<h2>{what}</h2>")


def test_what_differs_is_read_first_and_a_table_of_zeros_later() -> None:
    silent = report_inputs()
    silent = replace(silent, hil=replace(silent.hil, log=()))
    proven, failed = render_page(silent), render_page(report_inputs(failed=True))
    assert proven.count("What was compared") == failed.count("What was compared") == 1
    assert _place(failed, "What was compared") < _place(failed, "Confusion") < _place(proven, "What was compared")


def test_an_image_over_its_budget_is_told_in_the_verdict() -> None:
    inputs = report_inputs()
    assert inputs.build is not None
    text = render_page(replace(inputs, build=replace(inputs.build, budget_problems=("flash: 3 bytes <too many>",))))
    verdict = text[text.index('class="card verdict failed"') : text.index("</section>")]
    assert "It does not fit the board: flash: 3 bytes &lt;too many&gt;" in verdict
    assert f"<b>{inputs.build.flash_bytes:,}</b><span>bytes of flash," in verdict


def test_the_facts_lie_beside_the_page(tmp_path: Path) -> None:
    inputs = report_inputs()
    page = write_report(inputs, tmp_path)
    assert page == tmp_path / "report.html"
    facts = json.loads((tmp_path / "report.json").read_text())
    assert facts == json.loads(json.dumps(report_facts(inputs)))
    assert facts["mismatches"] == {"frontend": 0, "model": 0, "decisions": 0}
    assert facts["instructions"] == {"frontend_per_frame": 50_000, "model_per_inference": 12_000_000}
    assert facts["kernel_distances"] == [{"kernel": "esp_sc16", "clips": 12, "int8_step_histogram": {"0": 900, "1": 95, "2": 5}}]
    assert facts["latency"] == {"unit": "instructions", "p50": 12_050_000, "p95": 12_050_040, "p99": 12_050_080}
    assert facts["accuracy"]["int8"] == facts["accuracy"]["device"] == 11 / 12
    assert facts["flash_bytes"] == 300_000
    assert facts["confusion"]["device"] == facts["confusion"]["int8"] == [[4, 0, 0], [1, 3, 0], [0, 0, 4]]


def test_what_was_decided_by_the_thresholds_is_shown() -> None:
    inputs = report_inputs()
    decided = report_facts(inputs)["decided"]
    assert decided["rule"] == "every"
    assert list(decided["thresholds"].values()) == [-28, 40, 128]
    assert decided["figures"]["device"] == decided["figures"]["int8"]
    device = decided["figures"]["device"]
    assert (device["accuracy"], device["macro_f1"], device["precision"], device["recall"]) == (0.5, 0.5, 1.0, 0.5)
    assert decided["clips"] == [
        {"filename": "a.wav", "labels": ["birdsong <chirps>"], "device": ["birdsong <chirps>"]},
        {"filename": "<b>.wav", "labels": ["knocking"], "device": []},
    ]
    page = render_page(inputs)
    section = page[page.index("Decided at the thresholds") :]
    assert "every label that reaches its own threshold" in section
    assert "<td>&lt;b&gt;.wav</td><td>knocking</td><td>nothing</td>" in section
    assert "mAP, device" in page
    exclusive = replace(inputs, calibration=replace(inputs.calibration, is_exclusive=True))
    assert "the label with the greatest sum" in render_page(exclusive)
    assert "mAP, device" not in render_page(exclusive)


def test_without_a_build_no_size_is_claimed() -> None:
    facts = report_facts(replace(report_inputs(), build=None))
    assert "flash_bytes" not in facts
    assert "percent of the board" not in render_page(replace(report_inputs(), build=None))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; install Debian's chromium to look at the report in a real browser")
def test_a_real_browser_draws_it(tmp_path: Path) -> None:
    page = write_report(report_inputs(), tmp_path)
    picture = tmp_path / "report.png"
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    command = [str(CHROMIUM), *flags, f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1200,2600", f"--screenshot={picture}", page.as_uri()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, env=SHORT_PATHS, check=False)
    assert picture.exists(), result.stderr
    pixels = _pixels(picture)
    assert pixels.shape[:2] == (2600, 1200)
    colours = {tuple(colour) for colour in pixels[::7, ::7, :3].reshape(-1, 3).tolist()}
    assert len(colours) > 500, "a page with spectrogram and charts has many colours"


def _pixels(picture: Path):  # type: ignore[no-untyped-def]
    import matplotlib.image

    return (matplotlib.image.imread(picture) * 255).astype(int)
