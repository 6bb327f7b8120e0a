"""Compiled models on the host and the reference interpreter beside them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.host_cpp.toolchain import FIRMWARE_LIB, compile_host, run_host
from tinyaudio.deploy.compiler import CompiledModel, Optimize, VendorName, compile_model

NN = FIRMWARE_LIB / "tinyaudio_nn"
INCLUDE_DIRS = (NN / "include", FIRMWARE_LIB / "tinyaudio_placement" / "include")

_PROGRAM = "runner"
_RUNNER = """
#include <stdio.h>
#include <stdlib.h>
{includes}
template <typename Input, typename Invoke, typename Output, typename Logits>
static int serve(Input input, uint32_t inputs, Invoke invoke, Output output, uint32_t outputs, Logits logits, uint32_t values) {{
    while (fread(input(), sizeof(*input()), inputs, stdin) == inputs) {{
        invoke();
        fwrite(output(), sizeof(*output()), outputs, stdout);
        fwrite(logits(), sizeof(*logits()), values, stdout);
    }}
    return 0;
}}
#define SERVE(m) serve(m::input, m::kInputElements, m::invoke, m::output, m::kOutputElements, m::logits, m::kLogitsElements)
int main(int, char** argv) {{
    switch (atoi(argv[1])) {{
{cases}
    }}
    return 1;
}}
"""


class HostModels:
    """Several models in one program, each in a namespace of its own; what lies built in the directory already is taken as it is."""

    def __init__(
        self,
        models: Mapping[str, bytes],
        directory: Path,
        *,
        dsp: bool,
        sanitize: bool = True,
        optimize: Optimize = "size",
        flags: Sequence[str] = (),
        vendor: VendorName | None = None,
        vendor_sources: Sequence[Path] = (),
    ) -> None:
        self._vendor_sources = tuple(vendor_sources)  # the adapters of `vendor`, and what stands in for its library
        self.compiled: dict[str, CompiledModel] = {
            name: compile_model(tflite, name=name, optimize=optimize, vendor=vendor) for name, tflite in models.items()
        }
        directory.mkdir(exist_ok=True)
        with (directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (directory / _PROGRAM).exists():
                write_sources(self.compiled, directory)
                self._build(directory, dsp=dsp, sanitize=sanitize, flags=flags)
        self._program = directory / _PROGRAM

    @classmethod
    def rebuild(cls, compiled: Mapping[str, CompiledModel], directory: Path) -> HostModels:
        """Build what lies in `directory`, where a test has changed the generated files of `compiled`."""
        models = cls.__new__(cls)
        models._vendor_sources = ()
        models.compiled = dict(compiled)
        models._build(directory, dsp=False, sanitize=True, flags=())
        models._program = directory / _PROGRAM
        return models

    def _build(self, directory: Path, *, dsp: bool, sanitize: bool, flags: Sequence[str]) -> None:
        source = directory / "runner.cc"
        cases = [f"        case {number}: return SERVE(model_{number});" for number in range(len(self.compiled))]
        source.write_text(_RUNNER.format(includes=include_all(self.compiled), cases="\n".join(cases)), encoding="utf-8")
        compile_host(
            directory / _PROGRAM,
            [source, *sorted((NN / "src").glob("*.cc")), *self._vendor_sources],
            include_dirs=[*INCLUDE_DIRS, directory],
            flags=[f"-DTINYAUDIO_NN_DSP={int(dsp)}", "-O0" if sanitize else "-O1", *flags],  # under the sanitizers, compiling takes longest
            sanitize=sanitize,
        )

    def run(self, name: str, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (outputs, logits), [count, elements], of the model `name` for [count, input elements], one after the other."""
        compiled = self.compiled[name]
        raw = run_host(self._program, str(list(self.compiled).index(name)), stdin=inputs.astype(compiled.input_.dtype).tobytes())
        row = np.dtype([(end, summary.dtype, (summary.elements,)) for end, summary in (("out", compiled.output_), ("logits", compiled.logits))])
        values = np.frombuffer(raw, row)
        assert len(values) == len(inputs)
        return values["out"], values["logits"]


def shared_directory(factory: pytest.TempPathFactory, name: str) -> Path:
    """Return a directory that all workers of this test run share: the first one that needs a program builds it for all."""
    base = factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name


def write_sources(compiled: Mapping[str, CompiledModel], directory: Path) -> Path:
    """Write the generated files of every model below `directory`/<name>/."""
    for name, model in compiled.items():
        for path, text in model.files.items():
            target = directory / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    return directory


def include_all(compiled: Mapping[str, CompiledModel]) -> str:
    """Return the includes that put model number n into the namespace model_n."""
    lines = []
    for number, name in enumerate(compiled):
        files = [f'#include "{name}/generated/{file}"' for file in ("model_weights.cc", "model.cc")]
        lines += [f"#define tinyaudio_model model_{number}", *files, "#undef tinyaudio_model"]
    return "\n".join(lines)


def reference_outputs(tflite: bytes, inputs: np.ndarray) -> np.ndarray:
    """Return what TFLite Micro's reference kernels compute, [count, elements], for one input after the other."""
    runtime = pytest.importorskip("tflite_micro", reason="the reference interpreter is not installed: pip install tinyaudio[train]").runtime
    interpreter = runtime.Interpreter.from_bytes(tflite, arena_size=max(10 * len(tflite), 1 << 20))
    details = interpreter.get_input_details(0)
    outputs = []
    for values in inputs:
        interpreter.set_input(values.astype(details["dtype"]).reshape(details["shape"]), 0)
        interpreter.invoke()
        outputs.append(interpreter.get_output(0).ravel().copy())
    return np.array(outputs)


def varied_inputs(elements: int, count: int, *, dtype: str = "int8", seed: int = 0) -> np.ndarray:
    """Return [count, elements]: both extremes, then noise, of which a third is quiet and a third saturates."""
    rng = np.random.default_rng(seed)
    if dtype == "float32":
        return rng.normal(0.0, 4.0, (count, elements)).astype(np.float32)
    limits = np.iinfo(dtype)
    inputs = rng.integers(limits.min, limits.max, (count, elements), endpoint=True)
    inputs[2::3] //= 16
    inputs[4::3] *= 4
    inputs[0], inputs[1] = limits.min, limits.max
    return np.clip(inputs, limits.min, limits.max).astype(dtype)
