"""One suite, three depths: ``pytest hil_tests --depth fake|virtual|serial [--port URL] [--rig-board ID]``; fake and virtual by default.

Without ``--rig-board`` the virtual board is mps2_an500, and where a test needs a microphone or settings, native and stm32h7.
The live path is proven over some seconds; ``--live-seconds 60`` makes it a minute. Power is lost at every fourth flash step of the
longer write of settings; ``--every-flash-step`` tries them all.
"""

from __future__ import annotations

import pytest

from hil_tests.rigs import Rig, make_rig
from tinyaudio.core.board import Depth

DEPTHS: tuple[Depth, ...] = ("fake", "virtual", "serial")
_DEFAULT_DEPTHS: tuple[Depth, ...] = ("fake", "virtual")
_DEFAULT_BOARD = "mps2_an500"
_BOARDS_WITH_PERIPHERALS = ("native", "stm32h7")
_PERIPHERALS = frozenset({"microphone", "settings"})


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("hardware in the loop")
    group.addoption("--depth", action="append", choices=DEPTHS, help="where hil_tests run; may be repeated (default: fake and virtual)")
    group.addoption("--port", help="serial port, or any URL of pyserial, for --depth serial; the golden firmware must run there")
    group.addoption("--rig-board", help="board type of the rig (default: what the tests need)")
    group.addoption("--every-flash-step", action="store_true", help="lose power at every flash step (default: at every fourth of many)")
    group.addoption("--live-seconds", type=float, default=4.0, help="length of the recording that proves the live path (default: 4)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "rig" in metafunc.fixturenames:
        depths: tuple[Depth, ...] = metafunc.config.getoption("--depth") or _DEFAULT_DEPTHS
        chosen = metafunc.config.getoption("--rig-board")
        on_peripherals = bool(_wanted(metafunc.definition) & _PERIPHERALS)
        virtual_boards = (chosen,) if chosen else _BOARDS_WITH_PERIPHERALS if on_peripherals else (_DEFAULT_BOARD,)
        rigs = [(depth, board) for depth in depths for board in (virtual_boards if depth == "virtual" else (chosen or _DEFAULT_BOARD,))]
        names = [depth if board in (chosen, _DEFAULT_BOARD) else f"{depth}-{board}" for depth, board in rigs]
        metafunc.parametrize("rig", rigs, ids=names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    depth, board_id = request.param
    return make_rig(depth, board_id=board_id, port=request.config.getoption("--port"), work_dir=tmp_path_factory.mktemp(f"rig_{depth}"))


@pytest.fixture(scope="session")
def live_seconds(request: pytest.FixtureRequest) -> float:
    return float(request.config.getoption("--live-seconds"))


@pytest.fixture(scope="session")
def every_flash_step(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--every-flash-step"))


@pytest.fixture(autouse=True)
def _needs(request: pytest.FixtureRequest) -> None:
    """Skip what the rig has not: tests ask for capabilities, not for boards."""
    wanted = _wanted(request.node)
    if wanted:
        missing = wanted - request.getfixturevalue("rig").capabilities
        if missing:
            pytest.skip(f"this rig has no {', '.join(sorted(missing))}")


def _wanted(node: pytest.Item | pytest.Collector) -> frozenset[str]:
    return frozenset(name for marker in node.iter_markers("needs") for name in marker.args)
