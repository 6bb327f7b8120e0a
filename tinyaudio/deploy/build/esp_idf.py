"""Build for a chip of Espressif: PlatformIO with ESP-IDF, which a connected machine fetches, and the merged image.

Without a network this ends at once with one error, unless everything was fetched before.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tinyaudio.core.artifacts import BuildArtifact, FirmwareProject, OutputFile, RegionUse
from tinyaudio.core.board import Board
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import BuildError, ToolError
from tinyaudio.core.files import write_bytes_atomically, write_text_atomically
from tinyaudio.core.tools import run_tool
from tinyaudio.deploy.build.esp_components import linked_kernels, missing_components, use_local_components
from tinyaudio.deploy.build.facts import build_json
from tinyaudio.deploy.build.failure import failure
from tinyaudio.deploy.build.image import ImageSizes, budget_problems, read_section_sizes
from tinyaudio.deploy.build.platformio import platformio_environment, prepare_platformio
from tinyaudio.deploy.build.registry import registry_hosts, registry_refusal
from tinyaudio.deploy.render.esp_idf import APPLICATION_OFFSET

MERGED_IMAGE = "merged.bin"
#: Where the parts lie in the flash of an ESP32-S3: the first two where ESP-IDF puts them.
PARTS = ((0x0, "bootloader.bin"), (0x8000, "partitions.bin"), (APPLICATION_OFFSET, "firmware.bin"))

COMPONENT_REGISTRY = "https://components.espressif.com/api/"
_COMPONENTS_SECONDS = 3.0
_TIMEOUT_SECONDS = 3_600.0  # the first build fetches about 2 GB
_ERASED = b"\xff"
_SRAM_SECTIONS = (".iram0.", ".dram0.", ".noinit")  # prefixes; code in IRAM comes out of the same memory
_PSRAM_SECTIONS = (".ext_ram.",)
_MARKER_PACKAGE = "framework-espidf"
_COMPILER_PACKAGE = "toolchain-xtensa-esp"  # begins so; fetched behind the framework, so a fetch that broke off may lack it


def build_esp_idf_project(
    directory: Path, board: Board, *, project: FirmwareProject, offline: bool, on_line: Callable[[str], None] | None = None
) -> BuildArtifact:
    """Build the project in `directory`; see `build_project`.

    Raises
    ------
    ToolError
        If ESP-IDF is not here and cannot be fetched, or may not be (`offline`): says what, where it comes from, and what works
        without; if ``TINYAUDIO_TFLM_ROOT`` has not the components that the model runs on.
    BuildError
        If a source does not compile or link, or a local component is known to compute the model wrongly.
    """
    started = time.monotonic()
    core_dir = prepare_platformio()
    use_local_components(directory, project)
    require_esp_packages(core_dir, directory, board, offline=offline)
    environment = platformio_environment(core_dir=core_dir, offline=offline, extra={})
    environment = {key: value for key, value in environment.items() if not key.startswith(("IDF_", "ESP_IDF"))}
    lines: list[str] = []

    def keep(line: str) -> None:
        lines.append(line)
        if on_line is not None:
            on_line(line)

    command: list[str | Path] = [sys.executable, "-m", "platformio", "run", "--project-dir", directory, "--environment", board.id]
    completed = run_tool(command, env=environment, timeout_seconds=_TIMEOUT_SECONDS, on_line=keep, check=False)
    if completed.returncode != 0:
        raise failure(lines, directory, board, toolchain=_MARKER_PACKAGE, spill_region="")
    output = directory / ".pio" / "build" / board.id
    artifact = describe_esp_image(
        output,
        board,
        project=project,
        toolchain=_toolchain(core_dir),
        model_kernels=linked_kernels(directory, project),
        seconds=time.monotonic() - started,
    )
    write_text_atomically(output / "build.json", build_json(artifact))
    return artifact


def describe_esp_image(output: Path, board: Board, *, project: FirmwareProject, toolchain: str, model_kernels: str, seconds: float) -> BuildArtifact:
    """Merge the parts in the folder `output` of a build into one image, and return what it is.

    Raises
    ------
    BuildError
        If a part is missing, or does not fit in front of the next one.
    """
    merged = output / MERGED_IMAGE
    write_bytes_atomically(merged, merge_parts([(offset, _part(output / name)) for offset, name in PARTS]))
    elf = output / "firmware.elf"
    paths = {"elf": elf, "bin": output / "firmware.bin", "merged": merged, "map": output / "firmware.map"}
    files = {name: _output_file(path) for name, path in paths.items() if path.is_file()}
    if "elf" not in files:
        raise BuildError("the build left no image", hint="build it again", where=str(elf))
    sizes = esp_image_sizes(read_section_sizes(elf), files["bin"].bytes, board)
    return BuildArtifact(
        board=board.id,
        runtime=project.runtime,
        elf=str(elf),
        elf_sha256=files["elf"].sha256,
        firmware_fingerprint=project.fingerprint,
        flash_bytes=sizes.flash_bytes,
        ram_bytes=sizes.ram_bytes,
        regions=sizes.regions,
        budget_problems=budget_problems(sizes, board),
        toolchain=toolchain,
        seconds=round(seconds, 3),
        frontend_fingerprint=project.frontend_fingerprint,
        model_sha256=project.model_sha256,
        placement=project.placement,
        files=files,
        model_kernels=model_kernels,
        arena_bytes=project.arena_bytes,
        arena_used_bytes=project.arena_used_bytes,
    )


def merge_parts(parts: list[tuple[int, bytes]]) -> bytes:
    """Return one image of `parts`, (offset in flash, content) by offset, with erased flash between them: as ``esptool merge-bin``.

    Raises
    ------
    BuildError
        If a part reaches into the next one.
    """
    merged = bytearray()
    for offset, content in parts:
        if len(merged) > offset:
            raise BuildError(
                f"the part in front of 0x{offset:x} is {len(merged) - offset} bytes too large", hint="build it again", where=f"0x{offset:x}"
            )
        merged += _ERASED * (offset - len(merged)) + content
    return bytes(merged)


def esp_image_sizes(sections: dict[str, int], application_bytes: int, board: Board) -> ImageSizes:
    """Return what an image uses, by section names: addresses of PSRAM and of constants in flash are only told apart when it starts.

    Parameters
    ----------
    sections
        {name: bytes} of the ELF file.
    application_bytes
        Of the application's partition.
    board
        Its regions are those of the result.
    """
    used = dict.fromkeys(board.memory.regions, 0)
    used[board.memory.code] = application_bytes
    used[board.memory.data] = sum(size for name, size in sections.items() if name.startswith(_SRAM_SECTIONS))
    psram_bytes = sum(size for name, size in sections.items() if name.startswith(_PSRAM_SECTIONS))
    psram = next((name for name, region in board.memory.regions.items() if region.kind == "psram"), None)
    if psram is not None:
        used[psram] = psram_bytes
    regions = {name: RegionUse(used_bytes=size, length_bytes=board.memory.regions[name].length_bytes) for name, size in sorted(used.items())}
    return ImageSizes(flash_bytes=application_bytes, ram_bytes=used[board.memory.data] + psram_bytes, regions=regions)


def require_esp_packages(core_dir: Path, directory: Path, board: Board, *, offline: bool) -> None:
    """Check within 10 s that all a build takes is here, or can be fetched.

    Parameters
    ----------
    core_dir
        PlatformIO's.
    directory
        The firmware project; before there is one, its components are not looked for.
    board
        The board.
    offline
        Nothing may be fetched.

    Raises
    ------
    ToolError
        If not: it says what is missing, where it comes from, and what works without.
    """
    missing = missing_packages(core_dir, directory, board)
    if not missing:
        return
    refusal = "--offline forbids it" if offline else _refusal(missing, missing_components(directory))
    if not refusal:
        return
    raise ToolError(
        f"{board.id} cannot be built here: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not on this computer and cannot be fetched "
        f"({refusal})",
        hint=(
            f"run the same command once with a network, which fetches about 2 GB from {registry_hosts()[0]} and components.espressif.com, or "
            f"copy {core_dir} and the project's managed_components and dependencies.lock from a computer where it ran; meanwhile "
            f"`tinyaudio render --board {board.id}`, "
            "the tests, and the emulated boards (mps2_an500, stm32h7, native) work"
        ),
        where=f"--board {board.id}",
    )


def _refusal(missing: tuple[str, ...], components: tuple[str, ...]) -> str:
    """Return why what is missing cannot be fetched, "" if it can. Both registries together get less than 10 s."""
    refusal = registry_refusal() if missing != components else ""
    return refusal or (registry_refusal(seconds=_COMPONENTS_SECONDS, addresses=[COMPONENT_REGISTRY]) if components else "")


def missing_packages(core_dir: Path, directory: Path, board: Board) -> tuple[str, ...]:
    """Return what a build would have to fetch, in words."""
    missing = []
    name, _, version = board.platformio.platform.partition("@")
    if not any(_version(folder / "platform.json") == version for folder in (core_dir / "platforms").glob(f"{name}*")):
        missing.append(f"PlatformIO's platform {name} {version}")
    packages = core_dir / "packages"
    if not any(packages.glob(f"{_MARKER_PACKAGE}*/package.json")):
        missing.append("ESP-IDF with Espressif's compilers")
    elif not any(packages.glob(f"{_COMPILER_PACKAGE}*/package.json")):
        missing.append("Espressif's compilers (a fetch of ESP-IDF broke off)")
    return (*missing, *missing_components(directory))


def _version(manifest: Path) -> str:
    try:
        return str(json.loads(manifest.read_text(encoding="utf-8")).get("version", ""))
    except (OSError, ValueError):
        return ""


def _toolchain(core_dir: Path) -> str:
    versions = [_version(path) for path in sorted((core_dir / "packages").glob(f"{_COMPILER_PACKAGE}*/package.json"))]
    return f"xtensa-esp-elf-gcc {versions[-1]}" if versions else "xtensa-esp-elf-gcc"


def _part(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BuildError(f"a part of the image is missing: {error}", hint="build it again", where=str(path)) from error


def _output_file(path: Path) -> OutputFile:
    data = path.read_bytes()
    return OutputFile(path=str(path), bytes=len(data), sha256=sha256_bytes(data))
