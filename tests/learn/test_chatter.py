"""What the converter always says stays off the terminal, and nothing else does."""

from __future__ import annotations

import os

import numpy as np
import pytest

from tinyaudio.learn.quantize import convert_to_int8
from tinyaudio.learn.quantize.chatter import without_chatter

SETTINGS = b"fully_quantize: 0, inference_type: 6, input_inference_type: INT8, output_inference_type: INT8\n"


@pytest.mark.usefixtures("quiet_level")
def test_only_the_quantizers_settings_are_kept_back(capfd: pytest.CaptureFixture[str]) -> None:
    with without_chatter():
        os.write(2, b"error: something is wrong\n" + SETTINGS + b"and why")
    os.write(2, b", and what to do\n")
    assert capfd.readouterr().err == "error: something is wrong\nand why, and what to do\n"


@pytest.mark.usefixtures("quiet_level")
def test_settings_behind_a_bar_that_was_drawn_meanwhile_are_kept_back(capfd: pytest.CaptureFixture[str]) -> None:
    bar = b"\r\x1b[2Kquantizing 8/8"
    with without_chatter():
        os.write(2, bar + SETTINGS + bar)
    assert capfd.readouterr().err == 2 * bar.decode()


@pytest.mark.usefixtures("quiet_level")
def test_what_is_said_in_front_of_an_exception_is_not_lost(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no"), without_chatter():
        os.write(2, SETTINGS + b"error: this is why\n")
        raise ValueError("no")
    assert capfd.readouterr().err == "error: this is why\n"


def test_a_lower_log_level_shows_everything(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    with without_chatter():
        os.write(2, SETTINGS)
    assert capfd.readouterr().err == SETTINGS.decode()


@pytest.mark.usefixtures("quiet_level")
def test_progress_is_drawn_while_the_converter_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    import keras

    model = keras.Sequential([keras.Input((8, 8, 1), batch_size=1), keras.layers.Conv2D(2, 3), keras.layers.Flatten(), keras.layers.Dense(3)])
    patches = np.random.default_rng(1).normal(size=(3, 8, 8, 1)).astype(np.float32)
    convert_to_int8(model, patches, on_progress=lambda done, total: print_directly(f"{done} of {total}\n"))
    text = capfd.readouterr().err
    assert "1 of 3\n2 of 3\n3 of 3\n" in text
    assert "fully_quantize" not in text


def print_directly(text: str) -> None:
    os.write(2, text.encode())


@pytest.fixture
def quiet_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
