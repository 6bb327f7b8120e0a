"""Pictures of a front end are there, are not blank, and show the tables that are rendered."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from tinyaudio.core.presets import load_preset
from tinyaudio.core.spec import KernelId
from tinyaudio.dsp.frontend import design_frontend, mel_matrix
from tinyaudio.dsp.frontend.kernels import KERNELS
from tinyaudio.dsp.frontend.signals import speech_like
from tinyaudio.report.frontend_pictures import integer_filters, stages_figure, write_frontend_pictures


def pixels(png: bytes) -> np.ndarray:
    import matplotlib.image

    return matplotlib.image.imread(io.BytesIO(png), format="png")


@pytest.mark.parametrize("preset", ["yamnet", "mfcc"])
def test_pictures_are_written_and_not_blank(preset: str, tmp_path: Path) -> None:
    tables = design_frontend(load_preset(preset), kernel="cmsis_q31")
    paths = write_frontend_pictures(tables, speech_like(16_000, dbfs=-12), directory=tmp_path / "pictures", clip_name="voice")
    assert [path.name for path in paths] == ["window.png", "mel_filters.png", "stages.png"]
    for path in paths:
        image = pixels(path.read_bytes())
        assert min(image.shape[:2]) > 300
        assert len(np.unique(image.reshape(-1, image.shape[2]), axis=0)) > 50, f"{path.name} is nearly blank"


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_shows_its_stages_beside_the_reference(kernel: KernelId) -> None:
    """Twin and reference share a colour scale: a wrong unit of a kernel's format would show as a difference near 0 dB."""
    tables = design_frontend(load_preset("yamnet_power"), kernel=kernel)
    figure = stages_figure(tables, speech_like(16_000, dbfs=-12), clip_name="voice")
    pictures = [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]
    rows = [pictures[start : start + 3] for start in range(0, len(pictures), 3)]
    assert len(rows) == 5
    for twin, reference, difference in rows[:3]:
        assert twin.max() == pytest.approx(reference.max(), abs=0.1)
        assert difference.max() < -60
    for twin, reference, difference in rows[3:]:
        np.testing.assert_allclose(twin - reference, difference, atol=1e-9)
    assert np.abs(rows[4][2]).max() <= 2


def test_integer_filters_are_the_float_ones_rounded() -> None:
    spec = load_preset("yamnet")
    filters = integer_filters(design_frontend(spec, kernel="cmsis_q31"))
    np.testing.assert_allclose(filters / 2.0**21, mel_matrix(spec), atol=2.0**-22)
