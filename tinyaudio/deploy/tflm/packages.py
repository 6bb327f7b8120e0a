"""TFLite Micro and what it needs, as packages that a build fetches: repositories at pinned commits.

PlatformIO's registry has no TFLite Micro for bare Cortex-M: what is there are copies for the Arduino framework, years old, and
without CMSIS-NN or with one of their own. So the authors' repositories are named themselves, in platformio.ini, and fetched by
``fetch_packages.py`` of firmware/lib/tinyaudio_tflm: they are no libraries as ``lib_deps`` understands them. But for CMSIS-NN
the commits are those that TFLite Micro's own makefiles fetch at the pinned commit of TFLite Micro
(``third_party_downloads.inc``, ``ext_libs/``).
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyaudio.deploy.tflm.defects import TRANSPOSE_CONV_COMPONENT
from tinyaudio.deploy.tflm.tree import describe

_SHORT_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A repository at a commit."""

    name: str  # the folder that it is put into; `choose_sources.py` knows it
    url: str
    commit: str
    components: tuple[tuple[str, str], ...] = ()  # (name, version) of what `defects` may know of

    @property
    def pin(self) -> str:
        """The package as a line of platformio.ini."""
        return f"{self.name}={self.url}#{self.commit}"


TFLITE_MICRO = Package(name="tflite-micro", url="https://github.com/tensorflow/tflite-micro.git", commit="90b983c2b3f1480642e040bbd2ddb37b998f3424")
FLATBUFFERS = Package(
    name="flatbuffers", url="https://github.com/google/flatbuffers.git", commit="187240970746d00bbd26b0f5873ed54d2477f9f3"
)  # v25.9.23
GEMMLOWP = Package(name="gemmlowp", url="https://github.com/google/gemmlowp.git", commit="719139ce755a0f31cbf1c37f7f98adcc7fc9f425")
RUY = Package(name="ruy", url="https://github.com/google/ruy.git", commit="d37128311b445e758136b8602d1bbd2a755e115d")
#: Later than the one that TFLite Micro fetches: with the transposed convolution mended (see `defects`).
CMSIS_NN = Package(
    name="CMSIS-NN",
    url="https://github.com/ARM-software/CMSIS-NN.git",
    commit="99f736a63036613032f9b70de36b493bcd7802d4",
    components=((TRANSPOSE_CONV_COMPONENT, "2.0.1"),),
)


def packages(kernel_library: str) -> tuple[Package, ...]:
    """Return what a project with the kernels of `kernel_library` ("cmsis_nn", or "" for the reference kernels) fetches."""
    return (TFLITE_MICRO, FLATBUFFERS, GEMMLOWP, RUY, *((CMSIS_NN,) if kernel_library == "cmsis_nn" else ()))


def packages_version(kernel_library: str) -> str:
    """Return what firmware made from the packages reports."""
    library_version = CMSIS_NN.commit[:_SHORT_DIGITS] if kernel_library == "cmsis_nn" else ""
    return describe(TFLITE_MICRO.commit[:_SHORT_DIGITS], kernel_library, library_version)
