from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tinyaudio.core.artifacts import BuildArtifact, FirmwareProject
from tinyaudio.core.board import Board, load_board
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.tools import run_tool
from tinyaudio.core.tools.cache import CMSIS_DSP_VERSION
from tinyaudio.deploy.build import build_project
from tinyaudio.deploy.render import platform_files

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"

PLATFORMIO_INI = """\
[platformio]
platforms_dir = platforms
default_envs = {board}

[env:{board}]
platform = tinyaudio
board = {board}
lib_ldf_mode = deep
lib_archive = no
lib_compat_mode = off
"""

MAIN_CC = """\
#include "tone/tone.h"

#ifdef __arm__
extern "C" {
extern unsigned stack_top;
void reset() {
    tone::energy();
    for (;;) {
    }
}
__attribute__((section(".vectors"), used)) const void* const vectors[2] = {&stack_top, reinterpret_cast<const void*>(reset)};
}
#else
#include <stdio.h>
int main() {
    printf("%lld\\n", tone::energy());
}
#endif
"""

# A library of its own that finds CMSIS-DSP: an impulse of 2**30 has the flat spectrum 2**30 / 512, so 2**21 in the 512-point q31 FFT.
TONE_H = """\
namespace tone {
long long energy();
}
"""
TONE_CC = """\
#include "tone/tone.h"

extern "C" int tone_bin(int bin);

namespace {
volatile int first_bin = 3;  // in .data
}

long long tone::energy() {
    return tone_bin(first_bin);
}
"""
TONE_C = """\
#include "cmsis_dsp.h"

static q31_t samples[512];
static q31_t spectrum[1024];

int tone_bin(int bin) {
    arm_rfft_instance_q31 instance;
    arm_rfft_init_512_q31(&instance, 0, 1);
    samples[0] = 1 << 30;
    arm_rfft_q31(&instance, samples, spectrum);
    return spectrum[2 * bin];
}
"""

LINKER_LD = """\
MEMORY {
    code (rx) : ORIGIN = 0x00000000, LENGTH = 4M
    data (rw) : ORIGIN = 0x20000000, LENGTH = 4M
}
ENTRY(reset)
SECTIONS {
    .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) } > code
    .data : { *(.data*) } > data AT> code
    .bss (NOLOAD) : { *(.bss*) *(COMMON) } > data
    .stack (NOLOAD) : { . = ALIGN(8); . += 4096; stack_top = .; } > data
}
"""


def write_project(directory: Path, board: str) -> FirmwareProject:
    """Write the smallest project that has everything a rendered one has: a library, CMSIS-DSP, a linker script."""
    texts = {
        **platform_files(load_board(board)),
        "platformio.ini": PLATFORMIO_INI.format(board=board),
        "linker.ld": LINKER_LD,
        "src/main.cc": MAIN_CC,
        "lib/tone/include/tone/tone.h": TONE_H,
        "lib/tone/src/tone.cc": TONE_CC,
        "lib/tone/src/tone_bin.c": TONE_C,
    }
    for name, text in texts.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shutil.copytree(FIRMWARE / "platform", directory / "platforms" / "tinyaudio", dirs_exist_ok=True)
    shutil.copytree(FIRMWARE / "lib" / "cmsis_dsp", directory / "lib" / "cmsis_dsp")
    return FirmwareProject(board=board, runtime="aot", files=texts, fingerprint="ab" * 32, frontend_fingerprint="cd" * 32, model_sha256="ef" * 32)


@pytest.fixture(scope="module", params=["mps2_an500", "native"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Board, FirmwareProject, BuildArtifact]:
    directory = tmp_path_factory.mktemp("project")
    board = load_board(request.param)
    project = write_project(directory, board.id)
    return directory, board, project, build_project(directory, board, project=project)


# --- what a build gives


def test_a_build_names_what_it_made(built: tuple[Path, Board, FirmwareProject, BuildArtifact]) -> None:
    directory, board, project, artifact = built
    elf = Path(artifact.elf)
    assert elf == directory / ".pio" / "build" / board.id / "firmware.elf"
    assert elf.read_bytes()[:4] == b"\x7fELF"
    assert (artifact.board, artifact.runtime, artifact.firmware_fingerprint) == (board.id, "aot", project.fingerprint)
    assert artifact.budget_ok
    assert artifact.toolchain.split()[0] == ("g++" if board.id == "native" else "arm-none-eabi-gcc")
    facts = json.loads(elf.with_name("build.json").read_text())
    assert facts["elf_sha256"] == artifact.elf_sha256
    assert facts["flash_bytes"] == artifact.flash_bytes
    assert facts["budget_ok"] is True
    assert elf.with_name("firmware.map").is_file()


def test_sizes_count_each_section_where_it_lies(built: tuple[Path, Board, FirmwareProject, BuildArtifact]) -> None:
    _, board, _, artifact = built
    # CMSIS-DSP's tables for all real lengths are two of 32 KiB; buffers are 2 + 4 KiB.
    assert 2 * 32_768 < artifact.flash_bytes < 2 * 32_768 + 24_576
    assert artifact.ram_bytes >= 6_144
    if board.core == "host":
        assert artifact.regions == {}
        return
    assert artifact.regions["ssram1"].used_bytes == artifact.flash_bytes
    assert artifact.regions["ssram23"].used_bytes == artifact.ram_bytes
    size = run_tool(["arm-none-eabi-size", "-A", artifact.elf]).stdout
    sections = {fields[0]: int(fields[1]) for line in size.splitlines() if len(fields := line.split()) == 3 and fields[1].isdigit()}
    assert artifact.flash_bytes == sections[".text"] + sections[".data"]
    assert artifact.ram_bytes == sections[".data"] + sections[".bss"] + sections[".stack"]


def test_the_image_runs(built: tuple[Path, Board, FirmwareProject, BuildArtifact]) -> None:
    _, board, _, artifact = built
    if board.core == "host":
        assert run_tool([artifact.elf]).stdout == str(2**21)


def test_a_second_build_compiles_nothing(built: tuple[Path, Board, FirmwareProject, BuildArtifact]) -> None:
    directory, board, project, artifact = built
    lines: list[str] = []
    again = build_project(directory, board, project=project, on_line=lines.append)
    assert lines
    assert not [line for line in lines if line.startswith(("Compiling", "Linking"))]
    assert again.elf_sha256 == artifact.elf_sha256


def test_the_same_text_gives_the_same_files_in_another_folder(built: tuple[Path, Board, FirmwareProject, BuildArtifact], tmp_path: Path) -> None:
    _, board, _, artifact = built
    elsewhere = tmp_path / "a folder with another name"
    elsewhere.mkdir()
    project = write_project(elsewhere, board.id)
    again = build_project(elsewhere, board, project=project)
    assert again.elf_sha256 == artifact.elf_sha256
    assert {kind: file.sha256 for kind, file in again.files.items()} == {kind: file.sha256 for kind, file in artifact.files.items()}
    assert Path(again.elf).with_name("build.json").read_bytes() == Path(artifact.elf).with_name("build.json").read_bytes()


def test_binary_and_hex_hold_what_the_image_loads(built: tuple[Path, Board, FirmwareProject, BuildArtifact]) -> None:
    from elftools.elf.elffile import ELFFile

    _, board, _, artifact = built
    for file in artifact.files.values():
        data = Path(file.path).read_bytes()
        assert (file.bytes, file.sha256) == (len(data), sha256_bytes(data))
    if board.core == "host":
        assert set(artifact.files) == {"elf", "map"}
        return
    assert set(artifact.files) == {"elf", "bin", "hex", "map"}
    with Path(artifact.elf).open("rb") as stream:
        segments = [segment for segment in ELFFile(stream).iter_segments() if segment["p_type"] == "PT_LOAD" and segment["p_filesz"]]
        loaded = {segment["p_paddr"]: segment.data() for segment in segments}
    first = min(loaded)
    binary = Path(artifact.files["bin"].path).read_bytes()
    for address, content in loaded.items():
        assert binary[address - first : address - first + len(content)] == content
    assert len(binary) == max(address + len(content) for address, content in loaded.items()) - first
    assert hex_content(Path(artifact.files["hex"].path)) == {first + offset: byte for offset, byte in enumerate(binary)}


def hex_content(path: Path) -> dict[int, int]:
    """Return {address: byte} of an Intel HEX file."""
    content: dict[int, int] = {}
    base = 0
    for line in path.read_text().splitlines():
        record = bytes.fromhex(line.removeprefix(":"))
        assert sum(record) % 256 == 0
        data = record[4:-1]
        if record[3] in (2, 4):  # extended segment or linear address
            base = int.from_bytes(data, "big") << (4 if record[3] == 2 else 16)
        elif record[3] == 0:
            start = base + int.from_bytes(record[1:3], "big")
            content |= {start + offset: byte for offset, byte in enumerate(data)}
    return content


def test_a_build_tells_whose_software_is_linked(built: tuple[Path, Board, FirmwareProject, BuildArtifact]) -> None:
    _, board, _, artifact = built
    components = {component.name: component for component in artifact.components}
    assert components["tinyaudio"].licence == components["CMSIS-DSP"].licence == "Apache-2.0"
    assert components["CMSIS-DSP"].version == CMSIS_DSP_VERSION
    assert components["CMSIS-DSP"].bytes > 2 * 32_768
    assert all(component.licence != "NOASSERTION" for component in artifact.components)
    assert "libstdc++" not in components
    if board.core != "host":
        assert "glibc" not in components
        assert {"tinyaudio", "CMSIS-DSP"} <= set(components) <= {"tinyaudio", "CMSIS-DSP", "newlib", "libgcc"}


def test_the_report_of_a_build_names_neither_folder_nor_time(built: tuple[Path, Board, FirmwareProject, BuildArtifact]) -> None:
    directory, _, project, artifact = built
    text = Path(artifact.elf).with_name("build.json").read_text()
    assert str(directory) not in text
    facts = json.loads(text)
    assert "seconds" not in facts
    assert facts["elf"] == facts["files"]["elf"]["path"] == "firmware.elf"
    assert (facts["frontend_fingerprint"], facts["model_sha256"]) == (project.frontend_fingerprint, project.model_sha256)
    assert "-O2" in facts["flags"]
    assert not [flag for flag in facts["flags"] if str(directory) in flag]


def test_a_changed_linker_script_links_again(built: tuple[Path, Board, FirmwareProject, BuildArtifact]) -> None:
    directory, board, project, artifact = built
    if board.core == "host":
        return
    script = directory / "linker.ld"
    script.write_text(LINKER_LD.replace("4096", "8192"))
    try:
        assert build_project(directory, board, project=project).ram_bytes == artifact.ram_bytes + 4096
    finally:
        script.write_text(LINKER_LD)


def test_a_stack_that_the_linker_script_forgets_is_counted(built: tuple[Path, Board, FirmwareProject, BuildArtifact], tmp_path: Path) -> None:
    _, board, _, artifact = built
    if board.core == "host":
        return
    project = write_project(tmp_path, board.id)
    (tmp_path / "linker.ld").write_text(LINKER_LD.replace(".stack (NOLOAD)", ".other (NOLOAD)").replace(". += 4096", ". += 0"))
    without = build_project(tmp_path, board, project=project)
    assert without.ram_bytes == artifact.ram_bytes - 4096 + board.memory.stack_bytes


def test_over_budget_is_a_result_that_says_by_how_much(built: tuple[Path, Board, FirmwareProject, BuildArtifact]) -> None:
    directory, board, project, artifact = built
    tight = board.model_copy(
        update={"budget": board.budget.model_copy(update={"flash_bytes": artifact.flash_bytes - 10, "ram_bytes": artifact.ram_bytes})}
    )
    result = build_project(directory, tight, project=project)
    assert not result.budget_ok
    assert result.budget_problems == (
        f"flash: {artifact.flash_bytes} bytes used, 10 more than the budget of {board.id} ({artifact.flash_bytes - 10})",
    )
