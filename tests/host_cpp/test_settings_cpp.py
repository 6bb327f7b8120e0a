"""The settings log on the host under ASan and UBSan: power fails at every step, in every way."""

from __future__ import annotations

from pathlib import Path

from tests.host_cpp.toolchain import FIRMWARE_LIB, compile_host, run_host

SETTINGS = FIRMWARE_LIB / "tinyaudio_settings"
WIRE = FIRMWARE_LIB / "tinyaudio_wire"
APP = FIRMWARE_LIB / "tinyaudio_app"
CASES = Path(__file__).parent / "settings_cases.cc"


def test_nothing_is_lost_whenever_power_fails(tmp_path: Path) -> None:
    sources = [CASES, *sorted((SETTINGS / "src").glob("*.cc")), WIRE / "src" / "crc32.cc"]
    includes = [SETTINGS / "include", SETTINGS / "src", APP / "include", WIRE / "include"]
    assert run_host(compile_host(tmp_path / "cases", sources, include_dirs=includes)) == b"ok\n"
