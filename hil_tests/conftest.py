"""One suite, three depths: ``pytest hil_tests --depth fake|virtual|serial [--port URL] [--rig-board ID]``; fake and virtual by default."""

from __future__ import annotations

import pytest

from hil_tests.rigs import Rig, make_rig
from tinyaudio.core.board import Depth

DEPTHS: tuple[Depth, ...] = ("fake", "virtual", "serial")
_DEFAULT_DEPTHS: tuple[Depth, ...] = ("fake", "virtual")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("hardware in the loop")
    group.addoption("--depth", action="append", choices=DEPTHS, help="where hil_tests run; may be repeated (default: fake and virtual)")
    group.addoption("--port", help="serial port, or any URL of pyserial, for --depth serial; the golden firmware must run there")
    group.addoption("--rig-board", default="mps2_an500", help="board type of the rig (default: mps2_an500)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "rig" in metafunc.fixturenames:
        depths = metafunc.config.getoption("--depth") or _DEFAULT_DEPTHS
        metafunc.parametrize("rig", depths, indirect=True, scope="session")


@pytest.fixture(scope="session")
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return make_rig(
        request.param,
        board_id=request.config.getoption("--rig-board"),
        port=request.config.getoption("--port"),
        work_dir=tmp_path_factory.mktemp(f"rig_{request.param}"),
    )


@pytest.fixture(autouse=True)
def _needs(request: pytest.FixtureRequest) -> None:
    """Skip what the rig has not: tests ask for capabilities, not for boards."""
    wanted = {name for marker in request.node.iter_markers("needs") for name in marker.args}
    if wanted:
        missing = wanted - request.getfixturevalue("rig").capabilities
        if missing:
            pytest.skip(f"this rig has no {', '.join(sorted(missing))}")
