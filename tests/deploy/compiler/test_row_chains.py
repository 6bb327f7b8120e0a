"""Chains that pass rows on, under the sanitizers, against the reference: whatever can be joined is joined, of use or not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import tinyaudio.deploy.compiler.compile as compiler
from tests.deploy.compiler.host_models import HostModels, reference_outputs, shared_directory, varied_inputs
from tests.deploy.compiler.row_chain_cases import ROW_CHAINS, with_everything_joined
from tinyaudio.deploy.compiler.passes.widen_weights import widen_weights

INPUTS = 6


@pytest.fixture(scope="module", params=["plain", "dsp", "wide"])
def host_models(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostModels]:
    models = {name: build() for name, build in ROW_CHAINS.items()}
    with pytest.MonkeyPatch.context() as monkeypatch:
        with_everything_joined(monkeypatch)
        if request.param == "wide":  # other kernels, `conv_rows` among them
            monkeypatch.setattr(compiler, "widen_weights", lambda graph, **_: widen_weights(graph, optimize="speed"))
        directory = shared_directory(tmp_path_factory, f"row-chains-{request.param}")
        yield HostModels(models, directory, dsp=request.param != "plain", optimize="ram")


@pytest.mark.parametrize("name", ROW_CHAINS)
def test_chain_is_bit_exact(host_models: HostModels, name: str) -> None:
    inputs = varied_inputs(host_models.compiled[name].input_.elements, INPUTS, seed=len(name))
    outputs, _ = host_models.run(name, inputs)
    np.testing.assert_array_equal(outputs, reference_outputs(ROW_CHAINS[name](), inputs))
