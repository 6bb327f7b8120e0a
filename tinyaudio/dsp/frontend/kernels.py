"""The FFT kernels: what the front end needs to know of each, by its id.

A kernel takes samples to energies. Its window and spectrum have formats of its own; its powers come in the one format
that the mel stage reads. docs/front_end.md says how to add one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.spec import KernelId
from tinyaudio.dsp.frontend import cmsis_q31, esp_sc16, portable_q31

KernelTables = Mapping[str, NDArray[Any]]


class ApplyWindow(Protocol):
    """A kernel's first step."""

    def __call__(self, tables: KernelTables, samples: NDArray[np.int16], *, fft_samples: int) -> NDArray[np.int64]:
        """Return the stage window [fft_samples, frames] of samples [window_samples, frames]."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """One FFT kernel. Its functions work on whole blocks of frames, frames last, in int64 that holds the C++'s integers."""

    fft_samples: tuple[int, ...]  # lengths of the real FFT
    version: int  # raised whenever the kernel's integers change for an unchanged spec; part of the fingerprint
    window_dtype: type[np.integer[Any]]  # of the stage window, fft_samples elements
    spectrum_dtype: type[np.integer[Any]]  # of the stage fft
    spectrum_elements: Callable[[int], int]  # fft_samples -> elements of the stage fft
    design: Callable[[int, int], Mapping[str, NDArray[Any]]]  # window_samples, fft_samples -> 1-D tables, in the C++ struct's order and types
    apply_window: ApplyWindow
    transform: Callable[[KernelTables, NDArray[np.int64]], NDArray[np.int64]]  # stage window -> stage fft [elements, frames]
    power: Callable[[NDArray[np.int64], slice], NDArray[np.uint64]]  # stage fft, bins -> [bins, frames], Q(62 - 2 log2 fft_samples)
    cpp_class: str  # ``tinyaudio/<id>.h`` has the template ``<cpp_class>`` and the struct ``<cpp_class>Tables``
    prepares: bool = False  # the C++ class has a ``prepare`` that `frontend_init` calls
    libraries: tuple[str, ...]  # folders of firmware/lib that only this kernel needs


def interleaved_elements(fft_samples: int) -> int:
    """Return the length of real and imaginary parts in turn, bins 0 to fft_samples / 2."""
    return fft_samples + 2


def interleaved_power(spectrum: NDArray[np.int64], bins: slice) -> NDArray[np.uint64]:
    """Return re^2 + im^2 of `bins` of an interleaved spectrum [2 * bins, frames] in Q(31 - log2 fft_samples), |re + j im| <= 2^30."""
    real, imaginary = spectrum[0::2][bins], spectrum[1::2][bins]
    return (real * real + imaginary * imaginary).view(np.uint64)


#: Every kernel there is.
KERNELS: Mapping[KernelId, Kernel] = {
    "cmsis_q31": Kernel(
        fft_samples=cmsis_q31.SUPPORTED_FFT_SAMPLES,
        version=1,
        window_dtype=np.int32,
        spectrum_dtype=np.int32,
        spectrum_elements=interleaved_elements,
        design=cmsis_q31.design_tables,
        apply_window=cmsis_q31.apply_window,
        transform=cmsis_q31.transform,
        power=interleaved_power,
        cpp_class="CmsisQ31",
        libraries=("tinyaudio_cmsis_q31", "cmsis_dsp"),
    ),
    "esp_sc16": Kernel(
        fft_samples=esp_sc16.SUPPORTED_FFT_SAMPLES,
        version=1,
        window_dtype=np.int32,
        spectrum_dtype=np.int32,
        spectrum_elements=interleaved_elements,
        design=esp_sc16.design_tables,
        apply_window=cmsis_q31.apply_window,
        transform=esp_sc16.transform,
        power=interleaved_power,
        cpp_class="EspSc16",
        prepares=True,
        libraries=("tinyaudio_esp_sc16",),
    ),
    "portable_q31": Kernel(
        fft_samples=portable_q31.SUPPORTED_FFT_SAMPLES,
        version=1,
        window_dtype=np.int32,
        spectrum_dtype=np.int32,
        spectrum_elements=interleaved_elements,
        design=portable_q31.design_tables,
        apply_window=portable_q31.apply_window,
        transform=portable_q31.transform,
        power=interleaved_power,
        cpp_class="PortableQ31",
        libraries=("tinyaudio_portable_q31",),
    ),
}
