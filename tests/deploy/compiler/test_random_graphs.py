"""Random models of several operators, under the sanitizers, against the reference: memory, aliases, fusions and kernels together."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.deploy.compiler.host_models import HostModels, reference_outputs, shared_directory, varied_inputs
from tests.deploy.compiler.random_graphs import RANDOM_GRAPHS
from tinyaudio.core.tflite_metadata import open_model

INPUTS = 8


@pytest.fixture(scope="module")
def host_models(tmp_path_factory: pytest.TempPathFactory) -> HostModels:
    return HostModels({name: build() for name, build in RANDOM_GRAPHS.items()}, shared_directory(tmp_path_factory, "random-graphs"), dsp=True)


@pytest.mark.parametrize("name", RANDOM_GRAPHS)
def test_random_graph_is_bit_exact(host_models: HostModels, name: str) -> None:
    inputs = varied_inputs(host_models.compiled[name].input_.elements, INPUTS, seed=3)
    outputs, _ = host_models.run(name, inputs)
    np.testing.assert_array_equal(outputs, reference_outputs(RANDOM_GRAPHS[name](), inputs))


def test_the_graphs_show_something(host_models: HostModels) -> None:
    kinds = Counter(op.kind for compiled in host_models.compiled.values() for op in compiled.ops)
    assert len(kinds) >= 18
    lively = [name for name, compiled in host_models.compiled.items() if _distinct(host_models, name, compiled.input_.elements) > 4]
    assert len(lively) > len(RANDOM_GRAPHS) // 2
    assert any(open_model(build()).Subgraphs(0).OperatorsLength() > 10 for build in RANDOM_GRAPHS.values())


def _distinct(host_models: HostModels, name: str, elements: int) -> int:
    return len(np.unique(host_models.run(name, varied_inputs(elements, INPUTS, seed=3))[0]))
