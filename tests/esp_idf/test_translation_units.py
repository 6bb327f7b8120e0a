"""Every source of a project for an ESP32-S3 compiles, with the host's compiler and with one for Xtensa, against declarations of what it calls.

The declarations in `include` are our own, from the public documentation of ESP-IDF 5.5, FreeRTOS, ESP-DSP and TFLite Micro.
"""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.golden_fixture import golden_vectors
from tests.xtensa_sim.toolchain import COMPILER, compile_xtensa, require
from tinyaudio.core.artifacts import Calibration, GoldenTensors, KernelChoice, QuantizedModel, Runtime
from tinyaudio.core.board import load_board
from tinyaudio.core.resources import resource_root
from tinyaudio.deploy.render import RenderInputs, RuntimeChoice, render_project, write_project
from tinyaudio.deploy.tflm import read_outline
from tinyaudio.deploy.tflm.resolver import add_method
from tinyaudio.dsp.frontend import design_frontend

DECLARATIONS = Path(__file__).resolve().parent / "include"
PORT = resource_root("firmware") / "ports" / "esp32s3"
GLUE = [resource_root("firmware") / "lib" / name / "src" for name in ("tinyaudio_tflm", "tinyaudio_esp_nn")]
#: Both boards and both runtimes, as they are flashed and as a self-test; and a compiled model that calls ESP-NN.
PROJECTS: tuple[tuple[str, Runtime, KernelChoice, bool], ...] = (
    ("esp32s3", "tflm", "optimized", False),
    ("esp32s3", "aot", "optimized", True),
    ("esp32s3_box_3", "aot", "optimized", False),
    ("esp32s3_box_3", "tflm", "optimized", True),
    ("esp32s3", "aot", "vendor", False),
)
HOST_FLAGS = ("-fno-exceptions", "-fno-rtti", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Werror")


@pytest.fixture(scope="module", params=PROJECTS, ids=lambda which: "-".join((*which[:3], *(("self_test",) if which[3] else ()))))
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    board, runtime, kernels, has_self_test = request.param
    folder = tmp_path_factory.mktemp(board)
    model = golden_vectors().model
    inputs = RenderInputs(
        board=load_board(board),
        tables=design_frontend(model.spec, kernel="esp_sc16"),
        quantized=model,
        calibration=Calibration(smoothing_patches=3, detection_threshold=64),
        choice=RuntimeChoice(runtime=runtime, kernels=kernels, golden=self_test_vectors(model) if has_self_test else None),
    )
    write_project(render_project(inputs), folder)
    return folder


def self_test_vectors(model: QuantizedModel) -> GoldenTensors:
    pytest.importorskip("tflite_micro", reason="the reference interpreter is not installed: pip install tinyaudio[train]")
    from tinyaudio.learn.oracle import candidate_inputs, golden_tensors

    return golden_tensors(model.tflite, candidate_inputs((1, model.spec.patch_frames, model.spec.feature_bands, 1)))


def listed_sources(project: Path) -> list[Path]:
    """The sources that the component compiles, as its CMakeLists.txt lists them."""
    text = (project / "src" / "CMakeLists.txt").read_text(encoding="utf-8")
    names = re.findall(r'"([^"]+)"', text.partition("SRCS")[2].partition("INCLUDE_DIRS")[0])
    return [(project / "src" / name).resolve() for name in names]


def listed_include_dirs(project: Path) -> list[Path]:
    text = (project / "src" / "CMakeLists.txt").read_text(encoding="utf-8")
    names = re.findall(r'"([^"]+)"', text.partition("INCLUDE_DIRS")[2].partition("PRIV_REQUIRES")[0])
    return [(project / "src" / name).resolve() for name in names]


def test_the_component_lists_every_source_of_the_project(project: Path) -> None:
    there = {path.resolve() for root in ("src", "lib") for path in (project / root).rglob("*") if path.suffix in (".c", ".cc", ".S")}
    assert set(listed_sources(project)) == there
    assert all(folder.is_dir() for folder in listed_include_dirs(project))


@pytest.mark.parametrize("standard", ["c++17", "gnu++23"])  # ours, and what ESP-IDF 5.5 compiles with
def test_every_source_compiles_with_the_hosts_compiler(project: Path, standard: str) -> None:
    includes = [f"-I{folder}" for folder in (*listed_include_dirs(project), DECLARATIONS)]

    def messages(source: Path) -> str:
        command = ["g++", f"-std={standard}", *HOST_FLAGS, "-DESP_PLATFORM", *includes, "-fsyntax-only", str(source)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stderr

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        assert [text for text in pool.map(messages, listed_sources(project)) if text] == []


def test_every_source_compiles_for_xtensa(project: Path) -> None:
    require(COMPILER)
    include_dirs = [*listed_include_dirs(project), DECLARATIONS]

    def messages(source: Path) -> str:
        return compile_xtensa(source, None, include_dirs=include_dirs, flags=["-DESP_PLATFORM"])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        assert [text for text in pool.map(messages, listed_sources(project)) if text] == []


def test_nothing_is_declared_that_is_not_called() -> None:
    """Functions and methods only: the declarations are what the firmware depends on, and no more."""
    declared = set()
    for header in DECLARATIONS.rglob("*.h"):
        text = re.sub(r"//[^\n]*|#define[^\n]*", "", header.read_text(encoding="utf-8"))
        declared |= set(re.findall(r"\b([A-Za-z]\w+)\s*\((?!\*)[^;{}()]*\)\s*(?:const)?\s*;", text))
    assert len(declared) > 60
    sources = (
        *PORT.glob("*.cc"),
        *(path for folder in GLUE for path in folder.glob("*.cc")),
        *(resource_root("firmware") / "lib").rglob("esp_sc16.cc"),
    )
    callers = " ".join(path.read_text(encoding="utf-8") for path in sources)
    callers += " ".join(add_method(kind) for kind in read_outline(golden_vectors().model.tflite).kinds)
    assert sorted(name for name in declared if not re.search(rf"\b{name.rstrip('_')}\b", callers)) == []
