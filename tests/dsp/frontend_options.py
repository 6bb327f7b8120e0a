"""Front ends with options, for the tests of the twin, of the C++ and of the project file."""

from __future__ import annotations

from tinyaudio.core.presets import load_preset, preset_names
from tinyaudio.core.spec import FrontendSpec

#: A MEMS microphone behind a hole: roll-off below, a resonance above.
MICROPHONE = ((80.0, -7.5), (300.0, -1.0), (1_000.0, 0.0), (3_000.0, 0.5), (6_000.0, 4.0), (7_500.0, 9.0))
#: Louder than the reference throughout, so that every gain is below 1/2.
LOUD_MICROPHONE = ((0.0, 12.0), (8_000.0, 19.0))

PRESETS = {name: load_preset(name) for name in preset_names()}

#: Every option, alone and with others, of magnitude and power.
OPTIONS: dict[str, FrontendSpec] = {
    "slaney_scale": FrontendSpec(mel_scale="slaney"),
    "hz_triangles": FrontendSpec(mel_triangles="hz"),
    "slaney_norm": FrontendSpec(mel_norm="slaney"),
    "slaney_norm_power": FrontendSpec(mel_norm="slaney", mel_scale="slaney", mel_triangles="hz", spectrum="power", log_offset=1e-6),
    "dc_removal": FrontendSpec(dc_removal=True),
    "dc_removal_odd_window": FrontendSpec(dc_removal=True, window_samples=201, hop_samples=77, fft_samples=256, mel_bands=20, spectrum="power"),
    "louder": FrontendSpec(pre_gain_db=17.3),
    "louder_without_dc": FrontendSpec(pre_gain_db=12.5, dc_removal=True),
    "loudest": FrontendSpec(pre_gain_db=40.0, spectrum="power"),
    "microphone": FrontendSpec(microphone_response=MICROPHONE),
    "microphone_power": FrontendSpec(microphone_response=MICROPHONE, spectrum="power"),
    "loud_microphone": FrontendSpec(microphone_response=LOUD_MICROPHONE, spectrum="power", mel_norm="slaney", log_offset=1e-4),
    "level": FrontendSpec(level_normalization="running"),
    "level_at_once": FrontendSpec(level_normalization="running", level_time_constant_frames=1),
    "level_slow": FrontendSpec(level_normalization="running", level_time_constant_frames=4_096, mel_bands=33),
    "cepstrum": FrontendSpec(cepstral_coefficients=13),
    "cepstrum_whole": FrontendSpec(cepstral_coefficients=64, level_normalization="running"),
    "cepstrum_of_many_bands": FrontendSpec(fft_samples=4_096, window_samples=2_048, mel_bands=256, cepstral_coefficients=256, log_offset=1e-9),
    "everything": FrontendSpec(
        mel_scale="slaney",
        mel_triangles="hz",
        mel_norm="slaney",
        spectrum="power",
        log_offset=1e-5,
        log_scale=4.342944819032518,
        dc_removal=True,
        pre_gain_db=6.0,
        microphone_response=MICROPHONE,
        level_normalization="running",
        level_time_constant_frames=32,
        cepstral_coefficients=20,
        patch_layout="bands_first",
    ),
}
