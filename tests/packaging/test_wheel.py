"""The wheel, installed in a fresh environment, works without a checkout and without TensorFlow."""

from __future__ import annotations

import json
import site
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.deploy import test_build
from tinyaudio import __version__
from tinyaudio.core.tools import run_tool

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    run_tool([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", directory], cwd=ROOT)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def fresh_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel in it; its dependencies are borrowed from this one through a path file."""
    environment = tmp_path_factory.mktemp("fresh")
    run_tool([sys.executable, "-m", "venv", "--without-pip", environment])
    python = environment / "bin" / "python"
    packages = Path(run_tool([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).stdout)
    # A path in a .pth file is searched, but the .pth files in it (this checkout's editable install) are not read.
    (packages / "borrowed.pth").write_text("".join(f"{path}\n" for path in {*site.getsitepackages(), sysconfig.get_path("purelib")}))
    arguments = ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--ignore-installed"]
    run_tool([sys.executable, "-m", "pip", "--python", python, *arguments, wheel])
    return python


def run_fresh(python: Path, code: str, *arguments: str | Path) -> str:
    return run_tool([python, "-I", "-c", code, *arguments], cwd=python.parent).stdout


def test_the_wheel_holds_what_it_needs_and_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"tinyaudio-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for folder in ("boards", "templates", "firmware"):
        expected = {
            f"tinyaudio/_resources/{path.relative_to(ROOT).as_posix()}"
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
        }
        assert expected, folder
        assert expected <= names, sorted(expected - names)
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tinyaudio").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert "tinyaudio/bench/emulation/stm32h743/count_blocks.c" in package  # not all of it is Python
    assert package <= names, sorted(package - names)
    info = f"tinyaudio-{__version__}.dist-info"
    assert f"{info}/licenses/LICENSE" in names
    assert not [name for name in names if not name.startswith(("tinyaudio/", f"{info}/")) or "__pycache__" in name or "/.pio/" in name]


def test_resources_come_from_the_wheel(fresh_python: Path) -> None:
    code = "from tinyaudio.core.resources import resource_root\nfor name in ('boards', 'templates', 'firmware'): print(resource_root(name))"
    for line in run_fresh(fresh_python, code).splitlines():
        assert Path(line).is_relative_to(fresh_python.parent.parent)
        assert Path(line).parent.name == "_resources"


def test_the_command_line_loads_without_heavy_libraries(fresh_python: Path) -> None:
    code = "import sys, tinyaudio.cli; print(tinyaudio.cli.__file__); print(*sys.modules)"
    where, modules = run_fresh(fresh_python, code).splitlines()
    assert Path(where).is_relative_to(fresh_python.parent.parent)
    assert not {"tensorflow", "keras", "tflite_micro", "platformio", "matplotlib", "scipy"} & set(modules.split())


def test_the_command_lists_the_boards(fresh_python: Path, tmp_path: Path) -> None:
    completed = run_tool([fresh_python.with_name("tinyaudio"), "boards", "list", "--json"], cwd=tmp_path)
    boards = json.loads(completed.stdout.splitlines()[-1])["boards"]
    assert {board["id"] for board in boards} == {path.stem for path in (ROOT / "boards").glob("*.toml")}


def test_no_module_of_the_package_needs_tensorflow_to_be_imported(fresh_python: Path) -> None:
    code = (
        "import importlib, pkgutil, sys\n"
        "sys.modules['tensorflow'] = sys.modules['keras'] = sys.modules['tflite_micro'] = None\n"
        "import tinyaudio\n"
        "for module in pkgutil.walk_packages(tinyaudio.__path__, 'tinyaudio.'):\n"
        "    if not module.name.endswith('__main__'): importlib.import_module(module.name)\n"
    )
    run_fresh(fresh_python, code)


def test_the_wheel_builds_firmware(fresh_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resources = Path(run_fresh(fresh_python, "from tinyaudio.core.resources import resource_root; print(resource_root('firmware'))"))
    monkeypatch.setattr(test_build, "FIRMWARE", resources)
    test_build.write_project(tmp_path, "native")
    code = (
        "import sys, pathlib\n"
        "from tinyaudio.core.artifacts import FirmwareProject\n"
        "from tinyaudio.core.board import load_board\n"
        "from tinyaudio.deploy.build import build_project\n"
        "project = FirmwareProject(board='native', runtime='aot', files={}, fingerprint='', frontend_fingerprint='', model_sha256='')\n"
        "print(build_project(pathlib.Path(sys.argv[1]), load_board('native'), project=project).elf)\n"
    )
    elf = run_fresh(fresh_python, code, tmp_path)
    assert run_tool([elf]).stdout == str(2**21)
