"""The bench's signals are what their names say, and its figures measure what they claim."""

from __future__ import annotations

import numpy as np
import pytest

from tinyaudio.core.presets import load_preset, preset_names
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.dsp.frontend import bench_signals, int8_step_histogram, nominal_input, quantize_features, reference_feature_rows

SPEC = FrontendSpec()


@pytest.fixture(scope="module")
def signals() -> dict[str, np.ndarray]:
    return bench_signals(SPEC, frames=60)


def test_every_signal_has_the_frames_asked_for_and_is_the_same_each_time(signals: dict[str, np.ndarray]) -> None:
    again = bench_signals(SPEC, frames=60)
    for name, pcm in signals.items():
        assert pcm.dtype == np.int16, name
        assert SPEC.frames_of(len(pcm)) == 60, name
        np.testing.assert_array_equal(pcm, again[name])
    assert len({pcm.tobytes() for pcm in signals.values()}) == len(signals)


@pytest.mark.parametrize("dbfs", [-1, -40, -80])
def test_tones_peak_at_their_level_and_their_bin(signals: dict[str, np.ndarray], dbfs: int) -> None:
    for kind, bins in (("at_bin", {32}), ("between_bins", {75, 76})):
        pcm = signals[f"tone_{kind}_{dbfs}_dbfs"]
        assert np.abs(pcm).max() == pytest.approx(32_768 * 10 ** (dbfs / 20), abs=1)
        assert int(np.abs(np.fft.rfft(pcm[:512] * np.hanning(512))).argmax()) in bins


@pytest.mark.parametrize("dbfs", [-40, -70])
def test_noise_has_its_level(signals: dict[str, np.ndarray], dbfs: int) -> None:
    rms = np.sqrt(np.mean(signals[f"noise_{dbfs}_dbfs"].astype(float) ** 2)) / 32_768
    assert 20 * np.log10(rms) == pytest.approx(dbfs, abs=0.3)


def test_the_extremes_are_reached(signals: dict[str, np.ndarray]) -> None:
    assert set(np.unique(signals["full_scale_clip"])) == {-32_768, 32_767}
    assert (signals["dc"] == 32_767).all()
    assert (signals["dc_negative"] == -32_768).all()
    assert not signals["silence"].any()
    assert set(np.unique(signals["impulses"])) == {-32_768, 0, 32_767}


@pytest.mark.parametrize("preset", preset_names())
def test_a_nominal_input_spreads_every_preset_over_int8(preset: str) -> None:
    spec = load_preset(preset)
    nominal = nominal_input(spec)
    rows = [reference_feature_rows(spec, pcm) for pcm in bench_signals(spec, frames=50).values()]
    features = np.concatenate([nominal.quantize(row).ravel() for row in rows])
    assert int(features.max()) - int(features.min()) >= 250
    assert (
        np.abs(np.concatenate([row.ravel() for row in rows]) - nominal.scale * (features - float(nominal.zero_point))).max() <= 1.01 * nominal.scale
    )


def test_float_and_integer_quantization_agree() -> None:
    nominal = nominal_input(SPEC)
    nepers_q16 = np.arange(-600_000, 400_000, 37, dtype=np.int32)
    integers = quantize_features(nepers_q16, nominal.quantization(log_fraction_bits=16))
    assert int8_step_histogram(integers, nominal.quantize(nepers_q16 / 65_536.0)) == {0: len(nepers_q16)}


def test_steps_are_counted_by_their_size() -> None:
    features = np.array([[-128, 127, 5, 5]], np.int8)
    assert int8_step_histogram(features, np.array([[127, -128, 5, 4]], np.int8)) == {0: 1, 1: 1, 255: 2}
