"""The plain kernels with AVX2, as evaluations on this computer run them: under the sanitizers, against the reference kernels."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import pytest

from tests.deploy.compiler.cases import CASES
from tests.deploy.compiler.host_models import HostModels, reference_outputs, shared_directory, varied_inputs
from tests.deploy.compiler.kernel_cases import KERNEL_CASES
from tests.deploy.compiler.random_cases import RANDOM_CASES
from tests.host_cpp.toolchain import compile_host, run_host

_KINDS = ("conv_", "convolution", "depthwise", "dense", "transposed")
_WITH_COLUMNS = {name: build for name, build in {**CASES, **RANDOM_CASES}.items() if any(kind in name for kind in _KINDS)} | KERNEL_CASES


@pytest.fixture(scope="module", params=["size", "speed"])
def host_models(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> HostModels:
    directory = shared_directory(tmp_path_factory, f"avx2-{request.param}")
    if platform.machine() not in ("x86_64", "AMD64") or not _has_avx2(tmp_path_factory.mktemp("has_avx2")):
        pytest.skip("this computer has no AVX2")
    models = {name: build() for name, build in _WITH_COLUMNS.items()}
    return HostModels(models, directory, dsp=False, optimize=request.param, flags=["-mavx2"])


def _has_avx2(directory: Path) -> bool:
    source = directory / "has_avx2.cc"
    source.write_text('#include <stdio.h>\nint main() { puts(__builtin_cpu_supports("avx2") ? "yes" : "no"); }\n', encoding="utf-8")
    return run_host(compile_host(directory / "has_avx2", [source], sanitize=False)) == b"yes\n"


@pytest.mark.parametrize("name", _WITH_COLUMNS)
def test_operator_is_bit_exact(host_models: HostModels, name: str) -> None:
    input_ = host_models.compiled[name].input_
    inputs = varied_inputs(input_.elements, 20, dtype=input_.dtype, seed=len(name))
    outputs, _ = host_models.run(name, inputs)
    np.testing.assert_array_equal(outputs, reference_outputs(_WITH_COLUMNS[name](), inputs))
