from __future__ import annotations

import numpy as np
import pytest

from tinyaudio.core.errors import SpecError
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.core.templating import render_template
from tinyaudio.dsp.frontend import (
    FeatureQuantization,
    FrontendTables,
    design_frontend,
    mel_matrix,
    stage_dtypes,
    template_context,
    template_context_quantization,
)
from tinyaudio.dsp.frontend.cmsis_q31 import SUPPORTED_FFT_SAMPLES
from tinyaudio.dsp.frontend.tables import WEIGHT_FRACTION_BITS


def design(**fields: object) -> FrontendTables:
    return design_frontend(FrontendSpec(**fields), kernel="cmsis_q31")  # type: ignore[arg-type]


def test_default_tables_have_the_documented_sizes() -> None:
    tables = design()
    assert (tables.first_bin, tables.energy_bins) == (5, 235)  # 156 Hz to 7,469 Hz
    assert tables.segment_bins.sum() == tables.energy_bins
    assert tables.table_bytes == 4 * 400 + 3 * 4 * 128 + 2 * 65 + 4 * 235 + 4 * 129
    assert tables.scratch_bytes == 8 * 257 + 8 * 64
    assert stage_dtypes(tables)["energy"] == (np.dtype("<u4"), 235)
    assert stage_dtypes(design(spectrum="power"))["energy"] == (np.dtype("<u8"), 235)


def test_tables_are_read_only() -> None:
    tables = design()
    for array in (*tables.kernel_tables.values(), tables.segment_bins, tables.rising_weights, tables.log_table_q24):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


@pytest.mark.parametrize("spectrum", ["magnitude", "power"])
def test_integer_weights_are_the_matrix(spectrum: str) -> None:
    tables = design(spectrum=spectrum)
    matrix = mel_matrix(tables.spec)
    segment = np.repeat(np.arange(65), tables.segment_bins)
    rebuilt = np.zeros((257, 66))
    bins = tables.first_bin + np.arange(tables.energy_bins)
    rebuilt[bins, segment + 1] = tables.rising_weights / 2**WEIGHT_FRACTION_BITS
    rebuilt[bins, segment] = 1 - tables.rising_weights / 2**WEIGHT_FRACTION_BITS
    np.testing.assert_allclose(rebuilt[:, 1:-1], matrix, atol=2.0 ** -(WEIGHT_FRACTION_BITS + 1))


@pytest.mark.parametrize(
    ("spectrum", "fft_samples", "fraction_bits"),
    [("magnitude", 512, 44), ("power", 512, 44), ("magnitude", 4096, 41), ("power", 4096, 38), ("power", 64, 50)],
)
def test_log_offset_is_in_the_accumulators_format(spectrum: str, fft_samples: int, fraction_bits: int) -> None:
    tables = design(spectrum=spectrum, fft_samples=fft_samples, window_samples=64, hop_samples=64, mel_bands=4, log_offset=0.25)
    assert tables.accumulator_fraction_bits == fraction_bits
    assert tables.log_offset == 2 ** (fraction_bits - 2)


@pytest.mark.parametrize("spectrum", ["magnitude", "power"])
@pytest.mark.parametrize("fft_samples", SUPPORTED_FFT_SAMPLES)
def test_the_least_legal_offset_keeps_eight_bits(spectrum: str, fft_samples: int) -> None:
    tables = design(spectrum=spectrum, fft_samples=fft_samples, window_samples=64, hop_samples=64, mel_bands=4, log_offset=1e-9)
    assert tables.log_offset >= 2**8


def test_fingerprint_depends_on_spec_only_through_its_value() -> None:
    assert design().fingerprint == design(mel_bands=64).fingerprint
    others = [design(mel_bands=63), design(spectrum="power"), design(log_offset=0.01), design(hop_samples=161)]
    assert len({design().fingerprint, *(tables.fingerprint for tables in others)}) == 5
    assert len(bytes.fromhex(design().fingerprint)) == 32


def test_bands_without_bins_are_named() -> None:
    with pytest.raises(SpecError, match=r"these mel bands catch no FFT bin: 2 \(34\.7 to 49\.7 Hz\), 3 \(") as error:
        design(mel_bands=240, mel_low_hz=20.0)
    assert error.value.where == "frontend.mel_bands"
    assert "fewer mel_bands" in error.value.hint


def test_one_band_without_bins_is_named_in_the_singular() -> None:
    # The only bin between 1,000 and 1,100 Hz is 33 (1,031.25 Hz); between 1,035 and 1,060 Hz there is none.
    with pytest.raises(SpecError, match=r"this mel band catches no FFT bin: 0 \(1035\.0 to 1060\.0 Hz\)"):
        design(mel_bands=1, mel_low_hz=1_035.0, mel_high_hz=1_060.0)
    assert design(mel_bands=1, mel_low_hz=1_000.0, mel_high_hz=1_060.0).energy_bins == 1


def test_an_unknown_kernel_is_refused() -> None:
    with pytest.raises(SpecError, match="there is no FFT kernel 'fftw'") as error:
        design_frontend(FrontendSpec(), kernel="fftw")  # type: ignore[arg-type]
    assert "cmsis_q31" in error.value.hint


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"window_samples": 600}, "window_samples"),
        ({"fft_samples": 500}, "fft_samples"),
        ({"fft_samples": 32}, "fft_samples"),
        ({"mel_high_hz": 9_000.0}, "mel_low_hz"),
        ({"spectrum": "cepstrum"}, "spectrum"),
    ],
)
def test_a_spec_that_cannot_be_is_refused(fields: dict[str, object], field: str) -> None:
    with pytest.raises(SpecError, match=field):
        design(**fields)


def test_rendering_is_reproducible_and_strict() -> None:
    quantization = FeatureQuantization(multiplier=2**30, shift=40, zero_point=-3)
    context = {**template_context(design()), **template_context_quantization(quantization)}
    for name in ("frontend/frontend_tables.h.j2", "frontend/frontend_tables.cc.j2"):
        assert render_template(name, context) == render_template(name, context)
    source = render_template("frontend/frontend_tables.cc.j2", context)
    assert "tinyaudio::CmsisQ31<kFftSamples, tinyaudio::Spectrum::kMagnitude>::compute_energies," in source
    assert f"0x{design().fingerprint[:2]}, " in source
    assert "-3,  // zero_point" in source
