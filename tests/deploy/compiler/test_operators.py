"""Every operator alone, on the host under the sanitizers, against TFLite Micro's reference kernels: not one bit may differ."""

from __future__ import annotations

import numpy as np
import pytest

from tests.deploy.compiler.cases import CASES
from tests.deploy.compiler.host_models import HostModels, reference_outputs, shared_directory, varied_inputs
from tests.deploy.compiler.kernel_cases import KERNEL_CASES
from tests.deploy.compiler.random_cases import RANDOM_CASES

INPUTS = 40


@pytest.fixture(scope="module", params=["plain", "dsp"])
def host_models(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> HostModels:
    directory = shared_directory(tmp_path_factory, f"operators-{request.param}")
    models = {name: build() for name, build in (CASES | KERNEL_CASES).items()}
    return HostModels(models, directory, dsp=request.param == "dsp", optimize="speed" if request.param == "dsp" else "size")


@pytest.mark.parametrize("name", CASES)
def test_operator_is_bit_exact(host_models: HostModels, name: str) -> None:
    _assert_bit_exact(host_models, name, CASES[name]())


@pytest.mark.parametrize("name", KERNEL_CASES)
def test_kernel_is_bit_exact_in_all_its_ways(host_models: HostModels, name: str) -> None:
    _assert_bit_exact(host_models, name, KERNEL_CASES[name]())


@pytest.fixture(scope="module")
def random_models(tmp_path_factory: pytest.TempPathFactory) -> HostModels:
    return HostModels({name: build() for name, build in RANDOM_CASES.items()}, shared_directory(tmp_path_factory, "random-operators"), dsp=True)


@pytest.mark.parametrize("name", RANDOM_CASES)
def test_random_operator_is_bit_exact(random_models: HostModels, name: str) -> None:
    _assert_bit_exact(random_models, name, RANDOM_CASES[name](), varied=False)


def _assert_bit_exact(host_models: HostModels, name: str, tflite: bytes, *, varied: bool = True) -> None:
    input_ = host_models.compiled[name].input_
    inputs = varied_inputs(input_.elements, INPUTS, dtype=input_.dtype, seed=len(name))
    expected = reference_outputs(tflite, inputs)
    assert not varied or len(np.unique(expected)) > 2, "a constant output proves nothing"
    outputs, logits = host_models.run(name, inputs)
    np.testing.assert_array_equal(outputs, expected)
    assert logits.shape[1] == host_models.compiled[name].logits.elements
