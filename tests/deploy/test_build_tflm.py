"""Where a build under the runtime `tflm` gets TFLite Micro from: nowhere, and then one error at once says where from."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from hil_tests.rigs import CALIBRATION, golden_tables
from tests.golden_fixture import golden_vectors
from tests.host_cpp.toolchain import FIRMWARE_LIB
from tinyaudio.core.artifacts import FirmwareProject, Runtime
from tinyaudio.core.board import load_board
from tinyaudio.core.errors import ModelError, ToolError
from tinyaudio.deploy.build import build_project
from tinyaudio.deploy.build.tflite_micro import packages_dir, tflite_micro_source, tflite_micro_version
from tinyaudio.deploy.render import RenderInputs, RuntimeChoice, render_project, write_project
from tinyaudio.deploy.tflm import ROOT_VARIABLE, packages
from tinyaudio.dsp.frontend import design_frontend

BOARDS = ("mps2_an500", "stm32h7", "native")


def script(name: str) -> ModuleType:
    """Return a module that PlatformIO's script uses."""
    specification = importlib.util.spec_from_file_location(name, FIRMWARE_LIB / "tinyaudio_tflm" / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def rendered(board_id: str, *, runtime: Runtime = "tflm") -> FirmwareProject:
    board, choice = load_board(board_id), RuntimeChoice(runtime=runtime)
    return render_project(RenderInputs(board=board, tables=golden_tables(), quantized=golden_vectors().model, calibration=CALIBRATION, choice=choice))


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ROOT_VARIABLE, raising=False)
    monkeypatch.setenv("TINYAUDIO_CACHE_DIR", str(tmp_path / "cache"))


def refusal(board_id: str, directory: Path, *, offline: bool) -> ToolError:
    project = rendered(board_id)
    write_project(project, directory)
    with pytest.raises(ToolError) as caught:
        build_project(directory, load_board(board_id), project=project, offline=offline)
    assert not (directory / ".pio").exists()
    return caught.value


@pytest.mark.parametrize("board_id", BOARDS)
def test_offline_without_a_tree_never_tries(board_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tried(*_: object, **__: object) -> None:
        raise AssertionError("the network was tried")

    monkeypatch.setattr(socket, "socket", tried)
    monkeypatch.setattr(socket, "getaddrinfo", tried)
    error = refusal(board_id, tmp_path, offline=True)
    assert "the runtime tflm needs tflite-micro, flatbuffers, gemmlowp, ruy" in error.message
    assert ("CMSIS-NN" in error.message) == (board_id != "native")
    assert "--offline forbids it" in error.message


@pytest.mark.parametrize("board_id", BOARDS)
def test_without_a_network_the_error_says_where_it_comes_from_and_what_works(board_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens: it refuses, while no other program can be given the port
        for name in ("https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{taken.getsockname()[1]}")
        error = refusal(board_id, tmp_path, offline=False)
    assert "not to be fetched (github.com" in error.message
    for said in ("github.com", ROOT_VARIABLE, "--runtime aot", f"tinyaudio render --board {board_id} --runtime tflm"):
        assert said in error.hint
    assert error.where == "TFLite Micro"


def test_what_was_fetched_before_needs_no_network(tmp_path: Path) -> None:
    project = rendered("mps2_an500")
    folder = packages_dir(packages("cmsis_nn"))
    assert folder.is_relative_to(tmp_path)
    for package in packages("cmsis_nn"):
        (folder / package.name).mkdir(parents=True)
    source = tflite_micro_source(project, board_id="mps2_an500", toolchain="", offline=True)
    assert source.version == tflite_micro_version(project)
    assert source.variables["TINYAUDIO_TFLM_PACKAGES"] == str(folder)


def test_a_folder_without_a_tree_is_said_before_anything_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "nowhere"))
    error = refusal("mps2_an500", tmp_path / "project", offline=True)
    assert "is no tree of TFLite Micro" in error.message
    assert error.where == f"{ROOT_VARIABLE}={tmp_path / 'nowhere'}"


def test_the_configuration_of_every_board_names_the_packages_at_their_commits() -> None:
    for board_id in BOARDS:
        lines = rendered(board_id).files["platformio.ini"].splitlines()
        pins = [package.pin for package in packages("" if board_id == "native" else "cmsis_nn")]
        start = lines.index("custom_tflite_micro =")
        assert [line.strip() for line in lines[start + 1 :]] == pins
        assert "tflite" not in rendered(board_id, runtime="aot").files["platformio.ini"]


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, list[str]]:
    """A repository with two commits of one file, and their ids."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    commits = []
    for content in ("old", "new"):
        (folder / "kernel.cc").write_text(content, encoding="utf-8")
        subprocess.run([*git, "add", "kernel.cc"], check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", content], check=True)
        commits.append(subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip())
    return folder, commits


def test_a_package_is_fetched_at_its_commit_and_only_once(repository: tuple[Path, list[str]], tmp_path: Path) -> None:
    folder, commits = repository
    fetcher = script("fetch_packages")
    pins = [f"kernels={folder.as_uri()}#{commits[0]}"]
    fetcher.fetch_packages(tmp_path / "packages", pins)
    assert [path.name for path in (tmp_path / "packages").iterdir()] == ["kernels"]
    assert [path.name for path in (tmp_path / "packages" / "kernels").iterdir()] == ["kernel.cc"]
    assert (tmp_path / "packages" / "kernels" / "kernel.cc").read_text(encoding="utf-8") == "old"
    shutil.rmtree(folder)
    fetcher.fetch_packages(tmp_path / "packages", pins)


def test_a_build_within_a_git_hook_leaves_the_hooks_repository_alone(
    repository: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, commits = repository
    index = (folder / ".git" / "index").read_bytes()
    for name, path in (("GIT_DIR", ""), ("GIT_INDEX_FILE", "index"), ("GIT_OBJECT_DIRECTORY", "objects"), ("GIT_COMMON_DIR", "")):
        monkeypatch.setenv(name, str(folder / ".git" / path))
    script("fetch_packages").fetch_packages(tmp_path / "packages", [f"kernels={folder.as_uri()}#{commits[0]}"])
    assert (tmp_path / "packages" / "kernels" / "kernel.cc").read_text(encoding="utf-8") == "old"
    assert (folder / ".git" / "index").read_bytes() == index


def test_packages_with_other_pins_have_a_folder_of_their_own(tmp_path: Path) -> None:
    fetcher = script("fetch_packages")
    folders = {fetcher.folder_of_pins(tmp_path, [f"kernels=https://example.org/kernels.git#{digit * 40}"]) for digit in "ab"}
    assert len(folders) == 2
    assert {folder.parent for folder in folders} == {tmp_path}


def test_a_kept_object_is_never_taken_for_what_was_compiled_here(tmp_path: Path) -> None:
    objects = script("kept_objects")
    kept, target = tmp_path / "kept" / "conv.cc.o", tmp_path / "build" / "conv.cc.o"
    assert not objects.take_object(None, target)
    target.parent.mkdir()
    target.write_text("compiled here", encoding="utf-8")
    assert not objects.take_object(kept, target)
    assert target.read_text(encoding="utf-8") == "compiled here"
    kept.parent.mkdir()
    kept.write_text("of another tree", encoding="utf-8")
    kept.with_suffix(".ci").write_text("its call graph", encoding="utf-8")
    assert objects.take_object(kept, target)
    assert [path.read_text(encoding="utf-8") for path in (target, target.with_suffix(".ci"))] == ["of another tree", "its call graph"]
    assert not objects.take_object(None, target)  # it is to be compiled again, although there is an object
    assert not target.exists()


def test_a_package_that_cannot_be_fetched_is_named_and_leaves_nothing(repository: tuple[Path, list[str]], tmp_path: Path) -> None:
    folder, _ = repository
    fetcher = script("fetch_packages")
    for pin in (f"kernels={folder.as_uri()}#{'ab' * 20}", f"kernels={(tmp_path / 'nowhere').as_uri()}#{'ab' * 20}"):
        with pytest.raises(fetcher.FetchError, match=r"kernels cannot be fetched from file://.*: \w+"):
            fetcher.fetch_packages(tmp_path / "packages", [pin])
        assert list((tmp_path / "packages").iterdir()) == []


@pytest.mark.parametrize("runtime", ["aot", "tflm"])
def test_a_model_for_another_front_end_is_refused(runtime: Runtime) -> None:
    spec = replace(golden_vectors().model.spec, patch_frames=33)
    inputs = RenderInputs(
        board=load_board("mps2_an500"),
        tables=design_frontend(spec, kernel="cmsis_q31"),
        quantized=golden_vectors().model,
        calibration=CALIBRATION,
        choice=RuntimeChoice(runtime=runtime),
    )
    with pytest.raises(ModelError, match="takes 2048 values, but a patch has 33 frames of 64 features"):
        render_project(inputs)
