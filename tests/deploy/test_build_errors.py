"""What can go wrong in a build, and what of the user's environment must not reach it."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from tests.deploy.test_build import LINKER_LD, write_project
from tinyaudio.core.artifacts import FirmwareProject
from tinyaudio.core.board import Board, load_board
from tinyaudio.core.errors import BuildError, StorageError, ToolError
from tinyaudio.deploy.build import build_project, ensure_cmsis_dsp, prepare_platformio
from tinyaudio.deploy.build.platformio import tool_version_of_scons


@pytest.fixture
def native(tmp_path: Path) -> tuple[Path, Board, FirmwareProject]:
    """A project for the host, without CMSIS-DSP, that is not built yet."""
    project = write_project(tmp_path, "native")
    shutil.rmtree(tmp_path / "lib")
    (tmp_path / "src" / "main.cc").write_text("int main() {}\n")
    return tmp_path, load_board("native"), project


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
    (tmp_path / "linker.ld").write_text(LINKER_LD.replace("0x20000000", "0x70000000"))
    with pytest.raises(BuildError, match=r"section \.data lies at 0x70000000, outside of all memory regions of mps2_an500"):
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
