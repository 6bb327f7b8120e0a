"""Chains that pass rows on, under the sanitizers, against the reference: whatever can be joined is joined, of use or not."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tinyaudio.deploy.compiler.compile as compiler
from tests.deploy.compiler.host_models import HostModels, reference_outputs, shared_directory, varied_inputs
from tests.deploy.compiler.row_chain_cases import ROW_CHAINS, with_everything_joined
from tinyaudio.deploy.compiler.passes.widen_weights import widen_weights

INPUTS = 6


@pytest.fixture(scope="module", params=["plain", "dsp", "wide"])
def host_models(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> HostModels:
    models = {name: build() for name, build in ROW_CHAINS.items()}
    with pytest.MonkeyPatch.context() as monkeypatch:
        with_everything_joined(monkeypatch, spare_bytes={"plain": 0, "dsp": 500, "wide": 2000}[request.param])
        if request.param == "wide":  # other kernels, `conv_rows` among them
            monkeypatch.setattr(compiler, "widen_weights", lambda graph, **_: widen_weights(graph, optimize="speed"))
        directory = shared_directory(tmp_path_factory, f"row-chains-{request.param}")
        host = HostModels(models, directory, dsp=request.param != "plain", optimize="ram")
    strips = {rows for compiled in host.compiled.values() for rows in re.findall(r"kStripRows = (\d+)", compiled.files["generated/model.cc"])}
    assert (len(strips) > 4) == (request.param != "plain")
    assert any(work.kernel == "conv_rows" for compiled in host.compiled.values() for one in compiled.ops for work in one.work) == (
        request.param == "wide"
    )
    return host


@pytest.mark.parametrize("name", ROW_CHAINS)
def test_chain_is_bit_exact(host_models: HostModels, name: str) -> None:
    inputs = varied_inputs(host_models.compiled[name].input_.elements, INPUTS, seed=len(name))
    outputs, _ = host_models.run(name, inputs)
    np.testing.assert_array_equal(outputs, reference_outputs(ROW_CHAINS[name](), inputs))


def test_the_chains_show_something(host_models: HostModels) -> None:
    operations = [operation for compiled in host_models.compiled.values() for operation in compiled.ops]
    assert any(operation.kind.count(" + ") >= 4 for operation in operations)
    assert {work.kernel for operation in operations for work in operation.work} >= {"pointwise", "depthwise_3x3", "depthwise_conv_2d", "conv_2d"}
