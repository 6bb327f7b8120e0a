"""The evaluation page holds everything, loads nothing, and a real browser shows it whole."""

from __future__ import annotations

import dataclasses
import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tinyaudio.core.alarms import DecisionFigures, LabelDecisions
from tinyaudio.core.artifacts import Evaluation, LayerError
from tinyaudio.core.evaluation import Headline, evaluation_figures, multi_label_evaluation
from tinyaudio.core.metrics import accuracy, confusion_matrix
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.report import Condition, EvaluationPageInputs, WorstClip, render_evaluation_page, write_evaluation_page

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
SHORT_PATHS = {**os.environ, "TMPDIR": "/tmp"}  # Chromium puts a socket there, whose path may have no more than 107 bytes
LABELS = ("dog", "rain & wind", "<siren>")

#: Two false alarms in four hours, of one label.
DECISIONS = DecisionFigures(
    rule="one threshold",
    smoothing_patches=3,
    labels=tuple(
        LabelDecisions(label=label, threshold=12, clips=10, found=9, mistaken=3, alarms_by_scene=alarms)
        for label, alarms in zip(LABELS, ((0, 0, 0), (0, 1, 1), (0, 0, 0)), strict=True)
    ),
    background_hours=4.0,
)

#: Run by the browser on a copy of the page: what a reader would see.
LOOK = """
<script>
addEventListener("load", () => setTimeout(() => {
  const pictures = [...document.images];
  const found = {
    pictures: pictures.length,
    broken: pictures.filter(item => !item.complete || item.naturalWidth < 50).length,
    outside: [...document.querySelectorAll("main *:not(.wide *)")].filter(item => item.getBoundingClientRect().right > innerWidth + 1).length,
    seconds: [...document.querySelectorAll("audio")].map(item => item.duration),
    headings: [...document.querySelectorAll("h2")].map(item => item.textContent),
    height: document.body.scrollHeight,
  };
  document.body.setAttribute("data-look", JSON.stringify(found));
}, 300));
</script>
"""


def evaluation(name: str, seed: int) -> Evaluation:
    rng = np.random.default_rng(seed)
    truth = np.arange(30) % 3
    scores = rng.dirichlet((1, 1, 1), size=30) + np.eye(3)[truth] * 0.6
    scores /= scores.sum(axis=1, keepdims=True)
    confusion = confusion_matrix(truth, scores.argmax(axis=1), class_count=3)
    filenames = tuple(f"audio/{index}.wav" for index in range(30))
    return Evaluation(
        predictor=name,  # type: ignore[arg-type]
        split="test",
        labels=LABELS,
        filenames=filenames,
        label_indices=truth,
        scores=scores,
        accuracy=accuracy(confusion),
        confusion=confusion,
    )


def condition(name: str, value: float) -> Condition:
    figure = Headline(name="accuracy", value=value, lower=value - 0.07, upper=value + 0.06)
    return Condition(name=name, by_predictor={"float": figure, "int8": dataclasses.replace(figure, value=value - 0.013)})


@pytest.fixture(scope="module")
def inputs() -> EvaluationPageInputs:
    groups = [str(index // 2) for index in range(30)]
    rng = np.random.default_rng(1)
    clip = WorstClip(
        filename="audio/3.wav",
        label="dog",
        true_labels=("dog",),
        predicted="<siren>",
        explained="<siren>",
        pcm=(1_000 * np.sin(np.arange(32_000) / 7)).astype(np.int16),
        log_mel=rng.normal(size=(198, 64)),
        scores=np.array([0.2, 0.1, 0.7]),
        first_frame=48,
        influence=rng.normal(size=(12, 8)),
    )
    return EvaluationPageInputs(
        project_name="doors & dogs",
        spec=FrontendSpec(),
        predictors=tuple(evaluation_figures(evaluation(name, seed), groups, draws=100) for seed, name in enumerate(("float", "int8", "device"))),
        conditions=(condition("as recorded", 0.9), condition("pink noise, 0 dB SNR", 0.4)),
        int8_by="compiled C++ <g++>",
        layers=(LayerError(operator="CONV_2D", name="stem", signal_to_error_db=31.25, largest_error=0.125),),
        maximum_loss=0.01,
        worst=(clip,),
        decisions=(DECISIONS,),
    )


def test_everything_is_inside_and_escaped(inputs: EvaluationPageInputs) -> None:
    page = render_evaluation_page(inputs)
    assert page == render_evaluation_page(inputs)
    sources = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    assert sources
    assert all(source.startswith("data:") for source in sources)
    assert "<script" not in page
    assert "<siren>" not in page
    assert "&lt;siren&gt;" in page


def test_the_figures_are_on_the_page(inputs: EvaluationPageInputs) -> None:
    page = render_evaluation_page(inputs)
    for figures in inputs.predictors:
        for headline in figures.headlines:
            assert f"<b>{100 * headline.value:.1f} %</b>" in page
            assert f"{100 * headline.lower:.1f} to {100 * headline.upper:.1f} %" in page
    assert f"{inputs.predictors[-1].classes[1].roc.area:.3f}" in page


def test_conditions_stand_side_by_side_with_intervals_and_who_computed_int8(inputs: EvaluationPageInputs) -> None:
    page = render_evaluation_page(inputs)
    row = re.search(r"<td>pink noise, 0 dB SNR</td>(.*)</tr>", page)
    assert row is not None
    assert re.findall(r">([^<>]+)</td>", row[1]) == ["40.0 %", "33.0 to 46.0 %", "38.7 %", "33.0 to 46.0 %"]
    assert "compiled C++ &lt;g++&gt;" in page


def test_the_gate_is_told(inputs: EvaluationPageInputs) -> None:
    loss = 100 * (inputs.predictors[0].evaluation.accuracy - inputs.predictors[1].evaluation.accuracy)
    assert f"INT8 loses {loss:.1f} points of clip accuracy; the project allows 1.0." in render_evaluation_page(inputs)
    assert "the project allows" not in render_evaluation_page(dataclasses.replace(inputs, maximum_loss=1.0))


def test_a_page_without_wrong_clips_says_so(inputs: EvaluationPageInputs) -> None:
    page = render_evaluation_page(dataclasses.replace(inputs, worst=(), conditions=()))
    assert "No clip of the test split is classified wrong" in page
    assert "worse conditions" not in page


def test_false_alarms_stand_with_their_interval(inputs: EvaluationPageInputs) -> None:
    page = render_evaluation_page(inputs)
    assert "4 h of background" in page
    assert re.search(r"(?s)<td>rain &amp; wind</td>.*9 of 10.*0\.50</td>.*0\.00 to 1\.81", page)
    unmeasured = dataclasses.replace(inputs, decisions=(dataclasses.replace(DECISIONS, background_hours=0.0),))
    assert "false alarms an hour" not in render_evaluation_page(unmeasured)


def test_several_labels_are_found_missed_and_mistaken(inputs: EvaluationPageInputs) -> None:
    rng = np.random.default_rng(2)
    truth, scores = rng.uniform(size=(2, 30, 3)) < 0.4, rng.uniform(size=(2, 30, 3))
    names = tuple(f"{index}.wav" for index in range(30))
    predictors = tuple(
        evaluation_figures(
            multi_label_evaluation(name, split="test", labels=LABELS, filenames=names, truth=truth[0], scores=scores[index]),  # type: ignore[arg-type]
            names,
            draws=20,
        )
        for index, name in enumerate(("float", "int8"))
    )
    page = render_evaluation_page(dataclasses.replace(inputs, predictors=predictors))
    assert "Found, missed, mistaken" in page
    assert "points of mAP; the project allows 1.0." in page


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt install chromium")
@pytest.mark.parametrize("width", [1_200, 600])
def test_a_browser_shows_it_whole(inputs: EvaluationPageInputs, tmp_path: Path, width: int) -> None:
    page = write_evaluation_page(inputs, tmp_path)
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", LOOK + "</body>"), encoding="utf-8")
    browser = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'browser'}"]
    command = [*browser, "--virtual-time-budget=4000", f"--window-size={width},900", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=SHORT_PATHS, check=False)
    match = re.search(r'data-look="([^"]*)"', done.stdout)
    assert match, done.stderr[-2_000:]
    seen = json.loads(html.unescape(match[1]))
    assert seen["pictures"] == 3 + 2 + 1 + 1 + 2
    assert (seen["broken"], seen["outside"]) == (0, 0)
    assert seen["seconds"] == [pytest.approx(2.0)]
    assert "dog, taken for <siren>" in seen["headings"]
    assert seen["height"] > 1_500
