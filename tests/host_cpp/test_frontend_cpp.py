"""The C++ front end with every kernel, on the real CMSIS-DSP sources, under ASan and UBSan, against the NumPy twin: bit for bit, every stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.dsp.frontend_options import OPTIONS, PRESETS
from tests.dsp.frontend_signals import SIGNALS, white_noise
from tests.host_cpp.toolchain import FIRMWARE_LIB, compile_host, run_host
from tinyaudio.core.spec import FrontendSpec, KernelId
from tinyaudio.core.templating import render_template
from tinyaudio.deploy.build.cmsis_dsp import CMSIS_DSP_RFFT_Q31_SOURCES, cmsis_dsp_include_dirs, ensure_cmsis_dsp
from tinyaudio.dsp.frontend import (
    FeatureQuantization,
    FrontendTables,
    compute_stages,
    design_feature_quantization,
    design_frontend,
    quantize_features,
    stage_dtypes,
    template_context,
    template_context_quantization,
)
from tinyaudio.dsp.frontend.cmsis_q31 import SUPPORTED_FFT_SAMPLES, complex_twiddles, rfft_q31, split_coefficients
from tinyaudio.dsp.frontend.kernels import KERNELS

LIBRARY = FIRMWARE_LIB / "tinyaudio_frontend"
HERE = Path(__file__).resolve().parent

# As in firmware: what a function that nobody calls refers to need not exist. Signed overflow stays an error, in CMSIS-DSP too.
GC_FLAGS = ("-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections")

SPECS = {
    "yamnet_magnitude": FrontendSpec(),
    "yamnet_power": FrontendSpec(spectrum="power"),
    "narrow_8k": FrontendSpec(
        sample_rate_hz=8_000, window_samples=201, hop_samples=77, fft_samples=256, mel_bands=20, mel_low_hz=60.0, mel_high_hz=4_000.0
    ),
    "full_window_power": FrontendSpec(
        window_samples=512, hop_samples=512, mel_bands=40, mel_low_hz=0.0, mel_high_hz=8_000.0, spectrum="power", log_offset=1e-9
    ),
    "ad01_like": FrontendSpec(
        window_samples=1_024, hop_samples=512, fft_samples=1_024, mel_bands=128, mel_low_hz=0.0, mel_high_hz=8_000.0, spectrum="power"
    ),
    "longest": FrontendSpec(
        sample_rate_hz=48_000, window_samples=4_096, hop_samples=1_024, fft_samples=4_096, mel_bands=256, mel_low_hz=50.0, mel_high_hz=24_000.0
    ),
    "shortest": FrontendSpec(window_samples=64, hop_samples=32, fft_samples=64, mel_bands=6, mel_low_hz=0.0, mel_high_hz=8_000.0),
}
FRAMES = {"yamnet_magnitude": 300, "yamnet_power": 300, "longest": 40, "cepstrum_of_many_bands": 40}
#: Options lie before and behind the kernels: one kernel shows them all, the others those that meet every line of theirs.
OPTION_CASES = [(name, "cmsis_q31") for name in (*OPTIONS, *PRESETS)] + [(name, kernel) for name in ("everything", "mfcc") for kernel in KERNELS]
CASES = dict.fromkeys([*((name, kernel) for name in SPECS for kernel in KERNELS), *OPTION_CASES])


@pytest.fixture(scope="session")
def cmsis(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """Compile CMSIS-DSP once: the program around its own real FFT, and the objects for our front end."""
    folder = tmp_path_factory.mktemp("cmsis")
    root = ensure_cmsis_dsp()
    sources = [root / source for source in CMSIS_DSP_RFFT_Q31_SOURCES]
    main = HERE / "cmsis_rfft_q31.c"
    binary = compile_host(
        folder / "cmsis",
        [],
        c_sources=[*sources, FIRMWARE_LIB / "tinyaudio_cmsis_q31" / "src" / "cmsis_complex_fft.c", main],
        include_dirs=[*cmsis_dsp_include_dirs(root), FIRMWARE_LIB / "tinyaudio_cmsis_q31" / "include"],
        flags=GC_FLAGS,
    )
    return binary, [path for path in sorted(folder.glob("cmsis.*.o")) if main.stem not in path.name or "arm_" in path.name]


def build(folder: Path, tables: FrontendTables, main: str, cmsis_objects: list[Path], quantization: FeatureQuantization) -> Path:
    context = {**template_context(tables), **template_context_quantization(quantization)}
    for name in ("frontend_tables.h", "frontend_tables.cc"):
        (folder / name).write_text(render_template(f"frontend/{name}.j2", context), encoding="utf-8")
    kernel_library = FIRMWARE_LIB / f"tinyaudio_{tables.kernel}"
    return compile_host(
        folder / "program",
        [
            HERE / main,
            folder / "frontend_tables.cc",
            *sorted((LIBRARY / "src").glob("*.cc")),
            *sorted((kernel_library / "src").glob("*.cc")),
            *(cmsis_objects if tables.kernel == "cmsis_q31" else ()),
        ],
        include_dirs=[folder, LIBRARY / "include", kernel_library / "include"],
        flags=GC_FLAGS,
    )


@pytest.mark.parametrize(("name", "kernel"), CASES)
def test_every_stage_equals_the_twin(name: str, kernel: KernelId, tmp_path: Path, cmsis: tuple[Path, list[Path]]) -> None:
    spec = {**SPECS, **OPTIONS, **PRESETS}[name]
    tables = design_frontend(spec, kernel=kernel)
    quantization = design_feature_quantization(0.0431, 31, log_fraction_bits=tables.log_fraction_bits)
    binary = build(tmp_path, tables, "frontend_runner.cc", cmsis[1], quantization)
    layout = [*stage_dtypes(tables).items(), ("features", (np.dtype(np.int8), spec.feature_bands))]
    frame_type = np.dtype([(stage, dtype, (elements,)) for stage, (dtype, elements) in layout])
    samples = spec.window_samples + (FRAMES.get(name, 100) - 1) * spec.hop_samples
    for signal, make in SIGNALS.items():
        pcm = make(samples)
        actual = np.frombuffer(run_host(binary, stdin=pcm.tobytes()), dtype=frame_type)
        stages = compute_stages(tables, pcm)
        expected = {stage: getattr(stages, stage) for stage, _ in layout[:-1]}
        expected["features"] = quantize_features(stages.post, quantization)
        assert len(actual) == spec.frames_of(samples)
        for stage, values in expected.items():
            different = np.argwhere(actual[stage] != values)
            assert len(different) == 0, f"{signal}: {len(different)} of {values.size} values of stage {stage} differ, first at {different[0]}"


@pytest.mark.parametrize("kernel", KERNELS)
def test_init_checks_tables_and_scratch(kernel: KernelId, tmp_path: Path, cmsis: tuple[Path, list[Path]]) -> None:
    quantization = FeatureQuantization(multiplier=2**30, shift=40, zero_point=0)
    run_host(build(tmp_path, design_frontend(FrontendSpec(), kernel=kernel), "frontend_init_cases.cc", cmsis[1], quantization))


def test_the_square_root_is_the_exact_floor(tmp_path: Path) -> None:
    binary = compile_host(tmp_path / "roots", [HERE / "square_root_cases.cc"], include_dirs=[LIBRARY / "include"])
    generator = np.random.default_rng(5)
    # Next to perfect squares, at powers of two, at the tops and bottoms of the table's cells, and anywhere.
    roots = np.concatenate([generator.integers(1, 2**31, 20_000, dtype=np.uint64), 2 ** np.arange(1, 31, dtype=np.uint64)])
    cells = (np.arange(64, 257, dtype=np.uint64) << np.uint64(54))[:, np.newaxis] + np.arange(-2, 3).astype(np.uint64)
    cells = cells[cells >= 2**60]
    energies = np.concatenate(
        [roots**2 // 4 + offset for offset in (np.uint64(0), np.uint64(1), np.uint64(2**64 - 1))]
        + [cells.ravel() >> np.uint64(shift) for shift in range(2, 62)]
        + [generator.integers(0, 2**62, 20_000, dtype=np.uint64) >> generator.integers(0, 62, 20_000, dtype=np.uint64)]
        + [np.array([1, 2, 3, 4, 2**32 - 1, 2**32, 2**32 + 1, 2**62 - 1, 2**60 - 1, 2**60], dtype=np.uint64)]
    )
    energies = energies[(energies >= 1) & (energies < 2**62)]
    result = np.frombuffer(run_host(binary, stdin=energies.tobytes()), dtype=np.uint32)
    for energy, root in zip(energies.tolist(), result.tolist(), strict=True):
        assert root**2 <= 4 * energy < (root + 1) ** 2, energy


@pytest.mark.parametrize("fft_samples", SUPPORTED_FFT_SAMPLES)
def test_the_fft_twin_equals_the_c_sources(fft_samples: int, cmsis: tuple[Path, list[Path]]) -> None:
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(fft_samples) / fft_samples)) * (2**31 - 2**11)
    shape = (30, fft_samples)
    generator = np.random.default_rng(fft_samples)
    frames = generator.uniform(-1, 1, shape) * window * 10.0 ** -generator.uniform(0, 5, (30, 1))
    frames[0], frames[1] = window, -window
    frames[2] = window * (1 - 2 * (np.arange(fft_samples) % 2))
    frames[3] = window * white_noise(fft_samples, dbfs=20) / 32768
    inputs = frames.astype(np.int32)
    output = run_host(cmsis[0], "rfft", str(fft_samples), stdin=inputs.tobytes())
    expected = np.frombuffer(output, dtype=np.int32).reshape(30, fft_samples // 2 + 1, 2)
    real, imaginary = rfft_q31(inputs.T.astype(np.int64))
    np.testing.assert_array_equal(real.T, expected[..., 0])
    np.testing.assert_array_equal(imaginary.T, expected[..., 1])


@pytest.mark.parametrize("fft_samples", SUPPORTED_FFT_SAMPLES)
def test_computed_tables_equal_the_c_sources(fft_samples: int, cmsis: tuple[Path, list[Path]]) -> None:
    points = fft_samples // 2
    twiddles = np.frombuffer(run_host(cmsis[0], "twiddles", str(points)), dtype=np.int32).reshape(-1, 2)
    np.testing.assert_array_equal(complex_twiddles(points).T, twiddles)
    a_table, b_table = np.frombuffer(run_host(cmsis[0], "split"), dtype=np.int32).reshape(2, 4096, 2)[:, :: 4096 // points]
    np.testing.assert_array_equal(split_coefficients(points), np.stack([a_table[1:, 0], a_table[1:, 1], b_table[1:, 0]]))
