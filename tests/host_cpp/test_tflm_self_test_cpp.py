"""The self-test of the runtime `tflm` on the host under ASan and UBSan, over an interpreter that breaks where it is told to."""

from __future__ import annotations

from pathlib import Path

from tests.host_cpp.toolchain import FIRMWARE_LIB, compile_host, run_host

TFLM, SELF_TEST, APP = (FIRMWARE_LIB / f"tinyaudio_{name}" for name in ("tflm", "self_test", "app"))
CASES = Path(__file__).parent / "tflm_self_test_cases.cc"


def test_the_first_operator_that_differs_is_the_broken_one(tmp_path: Path) -> None:
    sources = [CASES, TFLM / "src" / "self_test.cc", *sorted((SELF_TEST / "src").glob("*.cc"))]
    includes = [TFLM / "include", SELF_TEST / "include", APP / "include"]
    assert run_host(compile_host(tmp_path / "cases", sources, include_dirs=includes)) == b"ok\n"
