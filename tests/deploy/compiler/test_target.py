"""The assembly kernels on an emulated Cortex-M7: every operator, bit for bit, at the optimization levels firmware is built with."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.deploy.compiler.cases import CASES
from tests.deploy.compiler.host_models import INCLUDE_DIRS, NN, include_all, reference_outputs, write_sources
from tests.deploy.compiler.kernel_cases import KERNEL_CASES
from tests.deploy.compiler.row_chain_cases import ROW_CHAINS, with_everything_joined
from tinyaudio.deploy.compiler import Optimize, compile_model

TARGET = Path(__file__).resolve().parent / "target"
MACHINE = ("-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard")
INPUTS = 6
MODELS = CASES | KERNEL_CASES

_RUNNER = """
#include <stdint.h>
{includes}
void print(const char* text);
static uint32_t state;
static uint8_t next_byte() {{
    state = state * 1664525u + 1013904223u;
    return static_cast<uint8_t>(state >> 24);
}}
[[maybe_unused]] static void set_next(float& value) {{ value = 0.25f * static_cast<int8_t>(next_byte()); }}
template <typename Value> static void set_next(Value& value) {{
    uint8_t* const bytes = reinterpret_cast<uint8_t*>(&value);
    for (uint32_t index = 0; index < sizeof(value); ++index) {{
        bytes[index] = next_byte();
    }}
}}
template <typename Input, typename Invoke, typename Output>
static void serve(Input input, uint32_t inputs, Invoke invoke, Output output, uint32_t outputs) {{
    state = 1;
    for (int count = 0; count < {inputs}; ++count) {{
        for (uint32_t index = 0; index < inputs; ++index) {{
            set_next(input()[index]);
        }}
        invoke();
        const uint8_t* const bytes = reinterpret_cast<const uint8_t*>(output());
        for (uint32_t index = 0; index < outputs * sizeof(*output()); ++index) {{
            const char text[3] = {{"0123456789abcdef"[bytes[index] >> 4], "0123456789abcdef"[bytes[index] & 15], 0}};
            print(text);
        }}
    }}
    print("\\n");
}}
void run_cases() {{
{cases}
}}
"""


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _generated_inputs(elements: int, dtype: str) -> np.ndarray:
    state, values = 1, []
    for _ in range(INPUTS * elements * (1 if dtype == "float32" else np.dtype(dtype).itemsize)):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values.append(state >> 24)
    data = np.array(values, np.uint8)
    typed = data.view(np.int8).astype(np.float32) / 4 if dtype == "float32" else data.view(dtype)
    return typed.reshape(INPUTS, elements)


def _write_image_sources(models: dict[str, Callable[[], bytes]], directory: Path, *, optimize: Optimize) -> Path:
    compiled = {name: compile_model(build(), name=name, optimize=optimize) for name, build in models.items()}
    calls = [
        f"    serve(model_{n}::input, model_{n}::kInputElements, model_{n}::invoke, model_{n}::output, model_{n}::kOutputElements);"
        for n in range(len(models))
    ]
    text = _RUNNER.format(includes=include_all(compiled), inputs=INPUTS, cases="\n".join(calls))
    (write_sources(compiled, directory) / "runner.cc").write_text(text, encoding="utf-8")
    return directory


@pytest.fixture(scope="module", params=["size", "speed"])
def sources(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _write_image_sources(MODELS, tmp_path_factory.mktemp("target"), optimize=request.param)


@pytest.fixture(scope="module")
def expected() -> list[str]:
    return _expected(MODELS)


def _expected(models: dict[str, Callable[[], bytes]]) -> list[str]:
    outputs = []
    for build in models.values():
        tflite = build()
        input_ = compile_model(tflite, name="case").input_
        inputs = _generated_inputs(input_.elements, input_.dtype)
        outputs.append(reference_outputs(tflite, inputs).tobytes().hex())
    return outputs


@pytest.mark.parametrize("optimization", ["-O2", "-Og"])
def test_operators_are_bit_exact_on_cortex_m7(sources: Path, expected: list[str], optimization: str) -> None:
    assert [
        name for name, line, wanted in zip(MODELS, _run(sources, optimization, models=len(MODELS)), expected, strict=True) if line != wanted
    ] == []


def test_chains_of_rows_are_bit_exact_on_cortex_m7(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = {name: ROW_CHAINS[name] for name in [*list(ROW_CHAINS)[:7], "separable"]}
    expected = _expected(models)
    with_everything_joined(monkeypatch, spare_bytes=1000)
    lines = _run(_write_image_sources(models, tmp_path, optimize="ram"), "-O2", models=len(models))
    assert [name for name, line, wanted in zip(models, lines, expected, strict=True) if line != wanted] == []


def _run(sources: Path, optimization: str, *, models: int) -> list[str]:
    """Build the image and return its lines, the outputs of one model each."""
    compiler, emulator = _tool("arm-none-eabi-g++"), _tool("qemu-system-arm")
    image = sources / f"image{optimization}.elf"
    command = [compiler, *MACHINE, optimization, "-std=c++17", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Wshadow", "-Werror"]
    command += ["-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", f"-Wl,-T,{TARGET / 'target.ld'}"]
    command += [*(f"-I{path}" for path in (*INCLUDE_DIRS, sources)), str(sources / "runner.cc"), str(TARGET / "startup.cc")]
    command += [*map(str, sorted((NN / "src").glob("*.cc"))), "-o", str(image)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    machine = ["-M", "mps2-an500", "-display", "none", "-monitor", "none", "-serial", "null", "-kernel", str(image)]
    semihosting = ["-semihosting", "-semihosting-config", "enable=on,target=native"]
    ran = subprocess.run([emulator, *machine, *semihosting], capture_output=True, text=True, timeout=300, check=False)
    lines = (ran.stdout + ran.stderr).split()
    assert len(lines) == models, lines[-1:]
    return lines
