"""Building for a chip of Espressif where its toolchain is not: one error, at once. And what is made of a build's parts."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.golden_fixture import golden_vectors
from tinyaudio.cli.app import app
from tinyaudio.core.artifacts import Calibration, FirmwareProject
from tinyaudio.core.board import load_board
from tinyaudio.core.errors import BuildError, ToolError
from tinyaudio.deploy.build import build_project
from tinyaudio.deploy.build.esp_idf import COMPONENT_REGISTRY, PARTS, describe_esp_image, esp_image_sizes, merge_parts, missing_packages
from tinyaudio.deploy.build.registry import registry_refusal
from tinyaudio.deploy.render import RenderInputs, render_project, write_project
from tinyaudio.dsp.frontend import design_frontend

BOARD = load_board("esp32s3")
BOX = load_board("esp32s3_box_3")


@pytest.fixture(scope="module")
def project() -> FirmwareProject:
    model = golden_vectors().model
    inputs = RenderInputs(
        board=BOARD,
        tables=design_frontend(model.spec, kernel="esp_sc16"),
        quantized=model,
        calibration=Calibration(smoothing_patches=3, detection_threshold=64),
    )
    return render_project(inputs)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TINYAUDIO_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def silent_host() -> Iterator[str]:
    """A host that takes connections and says nothing, as a firewall may make it look."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the environment: it would answer for the hosts."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def refused(directory: Path, project: FirmwareProject, *, offline: bool) -> ToolError:
    with pytest.raises(ToolError) as caught:
        build_project(directory, BOARD, project=project, offline=offline)
    return caught.value


def tried(*_: object, **__: object) -> None:
    raise AssertionError("it was tried all the same")


def test_without_network_one_error_says_what_is_missing_where_it_comes_from_and_what_works(
    project: FirmwareProject, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(project, tmp_path / "project")
    monkeypatch.setattr("tinyaudio.deploy.build.esp_idf.registry_refusal", lambda **_: "no network")
    monkeypatch.setattr("tinyaudio.deploy.build.esp_idf.run_tool", tried)  # PlatformIO would try for a minute
    error = refused(tmp_path / "project", project, offline=False)
    for said in ("espressif32 6.13.0", "ESP-IDF", "espressif/esp-dsp 1.8.2", "esp-tflite-micro 1.4.0", "esp-nn 1.4.2", "no network"):
        assert said in error.message
    for said in ("registry.platformio.org", "tinyaudio render --board esp32s3", "stm32h7", str(cache / "platformio")):
        assert said in error.hint


def test_offline_never_tries(project: FirmwareProject, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(project, tmp_path / "project")
    monkeypatch.setattr(socket, "socket", tried)
    monkeypatch.setattr(socket, "getaddrinfo", tried)
    monkeypatch.setattr("tinyaudio.deploy.build.esp_idf.registry_refusal", tried)
    monkeypatch.setattr("tinyaudio.deploy.build.esp_idf.run_tool", tried)
    assert "--offline forbids it" in refused(tmp_path / "project", project, offline=True).message


@pytest.mark.usefixtures("no_proxy")
def test_a_host_that_never_answers_is_given_up_in_time(silent_host: str) -> None:
    refusal = registry_refusal(seconds=0.4, addresses=[silent_host])
    assert "timed out" in refusal or "no answer within 0.4 s" in refusal


def test_what_nothing_bounds_is_given_up_in_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolving a name may take as long as it likes."""
    over = threading.Event()

    def never(*_: object, **__: object) -> None:
        over.wait()
        raise OSError("too late")

    monkeypatch.setattr("urllib.request.urlopen", never)
    try:
        assert registry_refusal(seconds=0.1, addresses=["http://nowhere.invalid"]) == "no answer within 0.1 s"
        assert not over.is_set()
    finally:
        over.set()


@pytest.mark.usefixtures("no_proxy")
def test_a_host_that_refuses_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens: it refuses, while no other program can be given the port
        assert "refused" in registry_refusal(seconds=60.0, addresses=[f"http://127.0.0.1:{taken.getsockname()[1]}"])


def fetch(core_dir: Path, directory: Path, **versions: str) -> None:
    """Put there what a first build leaves: platform, framework and components, as far as they are named."""
    packages = ("packages/framework-espidf@3.50503.0", "packages/toolchain-xtensa-esp-elf")
    for path, manifest in (("platforms/espressif32", {"version": "6.13.0"}), *((package, dict[str, str]()) for package in packages)):
        (core_dir / path).mkdir(parents=True, exist_ok=True)
        (core_dir / path / ("platform.json" if "platforms" in path else "package.json")).write_text(json.dumps(manifest))
    add_components(directory / "managed_components", "espressif__", **versions)


def add_components(folder: Path, prefix: str = "", **versions: str) -> None:
    for name, version in versions.items():
        component = folder / f"{prefix}{name.replace('_', '-')}"
        component.mkdir(parents=True, exist_ok=True)
        (component / "idf_component.yml").write_text(f'description: a component\nversion: "{version}"\ndependencies:\n  idf:\n    version: ">=5.1"\n')


PINNED = {"esp_dsp": "1.8.2", "esp_nn": "1.4.2", "esp_tflite_micro": "1.4.0"}


def test_what_was_fetched_before_is_not_missing(project: FirmwareProject, tmp_path: Path) -> None:
    core_dir, directory = tmp_path / "core", tmp_path / "project"
    write_project(project, directory)
    assert len(missing_packages(core_dir, directory, BOARD)) == 2 + len(PINNED)
    fetch(core_dir, directory, **PINNED)
    assert missing_packages(core_dir, directory, BOARD) == ()
    (core_dir / "platforms/espressif32/platform.json").write_text('{"version": "6.12.0"}')
    assert missing_packages(core_dir, directory, BOARD) == ("PlatformIO's platform espressif32 6.13.0",)


def test_a_fetch_that_broke_off_is_told(project: FirmwareProject, tmp_path: Path) -> None:
    """PlatformIO has the framework but not the compilers behind it; or a folder that it had not finished."""
    core_dir, directory = tmp_path / "core", tmp_path / "project"
    write_project(project, directory)
    fetch(core_dir, directory, **PINNED)
    shutil.rmtree(core_dir / "packages/toolchain-xtensa-esp-elf")
    assert missing_packages(core_dir, directory, BOARD) == ("Espressif's compilers (a fetch of ESP-IDF broke off)",)
    (core_dir / "packages/framework-espidf@3.50503.0/package.json").unlink()
    assert missing_packages(core_dir, directory, BOARD) == ("ESP-IDF with Espressif's compilers",)


def test_a_component_of_another_version_is_missing(project: FirmwareProject, tmp_path: Path) -> None:
    core_dir, directory = tmp_path / "core", tmp_path / "project"
    write_project(project, directory)
    fetch(core_dir, directory, **(PINNED | {"esp_nn": "1.2.3"}))
    assert missing_packages(core_dir, directory, BOARD) == ("the component espressif/esp-nn 1.4.2",)


def test_only_the_registry_that_has_what_is_missing_is_asked(
    project: FirmwareProject, warm: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def refuse(**given: object) -> str:
        asked.append(given.get("addresses", "PlatformIO's"))
        return "refused" if "addresses" in given else ""

    monkeypatch.setattr("tinyaudio.deploy.build.esp_idf.registry_refusal", refuse)
    shutil.rmtree(warm / "managed_components" / "espressif__esp-nn")
    error = refused(warm, project, offline=False)
    assert error.message.count("espressif/") == 1
    assert asked == [[COMPONENT_REGISTRY]]
    shutil.rmtree(cache / "platformio" / "platforms")
    refused(warm, project, offline=False)
    assert asked[1:] == ["PlatformIO's", [COMPONENT_REGISTRY]]


class FakePlatformio:
    """Leaves what a build leaves, or fails as one."""

    def __init__(self, *, lines: tuple[str, ...] = (), returncode: int = 0) -> None:
        self.lines, self.returncode = lines, returncode
        self.environment: dict[str, str] = {}

    def __call__(self, command: list[str | Path], *, env: dict[str, str], on_line: Any, **_: object) -> Any:
        self.environment = env
        directory, board_id = Path(command[command.index("--project-dir") + 1]), str(command[command.index("--environment") + 1])
        for line in self.lines:
            on_line(line)
        output = directory / ".pio" / "build" / board_id
        output.mkdir(parents=True, exist_ok=True)
        if self.returncode == 0:
            for (_offset, name), (_size, content) in zip(PARTS, parts(), strict=True):
                (output / name).write_bytes(content)
            (output / "firmware.elf").write_bytes(b"elf")
        return SimpleNamespace(returncode=self.returncode)


@pytest.fixture
def warm(project: FirmwareProject, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project that has everything to be built, without a network."""
    monkeypatch.delenv("TINYAUDIO_TFLM_ROOT", raising=False)
    monkeypatch.setattr("tinyaudio.deploy.build.esp_idf.registry_refusal", lambda **_: "no network")
    monkeypatch.setattr("tinyaudio.deploy.build.esp_idf.read_section_sizes", lambda _: {".dram0.bss": 120_000})
    write_project(project, tmp_path / "project")
    fetch(cache / "platformio", tmp_path / "project", **PINNED)
    return tmp_path / "project"


@pytest.mark.parametrize("offline", [False, True])
def test_a_build_leaves_a_merged_image_and_its_facts(
    project: FirmwareProject, warm: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, offline: bool
) -> None:
    platformio = FakePlatformio()
    monkeypatch.setattr("tinyaudio.deploy.build.esp_idf.run_tool", platformio)
    monkeypatch.setenv("IDF_PATH", "/another/esp-idf")
    artifact = build_project(warm, BOARD, project=project, offline=offline)
    output = warm / ".pio" / "build" / "esp32s3"
    facts = json.loads((output / "build.json").read_text(encoding="utf-8"))
    assert (output / "merged.bin").read_bytes() == merge_parts(parts())
    assert facts["files"]["merged"]["sha256"] == artifact.files["merged"].sha256
    assert facts["runtime"] == "tflm"
    assert facts["model_kernels"] == artifact.model_kernels == "tflite-micro 1.4.0 + ESP-NN 1.4.2"
    assert platformio.environment["PLATFORMIO_CORE_DIR"] == str(cache / "platformio")
    assert "IDF_PATH" not in platformio.environment
    assert ("HTTPS_PROXY" in platformio.environment) == offline


def test_what_does_not_compile_is_named(project: FirmwareProject, warm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    platformio = FakePlatformio(lines=("src/main.cc:3:5: error: 'x' was not declared in this scope",), returncode=1)
    monkeypatch.setattr("tinyaudio.deploy.build.esp_idf.run_tool", platformio)
    with pytest.raises(BuildError, match=r"does not compile: src/main\.cc:3: 'x' was not declared"):
        build_project(warm, BOARD, project=project, offline=True)


@pytest.mark.parametrize("prefix", ["", "espressif__"])
def test_local_components_take_the_place_of_those_of_the_registry(
    project: FirmwareProject, warm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    root = tmp_path / "tree"
    add_components(root, prefix, esp_nn="1.4.1", esp_tflite_micro="1.3.8")
    shutil.rmtree(warm / "managed_components" / "espressif__esp-nn")
    monkeypatch.setattr("tinyaudio.deploy.build.esp_idf.run_tool", FakePlatformio())
    monkeypatch.setenv("TINYAUDIO_TFLM_ROOT", str(root))
    artifact = build_project(warm, BOARD, project=project, offline=True)
    assert artifact.model_kernels == "tflite-micro 1.3.8 + ESP-NN 1.4.1"
    manifest = (warm / "src" / "idf_component.yml").read_text(encoding="utf-8")
    assert f'  espressif/esp-nn:\n    version: "*"\n    override_path: "{root.resolve()}/{prefix}esp-nn"\n' in manifest
    assert '  espressif/esp-dsp: "1.8.2"\n' in manifest
    assert "ESP-NN 1.4.1" in (warm / "src" / "CMakeLists.txt").read_text(encoding="utf-8")
    write_project(project, warm)
    assert (warm / "src" / "idf_component.yml").read_text(encoding="utf-8") == project.files["src/idf_component.yml"]


def test_local_components_that_are_not_whole_or_wrong_are_refused(
    project: FirmwareProject, warm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "tree"
    monkeypatch.setenv("TINYAUDIO_TFLM_ROOT", str(root))
    add_components(root, esp_tflite_micro="1.4.0")
    with pytest.raises(ToolError, match="has no component espressif/esp-nn"):
        build_project(warm, BOARD, project=project, offline=True)
    add_components(root, esp_nn="1.2.3")
    with pytest.raises(BuildError, match=r"espressif/esp-nn 1\.2\.3 computes wrongly"):
        build_project(warm, BOARD, project=project, offline=True)


def test_a_project_of_another_board_is_not_built(project: FirmwareProject, tmp_path: Path) -> None:
    write_project(project, tmp_path)
    with pytest.raises(BuildError, match="was rendered for esp32s3, not for esp32s3_box_3"):
        build_project(tmp_path, BOX, project=project, offline=True)


def parts() -> list[tuple[int, bytes]]:
    contents = (b"\xe9" + bytes(20_000), b"\xaa\x50" + bytes(3_070), b"\xe9" + bytes(range(256)) * 300)
    return [(offset, content) for (offset, _), content in zip(PARTS, contents, strict=True)]


def test_the_merged_image_is_that_of_esptool() -> None:
    from esptool.cmds import merge_bin

    assert merge_parts(parts()) == merge_bin(list(parts()), "esp32s3")


def test_a_part_that_is_too_large_is_refused() -> None:
    with pytest.raises(BuildError, match="in front of 0x8000 is 1 bytes too large"):
        merge_parts([(0, bytes(0x8001)), (0x8000, b"")])


SECTIONS = {
    ".iram0.vectors": 1_024,
    ".iram0.text": 60_000,
    ".dram0.data": 12_000,
    ".dram0.bss": 120_000,
    ".flash.text": 300_000,
    ".flash.rodata": 90_000,
    ".ext_ram.bss": 250_000,
    ".debug_info": 9,
}


def test_sizes_are_told_apart_by_section() -> None:
    sizes = esp_image_sizes(SECTIONS, 480_000, BOX)
    assert {name: use.used_bytes for name, use in sizes.regions.items()} == {"dram": 193_024, "flash": 480_000, "psram": 250_000, "settings": 0}
    assert (sizes.flash_bytes, sizes.ram_bytes) == (480_000, 443_024)


def test_a_build_is_described_with_its_merged_image(project: FirmwareProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tinyaudio.deploy.build.esp_idf.read_section_sizes", lambda _: {name: size for name, size in SECTIONS.items() if name != ".ext_ram.bss"}
    )
    for (_offset, name), (_size, content) in zip(PARTS, parts(), strict=True):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BuildError, match="left no image"):
        describe_esp_image(tmp_path, BOARD, project=project, toolchain="gcc", model_kernels="", seconds=1.0)
    (tmp_path / "firmware.elf").write_bytes(b"elf")
    artifact = describe_esp_image(tmp_path, BOARD, project=project, toolchain="gcc", model_kernels="", seconds=1.0)
    assert (tmp_path / "merged.bin").read_bytes() == merge_parts(parts())
    assert artifact.files["merged"].bytes == len(merge_parts(parts()))
    assert artifact.budget_ok
    (tmp_path / "bootloader.bin").unlink()
    with pytest.raises(BuildError, match="part of the image is missing"):
        describe_esp_image(tmp_path, BOARD, project=project, toolchain="gcc", model_kernels="", seconds=1.0)


@pytest.mark.parametrize("offline", [True, False])
def test_a_fresh_project_is_not_trained_for_a_build_that_cannot_be(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, offline: bool
) -> None:
    """One error, and nothing was begun: there are not even recordings."""
    (tmp_path / "tinyaudio.toml").write_text('[project]\nname = "doorbell"\nboard = "esp32s3"\n', encoding="utf-8")
    monkeypatch.setattr("tinyaudio.deploy.build.esp_idf.registry_refusal", tried if offline else lambda **_: "no network")
    arguments = ["build", "--board", "esp32s3", "--project", str(tmp_path), *(["--offline"] if offline else []), "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    assert error["type"] == "ToolError"
    assert ("--offline forbids it" if offline else "no network") in error["message"]
    assert "tinyaudio render --board esp32s3" in error["hint"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "tinyaudio.toml"]
