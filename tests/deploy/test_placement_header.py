"""The macros of placement.h: sections on a Cortex-M, alignment alone elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

from tests.host_cpp.toolchain import FIRMWARE_LIB, compile_host, run_host
from tinyaudio.core.tools import find_tool, run_tool

INCLUDE = FIRMWARE_LIB / "tinyaudio_placement" / "include"
DECLARATIONS = """
#include <stdint.h>
#include "tinyaudio/placement.h"
namespace {
TINYAUDIO_ARENA int8_t arena[3];
TINYAUDIO_DMA_BUFFER uint8_t samples[5];
TINYAUDIO_FAST_DATA int16_t window[7];
TINYAUDIO_FAST_TABLE constexpr int32_t kTable[3] = {1, 2, 3};
}
TINYAUDIO_HOT_CODE int work(int index) { return arena[index] + samples[index] + window[index] + kTable[index]; }
"""
MAIN = """
static bool is_aligned(const void* address, uintptr_t bytes) { return reinterpret_cast<uintptr_t>(address) % bytes == 0; }
int main() {
    const bool right = is_aligned(arena, 16) && is_aligned(samples, 32) && is_aligned(window, 8) && is_aligned(kTable, 8);
    return right && work(2) == 3 ? 0 : 1;
}
"""


def test_on_the_host_the_macros_align_and_nothing_more(tmp_path: Path) -> None:
    source = tmp_path / "case.cc"
    source.write_text(DECLARATIONS + MAIN)
    run_host(compile_host(tmp_path / "case", [source], include_dirs=[INCLUDE]))
    preprocessed = run_tool([find_tool("g++").path, "-E", "-P", f"-I{INCLUDE}", source]).stdout
    assert "section" not in preprocessed  # a name without a comma would not compile for Mach-O


def test_on_a_cortex_m_each_kind_has_its_section(tmp_path: Path) -> None:
    (tmp_path / "case.cc").write_text(DECLARATIONS)
    flags = ["-mcpu=cortex-m7", "-mthumb", "-O0", "-std=c++17", "-Wall", "-Wextra", "-Wshadow", "-Werror", f"-I{INCLUDE}"]
    assembly = run_tool([find_tool("arm-none-eabi-gcc").path, *flags, "-S", "-o", "-", tmp_path / "case.cc"]).stdout
    sections = dict(re.findall(r'\.section\s+(\.tinyaudio\.\w+),"(\w+)"', assembly))
    assert sections == {
        ".tinyaudio.arena": "aw",
        ".tinyaudio.dma": "aw",
        ".tinyaudio.fast": "aw",
        ".tinyaudio.tables": "a",
        ".tinyaudio.hot": "ax",
    }
