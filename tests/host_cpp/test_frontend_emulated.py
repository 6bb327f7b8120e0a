"""The C++ front end on the emulated Cortex-M7, where inner loops are Armv7E-M assembly, against the NumPy twin: bit for bit."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.dsp.frontend_signals import SIGNALS
from tests.host_cpp.toolchain import FIRMWARE_LIB
from tinyaudio.core.spec import FrontendSpec, KernelId
from tinyaudio.core.templating import render_template
from tinyaudio.deploy.build.cmsis_dsp import CMSIS_DSP_RFFT_Q31_SOURCES, cmsis_dsp_include_dirs, ensure_cmsis_dsp
from tinyaudio.dsp.frontend import (
    FrontendTables,
    compute_stages,
    design_feature_quantization,
    design_frontend,
    quantize_features,
    stage_dtypes,
    template_context,
    template_context_quantization,
)

HERE = Path(__file__).resolve().parent
LIBRARY = FIRMWARE_LIB / "tinyaudio_frontend"
FLAGS = ("-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=soft", "-O2", "-ffunction-sections", "-fdata-sections")
WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Werror")
FRAMES = 12  # of each signal
QUANTIZATION = design_feature_quantization(0.0431, 31, log_fraction_bits=16)


def full_window(fft_samples: int, **fields: object) -> FrontendSpec:
    bands = max(4, fft_samples // 16)
    shape = {"window_samples": fft_samples, "hop_samples": fft_samples // 2, "fft_samples": fft_samples, "mel_bands": min(bands, 128)}
    return FrontendSpec(**{**shape, "mel_low_hz": 0.0, "mel_high_hz": 8_000.0, "spectrum": "power", **fields})  # type: ignore[arg-type]


YAMNET = {"magnitude": FrontendSpec(), "power": FrontendSpec(spectrum="power")}
#: Windows that end in each quarter of the FFT, with whole and with half pairs of samples.
WINDOWS = {
    f"window_{samples}": full_window(256, window_samples=samples, hop_samples=min(samples, 128)) for samples in (2, 3, 63, 64, 65, 128, 191, 194, 255)
}
LENGTHS = {f"fft_{length}": full_window(length) for length in (64, 128, 256, 512, 1_024, 2_048, 4_096)}
#: Mel bands that use only one bin of some pairs (k, L - k).
PARTS = {"low": full_window(256, mel_high_hz=2_000.0, mel_bands=4), "high": full_window(256, mel_low_hz=1_000.0, mel_bands=4)}
SPECS: dict[KernelId, dict[str, FrontendSpec]] = {
    "portable_q31": {**YAMNET, **WINDOWS, **LENGTHS, **PARTS},
    "cmsis_q31": {**YAMNET, "fft_1024": full_window(1_024)},
    "esp_sc16": {**YAMNET, **LENGTHS},
}


def gcc(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="session")
def compiler() -> str:
    found = shutil.which("arm-none-eabi-g++")
    assert found, "arm-none-eabi-g++ is missing; `tinyaudio doctor` says how to get it"
    return found


@pytest.fixture(scope="session")
def common_objects(tmp_path_factory: pytest.TempPathFactory, compiler: str) -> list[str]:
    """What all images share, compiled once: our front end and CMSIS-DSP."""
    folder = tmp_path_factory.mktemp("objects")
    root = ensure_cmsis_dsp()
    includes = [
        f"-I{directory}" for directory in (*cmsis_dsp_include_dirs(root), LIBRARY / "include", FIRMWARE_LIB / "tinyaudio_cmsis_q31" / "include")
    ]
    ours = [*sorted((LIBRARY / "src").glob("*.cc")), HERE / "emulated_vectors.cc"]
    theirs = [*(root / source for source in CMSIS_DSP_RFFT_Q31_SOURCES), FIRMWARE_LIB / "tinyaudio_cmsis_q31" / "src" / "cmsis_complex_fft.c"]
    for source in ours:
        gcc([compiler, *FLAGS, *WARNINGS, "-std=c++17", "-fno-exceptions", *includes, "-c", str(source), "-o", str(folder / f"{source.stem}.o")])
    for source in theirs:
        gcc([compiler.replace("g++", "gcc"), *FLAGS, "-w", *includes, "-c", str(source), "-o", str(folder / f"{source.stem}.o")])
    return [str(path) for path in sorted(folder.glob("*.o"))]


def build_image(folder: Path, tables: FrontendTables, compiler: str, objects: list[str]) -> Path:
    context = {**template_context(tables), **template_context_quantization(QUANTIZATION)}
    for name in ("frontend_tables.h", "frontend_tables.cc"):
        (folder / name).write_text(render_template(f"frontend/{name}.j2", context), encoding="utf-8")
    kernel = FIRMWARE_LIB / f"tinyaudio_{tables.kernel}"
    own = [] if tables.kernel == "cmsis_q31" else sorted((kernel / "src").glob("*.cc"))
    sources = [HERE / "frontend_runner.cc", folder / "frontend_tables.cc", *own]
    includes = [f"-I{directory}" for directory in (folder, LIBRARY / "include", kernel / "include", kernel / "src")]
    link = ["--specs=rdimon.specs", "-Wl,--gc-sections", "-T", str(HERE / "emulated.ld"), "-lm"]
    image = folder / "image.elf"
    gcc([compiler, *FLAGS, *WARNINGS, "-std=c++17", "-fno-exceptions", *includes, *map(str, sources), *objects, *link, "-o", str(image)])
    return image


def run_image(image: Path, pcm: bytes) -> bytes:
    (image.parent / "pcm.bin").write_bytes(pcm)
    machine = ["qemu-system-arm", "-M", "mps2-an500", "-display", "none", "-monitor", "none", "-serial", "null", "-semihosting"]
    result = subprocess.run([*machine, "-kernel", str(image)], cwd=image.parent, capture_output=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr.decode(errors="replace")
    return (image.parent / "stages.bin").read_bytes()


@pytest.mark.parametrize(("kernel", "name"), [(kernel, name) for kernel, specs in SPECS.items() for name in specs])
def test_every_stage_on_the_emulated_m7_equals_the_twin(
    kernel: KernelId, name: str, tmp_path: Path, compiler: str, common_objects: list[str]
) -> None:
    """The runner computes each frame twice, observed and not, and ends with an error if the two differ."""
    spec = SPECS[kernel][name]
    tables = design_frontend(spec, kernel=kernel)
    samples = spec.window_samples + (FRAMES - 1) * spec.hop_samples
    pcm = np.concatenate([make(samples) for make in SIGNALS.values()])
    actual_bytes = run_image(build_image(tmp_path, tables, compiler, common_objects), pcm.tobytes())
    layout = [*stage_dtypes(tables).items(), ("features", (np.dtype(np.int8), spec.feature_bands))]
    actual = np.frombuffer(actual_bytes, dtype=np.dtype([(stage, dtype, (elements,)) for stage, (dtype, elements) in layout]))
    stages = compute_stages(tables, pcm)
    expected = {stage: getattr(stages, stage) for stage, _ in layout[:-1]}
    expected["features"] = quantize_features(stages.post, QUANTIZATION)
    assert len(actual) == spec.frames_of(len(pcm))
    for stage, values in expected.items():
        different = np.argwhere(actual[stage] != values)
        assert len(different) == 0, f"{len(different)} of {values.size} values of stage {stage} differ, first at {different[0]}"
