"""The settings log on the host under ASan and UBSan: power fails at every step, in every way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.host_cpp.toolchain import FIRMWARE_LIB, compile_host, run_host

SETTINGS = FIRMWARE_LIB / "tinyaudio_settings"
WIRE = FIRMWARE_LIB / "tinyaudio_wire"
APP = FIRMWARE_LIB / "tinyaudio_app"
CASES = Path(__file__).parent / "settings"
PARTS = (
    "small cases",
    "one cut, two sectors",
    "one cut, three sectors",
    "one cut, small units",
    "one failure",
    "two cuts",
    "two cuts, hardly any room",
)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources = [*sorted(CASES.glob("*.cc")), *sorted((SETTINGS / "src").glob("*.cc")), WIRE / "src" / "crc32.cc"]
    includes = [SETTINGS / "include", SETTINGS / "src", APP / "include", WIRE / "include"]
    return compile_host(tmp_path_factory.mktemp("settings") / "cases", sources, include_dirs=includes)


def test_no_part_is_left_out(program: Path) -> None:
    assert tuple(run_host(program).decode().splitlines()) == PARTS


@pytest.mark.parametrize("part", PARTS)
def test_nothing_is_lost_whenever_power_fails(program: Path, part: str) -> None:
    """In parts, so that none of them comes near the limit of time on a busy computer."""
    assert run_host(program, part) == b"ok\n"
