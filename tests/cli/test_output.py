"""Tables as a person sees them: figures to the right, names whole, nothing read as mark-up."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tinyaudio.cli.firmware import say_proof
from tinyaudio.cli.output import Output, command_for


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()]


def voice() -> Output:
    return Output(as_json=False, quiet=False, verbose=False)


def test_figures_stand_under_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    voice().table("sizes", ("region", "used bytes", "share"), [("flash", "1,234,567", "9.1%"), ("ram", "12", "")])
    title, head, head_below, rule, flash, ram = lines(capsys)
    assert title == "sizes"
    assert head.split() == ["used"]
    assert head_below.split() == ["region", "bytes", "share"]
    assert set(rule.strip()) == {"─"}
    assert flash.index("1,234,567") + len("1,234,567") == ram.index("12") + len("12")


def test_a_name_is_not_broken_and_running_text_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    voice().table("", ("operator", "why"), [("DEPTHWISE_CONV_2D", "one channel by itself, as the stem of a network has them")])
    shown = lines(capsys)
    assert sum("DEPTHWISE_CONV_2D" in line for line in shown) == 1
    assert len(shown) > 3


def test_facts_have_no_head_and_brackets_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    voice().table("", ("", ""), [("file", "[red]loud[/red].wav"), ("clips", "3")])
    shown = lines(capsys)
    assert len(shown) == 2
    assert "[red]loud[/red].wav" in shown[0]


def test_the_log_of_a_long_stage_says_now_and_then_how_far_it_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([0.0, 59.0, 60.0, 60.0, 61.0, 130.0])
    monkeypatch.setattr("tinyaudio.cli.output.time", SimpleNamespace(monotonic=lambda: next(seconds)))
    with voice().task("training") as advance:
        for done in (1, 2, 3, 40):
            advance(done, 40)
    assert capsys.readouterr().err.splitlines() == ["training ...", "training: 2 of 40"]


def test_a_quiet_stage_says_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinyaudio.cli.output.LOG_PROGRESS_SECONDS", 0.0)
    with Output(as_json=True, quiet=True, verbose=False).task("training") as advance:
        advance(1, 2)
    assert capsys.readouterr().err == ""


def test_a_command_that_is_shown_can_be_pasted() -> None:
    assert command_for("data check", Path("my project")) == "tinyaudio data check --project 'my project'"
    assert command_for("run", Path()) == "tinyaudio run"


def test_a_table_in_a_pipe_is_not_folded_at_eighty_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    why = "a sentence of many words that a terminal would have to fold, while a file or a pipe has all the room there is"
    voice().table("", ("content", "why there"), [("stack", why)])
    assert sum(why in line for line in lines(capsys)) == 1


def test_nothing_is_cut_off_where_it_is_narrow(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    voice().table("", ("file", "why"), [("a_name_of_a_file_that_has_no_place_to_break.wav", "because it is so")])
    shown = lines(capsys)
    assert not any("…" in line for line in shown)
    assert "a_name_of_a_file_that_has_no_place_to_break.wav" in "".join(line.split()[0] for line in shown[2:])


@pytest.mark.parametrize(("confusion", "is_warned"), [([[3, 0], [1, 0]], True), ([[3, 0], [0, 1]], False)])
def test_a_model_that_only_guesses_is_not_praised(capsys: pytest.CaptureFixture[str], confusion: list[list[int]], is_warned: bool) -> None:
    right = (confusion[0][0] + confusion[1][1]) / 4
    facts = {
        "board": "native",
        "runtime": "aot",
        "model_kernels": "plain",
        "depth": "virtual",
        "clips": 4,
        "frames": 8,
        "log": [],
        "report": "r.html",
        "accuracy": {"float": right, "int8": right, "device": right},
        "mean_average_precision": {},
        "faults": [],
        "confusion": {"int8": confusion},
        "decided": {"rule": "best", "figures": {}},
        "mismatches": {"frontend": 0, "model": 0, "decisions": 0},
    }
    say_proof(voice(), SimpleNamespace(facts=facts, passed=True))
    assert ("no better than naming one label always (75.0%)" in capsys.readouterr().err) == is_warned


def test_what_is_no_number_is_null_since_json_has_no_word_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True, quiet=True, verbose=False).result({"auc": float("nan"), "list": [{"loss": float("-inf")}, 1.5, "nan"], "pair": (1, 2)})
    assert capsys.readouterr().out == '{"auc": null, "list": [{"loss": null}, 1.5, "nan"], "pair": [1, 2]}\n'
