"""Projects whose compiled model calls a vendor's library: what they hold, where the library comes from, and who is refused."""

from __future__ import annotations

import importlib.util
import json
import socket
from pathlib import Path
from types import ModuleType

import pytest

from hil_tests.rigs import CALIBRATION, golden_tables
from tests.deploy.test_build_esp_idf import add_components
from tests.golden_fixture import golden_vectors
from tests.host_cpp.toolchain import FIRMWARE_LIB
from tinyaudio.core.artifacts import FirmwareProject, KernelChoice
from tinyaudio.core.board import load_board
from tinyaudio.core.errors import BuildError, InputError, ToolError
from tinyaudio.deploy.build import build_project
from tinyaudio.deploy.build.esp_components import linked_kernels, use_local_components
from tinyaudio.deploy.build.tflite_micro import packages_dir
from tinyaudio.deploy.build.vendor_kernels import vendor_source
from tinyaudio.deploy.compiler import Optimize
from tinyaudio.deploy.render import RenderInputs, RuntimeChoice, render_project, vendor_library, write_project
from tinyaudio.deploy.render.esp_idf import VENDOR_VERSION_FILE
from tinyaudio.deploy.tflm import CMSIS_NN, ROOT_VARIABLE
from tinyaudio.dsp.frontend import design_frontend

_HEADER = "/* $Revision:    V.19.1.0 */\nint arm_convolve_wrapper_s8(void);\nint arm_other_s8(void);\n"


def rendered(board_id: str = "mps2_an500", *, kernels: KernelChoice = "vendor", optimize: Optimize = "size") -> FirmwareProject:
    board, model = load_board(board_id), golden_vectors().model
    tables = design_frontend(model.spec, kernel="esp_sc16") if board.fft_kernel == "esp_sc16" else golden_tables()
    choice = RuntimeChoice(runtime="aot", kernels=kernels, optimize=optimize)
    return render_project(RenderInputs(board=board, tables=tables, quantized=model, calibration=CALIBRATION, choice=choice))


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ROOT_VARIABLE, raising=False)
    monkeypatch.setenv("TINYAUDIO_CACHE_DIR", str(tmp_path / "cache"))


def libraries(project: FirmwareProject) -> set[str]:
    return {path.split("/")[1] for path in project.files if path.startswith("lib/")}


@pytest.mark.parametrize("board_id", ["mps2_an500", "stm32h7"])
def test_a_cortex_m7s_project_has_the_adapters_and_the_pin(board_id: str) -> None:
    project, plain = rendered(board_id), rendered(board_id, kernels="optimized")
    assert libraries(project) - libraries(plain) == {"tinyaudio_cmsis_nn"}
    lines = project.files["platformio.ini"].splitlines()
    assert lines[lines.index("custom_cmsis_nn =") + 1].strip() == CMSIS_NN.pin
    assert "cmsis_nn" not in plain.files["platformio.ini"]
    for script in ("fetch_packages.py", "kept_objects.py", "library_archive.py"):  # there is one text of each
        assert project.files[f"lib/tinyaudio_cmsis_nn/{script}"] == (FIRMWARE_LIB / "tinyaudio_tflm" / script).read_text(encoding="utf-8")
    assert "libcmsis_nn.a" in project.files["linker.ld"]
    assert project.fingerprint != plain.fingerprint
    assert (project.runtime, project.arena_bytes) == ("aot", project.arena_used_bytes)


def test_the_device_asks_the_library_who_it_is_and_whether_it_works() -> None:
    text = rendered().files["src/generated/application_config.cc"]
    assert '#include "tinyaudio/nn/vendor.h"' in text
    assert text.index("tinyaudio::nn::vendor_kernels,") < text.index("tinyaudio::nn::vendor_fault,")
    plain = rendered(kernels="optimized").files["src/generated/application_config.cc"]
    assert "vendor" not in plain
    assert "-DTINYAUDIO_WEIGHTS_FOR_SPEED" in rendered(optimize="speed").files["platformio.ini"]


def test_who_has_no_vendors_kernels_is_refused() -> None:
    with pytest.raises(InputError, match="there are no vendor's kernels for native") as caught:
        rendered("native")
    assert caught.value.where == "--kernels"
    with pytest.raises(InputError, match="TFLite Micro computes with its fastest kernels anyway") as caught:
        vendor_library(load_board("esp32s3"), "tflm")
    assert "--runtime aot" in caught.value.hint


@pytest.mark.parametrize("board_id", ["mps2_an500", "stm32h7"])
def test_offline_without_sources_nothing_is_tried(board_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tried(*_: object, **__: object) -> None:
        raise AssertionError("the network was tried")

    monkeypatch.setattr(socket, "socket", tried)
    monkeypatch.setattr(socket, "getaddrinfo", tried)
    project = rendered(board_id)
    write_project(project, tmp_path / "project")
    with pytest.raises(ToolError, match="--kernels vendor needs CMSIS-NN: not on this computer") as caught:
        build_project(tmp_path / "project", load_board(board_id), project=project, offline=True)
    assert "--offline forbids it" in caught.value.message
    assert ROOT_VARIABLE in caught.value.hint
    assert "leave --kernels out" in caught.value.hint


def test_what_was_fetched_before_is_taken() -> None:
    (packages_dir((CMSIS_NN,)) / CMSIS_NN.name).mkdir(parents=True)
    source = vendor_source(rendered(), toolchain="gcc", offline=True)
    assert source.version == f"tinyaudio + CMSIS-NN {CMSIS_NN.commit[:12]}"
    assert source.variables["TINYAUDIO_CMSIS_NN_PACKAGES"] == str(packages_dir((CMSIS_NN,)))
    assert vendor_source(rendered(kernels="optimized"), toolchain="gcc", offline=True).version == ""


def checkout(folder: Path, sources: dict[str, str]) -> Path:
    for name, text in {"Include/arm_nnfunctions.h": _HEADER, **sources}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("place", ["", "CMSIS-NN", "third_party/cmsis_nn", "cmsis_nn/third_party/cmsis_nn"])
def test_a_local_folder_goes_before_all_that(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = checkout(tmp_path / "trees" / place, {"Source/a.c": "int a;\n"})
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "trees"))
    source = vendor_source(rendered(), toolchain="gcc", offline=True)
    assert source.version.startswith("tinyaudio + CMSIS-NN 19.1.0 ")
    assert len(source.version) <= 64 - len(", weights for speed")
    assert source.variables["TINYAUDIO_CMSIS_NN_ROOT"] == str(root)
    (root / "Source" / "a.c").write_text("int b;\n", encoding="utf-8")
    changed = vendor_source(rendered(), toolchain="gcc", offline=True)
    assert changed.version != source.version  # so that objects of the one are never taken for the other's
    assert changed.variables["TINYAUDIO_CMSIS_NN_OBJECTS"] != source.variables["TINYAUDIO_CMSIS_NN_OBJECTS"]


def test_a_folder_without_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    with pytest.raises(ToolError, match="holds no CMSIS-NN") as caught:
        vendor_source(rendered(), toolchain="gcc", offline=True)
    assert caught.value.where == f"{ROOT_VARIABLE}={tmp_path}"


def script() -> ModuleType:
    path = FIRMWARE_LIB / "tinyaudio_cmsis_nn" / "choose_cmsis_nn.py"
    specification = importlib.util.spec_from_file_location("choose_cmsis_nn", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_only_what_the_adapters_lead_to_is_compiled(tmp_path: Path) -> None:
    sources = {
        "Source/Convolution/arm_convolve_wrapper_s8.c": "int arm_convolve_wrapper_s8(void)\n{\n    return arm_inner();  /* arm_unused() */\n}\n",
        "Source/Support/arm_inner.c": "int arm_inner(void) { return 1; }\n",
        "Source/Support/arm_unused.c": "int arm_unused(void) { return 1; }\n",
    }
    root = checkout(tmp_path / "CMSIS-NN", sources)
    caller = tmp_path / "adapter.cc"
    caller.write_text("void f() { arm_convolve_wrapper_s8(); }  // arm_other_s8()\n", encoding="utf-8")
    choose = script()
    assert choose.find_cmsis_nn(tmp_path) == choose.find_cmsis_nn(root) == root
    assert choose.choose_sources(root, [caller]) == tuple(sources)[:2]
    caller.write_text("void f() { arm_other_s8(); }\n", encoding="utf-8")
    with pytest.raises(choose.SourcesError, match="has no arm_other_s8"):
        choose.choose_sources(root, [caller])
    with pytest.raises(choose.SourcesError, match="holds no CMSIS-NN"):
        choose.find_cmsis_nn(tmp_path / "nowhere")


def test_an_esp32s3_takes_esp_nn_of_a_local_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, directory = rendered("esp32s3"), tmp_path / "project"
    assert "tinyaudio_esp_nn" in libraries(project)
    assert "tinyaudio_cmsis_nn" not in libraries(project)
    write_project(project, directory)
    assert linked_kernels(directory, project) == "tinyaudio + ESP-NN 1.4.2"
    add_components(tmp_path / "here", esp_nn="1.9.9")
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "here"))
    use_local_components(directory, project)
    assert json.dumps(str((tmp_path / "here" / "esp-nn").resolve())) in (directory / "src" / "idf_component.yml").read_text(encoding="utf-8")
    assert '"ESP-NN 1.9.9"' in (directory / VENDOR_VERSION_FILE).read_text(encoding="utf-8")
    assert linked_kernels(directory, project) == "tinyaudio + ESP-NN 1.9.9"


def test_a_local_esp_nn_with_a_known_defect_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = rendered("esp32s3")
    write_project(project, tmp_path / "project")
    add_components(tmp_path / "here", esp_nn="1.2.0")
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "here"))
    with pytest.raises(BuildError, match=r"espressif/esp-nn 1\.2\.0 computes wrongly"):
        use_local_components(tmp_path / "project", project)
