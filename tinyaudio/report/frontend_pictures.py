"""Pictures of a front end as PNG files: its window, its mel filters, a clip at every stage beside the float64 reference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.artifacts import Float64Array
from tinyaudio.core.files import write_bytes_atomically
from tinyaudio.dsp.frontend import (
    FrontendStages,
    FrontendTables,
    NominalInput,
    compute_stages,
    mel_matrix,
    nominal_input,
    quantize_features,
)
from tinyaudio.dsp.frontend.kernels import KERNELS
from tinyaudio.dsp.frontend.reference import ReferenceStages, reference_stages
from tinyaudio.dsp.frontend.tables import WEIGHT_FRACTION_BITS
from tinyaudio.dsp.frontend.window import periodic_hann
from tinyaudio.report.figures import new_figure, plain, png_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FLOOR_DB = -160.0  # of the colour scales
_HALF = 1 << 14  # a constant signal of half of full scale shows a kernel's window


def write_frontend_pictures(tables: FrontendTables, pcm: NDArray[np.int16], *, directory: Path, clip_name: str) -> tuple[Path, ...]:
    """Draw the front end `tables` and what it makes of `pcm` (int16 [samples], at least a window); return the files' paths.

    Raises
    ------
    StorageError
        If a file cannot be written.
    """
    pictures = {
        "window.png": window_figure(tables),
        "mel_filters.png": mel_filters_figure(tables),
        "stages.png": stages_figure(tables, pcm, clip_name=clip_name),
    }
    for name, figure in pictures.items():
        write_bytes_atomically(directory / name, png_bytes(figure))
    return tuple(directory / name for name in pictures)


def window_figure(tables: FrontendTables) -> Figure:
    """Return the window as the kernel applies it, and how far it is from the Hann window in float64."""
    spec = tables.spec
    figure = new_figure(8.0, 5.0)
    upper, lower = figure.subplots(2, 1, sharex=True)
    applied = _applied_window(tables)
    hann = periodic_hann(spec.window_samples)
    upper.plot(applied)
    upper.set_title(f"window of {spec.window_samples} samples in an FFT of {spec.fft_samples}, {tables.kernel}", fontsize=11)
    upper.set_ylabel("factor")
    upper.set_xlim(0, spec.fft_samples)
    lower.plot((applied[: spec.window_samples] - hann) * 1e6, linewidth=0.8)
    lower.set_ylabel("integer - float64\nin millionths")
    lower.set_xlabel("sample of the frame")
    return figure


def mel_filters_figure(tables: FrontendTables) -> Figure:
    """Return the filters over frequency: the weights in float64, and the integers (without norms, which the logarithm adds)."""
    spec = tables.spec
    figure = new_figure(10.0, 5.6)
    upper, lower = figure.subplots(2, 1, sharex=True)
    bins_hz = np.arange(spec.bins) * spec.sample_rate_hz / spec.fft_samples
    upper.plot(bins_hz, mel_matrix(spec), linewidth=0.9)
    upper.set_title(f"{spec.mel_bands} mel bands, {spec.mel_low_hz:g} to {spec.mel_high_hz:g} Hz", fontsize=11)
    upper.set_ylabel("weight (float64)")
    lower.plot(bins_hz, integer_filters(tables), linewidth=0.9)
    lower.set_ylabel(f"weight (integer, Q{WEIGHT_FRACTION_BITS})")
    lower.set_xlabel("frequency / Hz")
    return figure


def integer_filters(tables: FrontendTables) -> NDArray[np.int64]:
    """Return the integer weights as a dense matrix [bins, mel_bands]: segment b rises in band b and falls in band b - 1."""
    spec = tables.spec
    bins = tables.first_bin + np.arange(tables.energy_bins)
    segment = np.repeat(np.arange(spec.mel_bands + 1), tables.segment_bins)
    rising = tables.rising_weights.astype(np.int64)
    whole = tables.bin_weights.astype(np.int64) if len(tables.bin_weights) else np.full(len(rising), 1 << WEIGHT_FRACTION_BITS)
    filters = np.zeros((spec.bins, spec.mel_bands + 2), np.int64)
    filters[bins, segment + 1] = rising
    filters[bins, segment] = whole - rising
    return filters[:, 1:-1]


def stages_figure(tables: FrontendTables, pcm: NDArray[np.int16], *, clip_name: str) -> Figure:
    """Return every stage over time: the integer twin, the float64 reference, and their difference."""
    nominal = nominal_input(tables.spec)
    rows = _rows(tables, compute_stages(tables, pcm), reference_stages(tables.spec, pcm), nominal)
    figure = new_figure(15.0, 2.9 * len(rows))
    seconds = tables.spec.frames_of(len(pcm)) * tables.spec.hop_samples / tables.spec.sample_rate_hz
    grid = figure.subplots(len(rows), 3)
    for axes, (title, unit, actual, reference, difference, difference_unit) in zip(grid, rows, strict=True):
        least, most = float(min(actual.min(), reference.min())), float(max(actual.max(), reference.max()))
        _draw(figure, axes[0], actual, seconds, title=f"{title}: integer twin", unit=unit, limits=(least, most), colours="magma")
        _draw(figure, axes[1], reference, seconds, title=f"{title}: float64", unit=unit, limits=(least, most), colours="magma")
        limits, colours = _difference_scale(difference, is_level=difference_unit.startswith("dB"))
        _draw(figure, axes[2], difference, seconds, title="difference", unit=difference_unit, limits=limits, colours=colours)
    for axes in grid[-1]:
        axes.set_xlabel("time / s")
    figure.suptitle(f"{plain(clip_name)}, kernel {tables.kernel}; int8 at a nominal {nominal.scale:.4f} nepers a step")
    return figure


_Row = tuple[str, str, Float64Array, Float64Array, Float64Array, str]  # title, unit, twin, reference, difference, its unit; arrays [frames, n]


def _rows(tables: FrontendTables, stages: FrontendStages, reference: ReferenceStages, nominal: NominalInput) -> list[_Row]:
    spec = tables.spec
    window = stages.window[:, : spec.window_samples] / _window_unit(tables)
    bins = slice(tables.first_bin, tables.first_bin + tables.energy_bins)
    fft_bits = 31 - (spec.fft_samples.bit_length() - 1)
    power = KERNELS[tables.kernel].power(stages.fft.T.astype(np.int64), slice(0, spec.bins)).T / 4.0**fft_bits
    magnitude = np.sqrt(power)
    exponent = 1.0 if spec.spectrum == "magnitude" else 2.0
    energy = stages.energy / 2.0 ** (fft_bits + 1) if spec.spectrum == "magnitude" else stages.energy / 4.0**fft_bits
    reference_magnitude = reference.spectrum ** (1.0 / exponent)
    peak = float(periodic_hann(spec.window_samples).sum()) / 2.0  # a sine at full scale
    log_mel = stages.log / 2.0**tables.log_fraction_bits
    features = quantize_features(stages.post, nominal.quantization(log_fraction_bits=tables.log_fraction_bits)).astype(np.float64)
    reference_features = nominal.quantize(reference.feature_rows).astype(np.float64)
    levels = "dB of full scale"
    return [
        ("windowed samples", levels, _level_db(window), _level_db(reference.window), _level_db(window - reference.window), levels),
        _level_row("FFT", magnitude / peak, reference_magnitude / peak),
        _level_row(f"energy ({spec.spectrum})", energy ** (1.0 / exponent) / peak, reference_magnitude[:, bins] / peak),
        ("log of mel", "nepers", log_mel, reference.log_mel, log_mel - reference.log_mel, "nepers"),
        ("int8 features", "int8", features, reference_features, features - reference_features, "int8 steps"),
    ]


def _level_row(title: str, actual: Float64Array, reference: Float64Array) -> _Row:
    unit = "dB of a full-scale sine"
    return title, unit, _level_db(actual), _level_db(reference), _level_db(actual - reference), unit


def _level_db(values: Float64Array) -> Float64Array:
    levels: Float64Array = np.maximum(20.0 * np.log10(np.maximum(np.abs(values), 1e-12)), _FLOOR_DB)
    return levels


def _difference_scale(difference: Float64Array, *, is_level: bool) -> tuple[tuple[float, float], str]:
    if is_level:
        return (_FLOOR_DB, max(float(difference.max()), _FLOOR_DB + 20.0)), "magma"
    most = max(float(np.abs(difference).max()), 1e-9)
    return (-most, most), "coolwarm"


def _draw(
    figure: Figure, axes: Axes, values: Float64Array, seconds: float, *, title: str, unit: str, limits: tuple[float, float], colours: str
) -> None:
    options: dict[str, Any] = {"origin": "lower", "aspect": "auto", "interpolation": "nearest", "cmap": colours}
    picture = axes.imshow(values.T, extent=(0.0, seconds, 0.0, float(values.shape[1])), vmin=limits[0], vmax=limits[1], **options)
    axes.set_title(title, fontsize=10)
    figure.colorbar(picture, ax=axes, label=unit, pad=0.02)


def _applied_window(tables: FrontendTables) -> Float64Array:
    """Return [fft_samples]: what the kernel's window makes of 1.0, at least to its rounding."""
    return _windowed_constant(tables) / (_window_unit(tables) / 2.0)


def _windowed_constant(tables: FrontendTables) -> Float64Array:
    constant = np.full((tables.spec.window_samples, 1), _HALF, np.int16)
    windowed = KERNELS[tables.kernel].apply_window(tables.kernel_tables, constant, fft_samples=tables.spec.fft_samples)
    values: Float64Array = windowed[:, 0].astype(np.float64)
    return values


def _window_unit(tables: FrontendTables) -> float:
    """Return what stands for full scale in the stage window: a power of two, which every kernel chooses for itself."""
    return float(2.0 ** np.ceil(np.log2(_windowed_constant(tables).max() * 2.0)))
