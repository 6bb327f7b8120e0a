"""Building for a chip of Espressif where its toolchain is not: one error, at once. And what is made of a build's parts."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.golden_fixture import golden_vectors
from tinyaudio.core.artifacts import Calibration, FirmwareProject
from tinyaudio.core.board import load_board
from tinyaudio.core.errors import BuildError, ToolError
from tinyaudio.deploy.build import build_project
from tinyaudio.deploy.build.esp_idf import PARTS, describe_esp_image, esp_image_sizes, merge_parts, missing_packages
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


def refused(directory: Path, project: FirmwareProject, *, offline: bool) -> tuple[ToolError, float]:
    started = time.monotonic()
    with pytest.raises(ToolError) as caught:
        build_project(directory, BOARD, project=project, offline=offline)
    return caught.value, time.monotonic() - started


def test_without_network_one_error_says_what_is_missing_where_it_comes_from_and_what_works(
    project: FirmwareProject, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(project, tmp_path / "project")
    monkeypatch.setattr("tinyaudio.deploy.build.esp_idf.registry_refusal", lambda: "no network")
    error, seconds = refused(tmp_path / "project", project, offline=False)
    assert seconds < 10
    for said in ("espressif32 6.13.0", "ESP-IDF", "espressif/esp-dsp 1.8.2", "no network"):
        assert said in error.message
    for said in ("registry.platformio.org", "tinyaudio render --board esp32s3", "stm32h7", str(cache / "platformio")):
        assert said in error.hint


def test_offline_never_tries(project: FirmwareProject, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tried(*_: object, **__: object) -> None:
        raise AssertionError("the network was tried")

    write_project(project, tmp_path / "project")
    monkeypatch.setattr(socket, "socket", tried)
    monkeypatch.setattr(socket, "getaddrinfo", tried)
    monkeypatch.setattr("tinyaudio.deploy.build.esp_idf.registry_refusal", tried)
    error, seconds = refused(tmp_path / "project", project, offline=True)
    assert "--offline forbids it" in error.message
    assert seconds < 2


def test_a_host_that_never_answers_is_given_up_in_time(silent_host: str) -> None:
    started = time.monotonic()
    refusal = registry_refusal(seconds=0.4, addresses=[silent_host])
    assert "timed out" in refusal or "no answer within 0.4 s" in refusal
    assert time.monotonic() - started < 5


def test_a_host_that_refuses_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "refused" in registry_refusal(seconds=3.0, addresses=[f"http://127.0.0.1:{port}"])


def test_what_was_fetched_before_is_not_missing(project: FirmwareProject, tmp_path: Path) -> None:
    core_dir, directory = tmp_path / "core", tmp_path / "project"
    write_project(project, directory)
    assert len(missing_packages(core_dir, directory, BOARD)) == 3
    for path, manifest in (("platforms/espressif32", {"version": "6.12.0"}), ("packages/framework-espidf@3.50503.0", {})):
        (core_dir / path).mkdir(parents=True)
        (core_dir / path / ("platform.json" if "platforms" in path else "package.json")).write_text(json.dumps(manifest))
    (directory / "managed_components" / "espressif__esp-dsp").mkdir(parents=True)
    assert missing_packages(core_dir, directory, BOARD) == ("PlatformIO's platform espressif32 6.13.0",)
    (core_dir / "platforms/espressif32/platform.json").write_text('{"version": "6.13.0"}')
    assert missing_packages(core_dir, directory, BOARD) == ()


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
    for (_, name), (_, content) in zip(PARTS, parts(), strict=True):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BuildError, match="left no image"):
        describe_esp_image(tmp_path, BOARD, project=project, toolchain="gcc", seconds=1.0)
    (tmp_path / "firmware.elf").write_bytes(b"elf")
    artifact = describe_esp_image(tmp_path, BOARD, project=project, toolchain="gcc", seconds=1.0)
    assert (tmp_path / "merged.bin").read_bytes() == merge_parts(parts())
    assert artifact.files["merged"].bytes == len(merge_parts(parts()))
    assert artifact.budget_ok
    (tmp_path / "bootloader.bin").unlink()
    with pytest.raises(BuildError, match="part of the image is missing"):
        describe_esp_image(tmp_path, BOARD, project=project, toolchain="gcc", seconds=1.0)
