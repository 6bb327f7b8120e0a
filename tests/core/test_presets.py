from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tinyaudio.core.errors import ProjectError, SpecError
from tinyaudio.core.new_project import new_project_files
from tinyaudio.core.presets import DEFAULT_PRESET, load_preset, preset_about, preset_fields, preset_names
from tinyaudio.core.project import parse_project
from tinyaudio.core.spec import FrontendSpec


def frontend(text: str) -> FrontendSpec:
    return parse_project(f'[project]\nname = "x"\n[frontend]\n{text}\n', directory=Path()).frontend


def test_the_presets_are_those_of_the_documentation() -> None:
    assert preset_names() == ("yamnet", "yamnet_power", "stm32_yamnet", "kws_40", "mfcc", "ad01")
    assert load_preset(DEFAULT_PRESET) == FrontendSpec()
    assert load_preset("yamnet_power") == FrontendSpec(spectrum="power")
    known = {field.name for field in dataclasses.fields(FrontendSpec)}
    for name in preset_names():
        assert set(preset_fields(name)) <= known
        assert len(preset_about(name)) > 20


@pytest.mark.parametrize(
    ("name", "shape", "patch_seconds"),
    [("stm32_yamnet", (64, 96), 0.975), ("kws_40", (98, 40), 0.995), ("mfcc", (49, 10), 0.99), ("ad01", (5, 128), 0.192)],
)
def test_patches_are_those_of_the_published_models(name: str, shape: tuple[int, int], patch_seconds: float) -> None:
    spec = load_preset(name)
    assert spec.patch_shape == shape
    assert spec.patch_samples / spec.sample_rate_hz == pytest.approx(patch_seconds)


def test_an_unknown_preset_names_those_there_are() -> None:
    with pytest.raises(SpecError, match="no preset 'mfc'") as caught:
        load_preset("mfc")
    assert "yamnet, yamnet_power" in caught.value.hint
    with pytest.raises(ProjectError, match=r"frontend\.preset: there is no preset 'mfc'; did you mean 'mfcc'\?"):
        frontend('preset = "mfc"')


def test_a_project_changes_single_fields_of_a_preset() -> None:
    assert frontend('preset = "mfcc"') == load_preset("mfcc")
    assert frontend('preset = "mfcc"\npatch_hop_frames = 7') == dataclasses.replace(load_preset("mfcc"), patch_hop_frames=7)
    changed = frontend("microphone_response = [[0, 1], [100.0, -2.5]]\ndc_removal = true\npre_gain_db = 6")
    assert changed == FrontendSpec(microphone_response=((0.0, 1.0), (100.0, -2.5)), dc_removal=True, pre_gain_db=6.0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('preset = "mfcc"\ncepstral_coefficients = 41', "frontend.cepstral_coefficients: is 41; it must be 0 to mel_bands (40)"),
        ("preset = 3", "frontend.preset: input should be a valid string"),
        ("microphone_response = [[500.0, 0.0], [100.0, 0.0]]", "frontend.microphone_response[1]: is at 100.0 Hz, not above"),
        ("microphone_response = [[500.0, 0.0, 1.0]]", "frontend.microphone_response.0: "),
        ("microphone_response = 3", "frontend.microphone_response: "),
        ("pre_gain_db = 60", "frontend.pre_gain_db: is 60.0; 0 to 40 are supported"),
        ("cepstral = 3", "frontend.cepstral: unknown key; did you mean 'cepstral_coefficients'?"),
    ],
)
def test_a_mistake_is_named_by_its_path(text: str, sentence: str) -> None:
    with pytest.raises(ProjectError) as caught:
        frontend(text)
    assert sentence in caught.value.message


def test_a_new_project_tells_of_presets_and_options() -> None:
    text = new_project_files("events", "x")["tinyaudio.toml"]
    for name in (*preset_names(), *(field.name for field in dataclasses.fields(FrontendSpec))):
        assert name in text
    assert parse_project(text, directory=Path()).frontend == FrontendSpec()
