from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from tinyaudio.core.artifacts import BuildArtifact, FirmwareProject
from tinyaudio.core.board import Board, load_board
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import BuildError, StorageError, ToolError
from tinyaudio.core.tools import run_tool
from tinyaudio.core.tools.cache import CMSIS_DSP_VERSION
from tinyaudio.deploy.build import build_project, ensure_cmsis_dsp, prepare_platformio
from tinyaudio.deploy.build.platformio import tool_version_of_scons
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


@pytest.fixture
def native(tmp_path: Path) -> tuple[Path, Board, FirmwareProject]:
    """A project for the host, without CMSIS-DSP, that is not built yet."""
    project = write_project(tmp_path, "native")
    shutil.rmtree(tmp_path / "lib")
    (tmp_path / "src" / "main.cc").write_text("int main() {}\n")
    return tmp_path, load_board("native"), project


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


# --- what can go wrong


def test_a_compile_error_names_file_and_line(native: tuple[Path, Board, FirmwareProject]) -> None:
    directory, board, project = native
    (directory / "src" / "main.cc").write_text("int main() {\n    return loudness;\n}\n")
    with pytest.raises(BuildError, match=r"src/main\.cc:2: 'loudness' was not declared") as caught:
        build_project(directory, board, project=project)
    assert caught.value.where == "src/main.cc"
    assert "\n" not in str(caught.value)


def test_a_missing_header_is_a_compile_error(native: tuple[Path, Board, FirmwareProject]) -> None:
    directory, board, project = native
    (directory / "src" / "main.cc").write_text('#include "nowhere.h"\nint main() {}\n')
    with pytest.raises(BuildError, match=r"src/main\.cc:1: nowhere\.h: No such file"):
        build_project(directory, board, project=project)


def test_a_link_error_names_the_symbol(native: tuple[Path, Board, FirmwareProject]) -> None:
    directory, board, project = native
    (directory / "src" / "main.cc").write_text("void absent();\nint main() { absent(); }\n")
    with pytest.raises(BuildError, match=r"does not link: .*undefined reference to `absent\(\)'"):
        build_project(directory, board, project=project)


def test_an_image_that_does_not_fit_its_region_lists_what_is_in_it_largest_first(tmp_path: Path) -> None:
    project = write_project(tmp_path, "mps2_an500")
    (tmp_path / "linker.ld").write_text(LINKER_LD.replace("ORIGIN = 0x00000000, LENGTH = 4M", "ORIGIN = 0x00000000, LENGTH = 16K"))
    message = (
        r"linker\.ld: does not fit: region code of mps2_an500 is \d+ bytes too small; "
        r"largest in it: cmsis_dsp_rfft_q31\.o \d+ \(realCoefBQ31 32768, realCoefAQ31 32768, .*\); tone_bin\.o \d+ "
    )
    with pytest.raises(BuildError, match=message) as caught:
        build_project(tmp_path, load_board("mps2_an500"), project=project)
    assert "smaller model" in caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_section_outside_of_the_memory_map_is_an_error(tmp_path: Path) -> None:
    project = write_project(tmp_path, "mps2_an500")
    (tmp_path / "linker.ld").write_text(LINKER_LD.replace("0x20000000", "0x60000000"))
    with pytest.raises(BuildError, match=r"section \.data lies at 0x60000000, outside of all memory regions of mps2_an500"):
        build_project(tmp_path, load_board("mps2_an500"), project=project)


@pytest.mark.parametrize(("board", "compiler"), [("mps2_an500", "arm-none-eabi-gcc"), ("native", r"g\+\+")])
def test_a_missing_compiler_is_said_at_once(board: str, compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = write_project(tmp_path, board)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=f"{compiler}: is not installed") as caught:
        build_project(tmp_path, load_board(board), project=project)
    assert caught.value.hint
    assert not (tmp_path / ".pio").exists()


def test_without_a_compiler_a_failing_fetch_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # PATH is empty, so PlatformIO would fetch its own toolchain; a file that cannot be read stops it before it asks its registry.
    project = write_project(tmp_path, "mps2_an500")
    (tmp_path / "platformio.ini").write_text("[env\n")
    ensure_cmsis_dsp()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match="PlatformIO failed") as caught:
        build_project(tmp_path, load_board("mps2_an500"), project=project, offline=False)
    assert caught.value.hint.startswith("no arm-none-eabi-gcc is on PATH; ")


def test_offline_a_project_that_needs_the_registry_is_refused(native: tuple[Path, Board, FirmwareProject]) -> None:
    directory, board, project = native
    shutil.rmtree(directory / "platforms")
    with pytest.raises(BuildError, match="the project lacks its PlatformIO platform"):
        build_project(directory, board, project=project)


def test_a_project_that_was_not_written_is_said(tmp_path: Path, native: tuple[Path, Board, FirmwareProject]) -> None:
    _, board, project = native
    with pytest.raises(BuildError, match="there is no firmware project") as caught:
        build_project(tmp_path / "elsewhere", board, project=project)
    assert "tinyaudio render --board native" in caught.value.hint


def test_a_project_of_another_board_is_refused(native: tuple[Path, Board, FirmwareProject]) -> None:
    directory, _, project = native
    with pytest.raises(BuildError, match="rendered for native, not for mps2_an500"):
        build_project(directory, load_board("mps2_an500"), project=project)


def test_a_disk_full_while_compiling_is_a_storage_error(native: tuple[Path, Board, FirmwareProject]) -> None:
    # The compiler's words for a full disk, said by a source file.
    directory, board, project = native
    (directory / "src" / "main.cc").write_text("#error No space left on device\n")
    with pytest.raises(StorageError, match="the disk is full") as caught:
        build_project(directory, board, project=project)
    assert "free some space" in caught.value.hint


def test_a_disk_full_at_the_end_leaves_no_half_written_report(native: tuple[Path, Board, FirmwareProject], monkeypatch: pytest.MonkeyPatch) -> None:
    directory, board, project = native
    artifact = build_project(directory, board, project=project)
    report = Path(artifact.elf).with_name("build.json")
    before = report.read_bytes()

    def full(source: str, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(StorageError, match="No space left on device"):
            build_project(directory, board, project=project)
    assert report.read_bytes() == before
    assert not list(report.parent.glob("*.part"))


# --- the environment of a build


def test_the_users_compiler_settings_do_not_reach_the_image(native: tuple[Path, Board, FirmwareProject], monkeypatch: pytest.MonkeyPatch) -> None:
    directory, board, project = native
    (directory / "src" / "main.cc").write_text("#ifdef SURPRISE\n#error surprise\n#endif\nint main() {}\n")
    monkeypatch.setenv("PLATFORMIO_BUILD_FLAGS", "-DSURPRISE")
    monkeypatch.setenv("PLATFORMIO_BUILD_DIR", str(directory / "elsewhere"))
    assert build_project(directory, board, project=project).budget_ok


def test_preparing_twice_changes_nothing_and_mends_what_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYAUDIO_CACHE_DIR", str(tmp_path))
    package = prepare_platformio() / "packages" / "tool-scons"
    first = {path.name: (path.read_text(), path.stat().st_mtime_ns) for path in package.iterdir()}
    assert set(first) == {"scons.py", "package.json", ".piopm"}
    prepare_platformio()
    assert {path.name: (path.read_text(), path.stat().st_mtime_ns) for path in package.iterdir()} == first
    (package / "package.json").write_text("{")
    prepare_platformio()
    assert (package / "package.json").read_text() == first["package.json"][0]


def test_an_scons_that_platformio_does_not_pin_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYAUDIO_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("importlib.metadata.version", lambda name: "4.10.0")
    with pytest.raises(ToolError, match=r"PlatformIO wants tool-scons 4\.41101\.0, but SCons 4\.10\.0 is installed"):
        prepare_platformio()
    assert not list(tmp_path.iterdir())


def test_scons_releases_have_a_package_name() -> None:
    assert [tool_version_of_scons(version) for version in ("4.11.1", "4.8.0", "5.0.12")] == ["4.41101.0", "4.40800.0", "4.50012.0"]
