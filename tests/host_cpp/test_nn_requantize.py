"""The kernels' short requantizations equal TensorFlow Lite's double rounding wherever the compiler may choose them."""

from __future__ import annotations

from pathlib import Path

from tests.host_cpp.toolchain import FIRMWARE_LIB, compile_host, run_host


def test_short_requantizations_equal_the_general_one(tmp_path: Path) -> None:
    source = Path(__file__).with_name("nn_requantize_cases.cc")
    binary = compile_host(tmp_path / "requantize", [source], include_dirs=[FIRMWARE_LIB / "tinyaudio_nn" / "include"], flags=["-DTINYAUDIO_NN_DSP=1"])
    *allowed, forbidden = (int(line) for line in run_host(binary).split())
    assert allowed == [0] * 5
    assert forbidden > 0
