"""A project of ESP-IDF for PlatformIO's ``espressif32``: one component that is the whole firmware, and its configuration.

Pins of everything that is fetched: the platform by the board file, all components here.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Any

from tinyaudio.core.artifacts import Placement
from tinyaudio.core.board import Board, MemoryRegion, Module
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import BoardError
from tinyaudio.core.templating import render_template
from tinyaudio.deploy.chip_config.esp32s3 import SETTINGS_LABEL, settings_region
from tinyaudio.deploy.placement import ARENA, arena_is_in_psram
from tinyaudio.deploy.render.model import ModelParts
from tinyaudio.deploy.tflm import TflmModel, describe, refuse_known_defects

#: The components of ESP-IDF whose headers the port includes, beyond those that every component sees.
_COMPONENTS = (
    "bootloader_support",
    "esp_driver_i2s",
    "esp_driver_uart",
    "esp_driver_usb_serial_jtag",
    "esp_partition",
    "esp_timer",
    "espcoredump",
)
_IDF_VERSIONS = ">=5.5,<5.6"  # what the pinned platform brings
_ESP_DSP = "espressif/esp-dsp"
#: The version whose 16-bit FFT was compared with the twin of the kernel ``esp_sc16``; it is the same since 1.2.0.
ESP_DSP_VERSION = "1.8.2"
_ESP_NN, _TFLITE_MICRO = "espressif/esp-nn", "espressif/esp-tflite-micro"
#: TFLite Micro with Espressif's glue, and the kernels. Both are releases of the ESP Component Registry
#: (components.espressif.com); the manifest of esp-tflite-micro 1.4.0 takes esp-nn ">=1.1.1" and ESP-IDF ">=5.1". esp-nn is
#: newer than what its authors told to be wrong (`deploy.tflm.DEFECTS`), and no older one may come back through a range.
TFLITE_MICRO_VERSIONS = {_ESP_NN: "1.4.2", _TFLITE_MICRO: "1.4.0"}

#: What of TFLite Micro is linked, for the firmware to report. A header, since PlatformIO's builder for ESP-IDF takes the
#: quotes off a definition that has spaces in it.
TFLM_VERSION_FILE = "src/generated/tflm_version.h"
#: The same of ESP-NN in a project whose compiled model calls it, and the operators that it computes.
VENDOR_VERSION_FILE, VENDOR_OPERATORS_FILE = "src/generated/vendor_version.h", "lib/tinyaudio_esp_nn/operators.json"

APPLICATION_OFFSET = 0x1_0000  # of the flash: behind the boot loader and the table of partitions
_CORE_DUMP_BYTES = 0x1_0000
_SECTOR_BYTES = 0x1000
_WATCHDOG_S = 10
_PSRAM_MODES = {"quad": "QUAD", "octal": "OCT"}
_SOURCE_SUFFIXES = (".c", ".cc", ".S")
_FINGERPRINT_DIGITS = 12


def esp_idf_files(board: Board, paths: Collection[str], placement: Placement, model: ModelParts | None) -> dict[str, str]:
    """Return what makes a project of ESP-IDF of a firmware, by path in the project.

    Parameters
    ----------
    board
        A board of family esp32s3.
    paths
        Of all other files of the project.
    placement
        Of `plan_esp_idf`.
    model
        None: a front end alone.

    Raises
    ------
    BoardError
        If the partitions do not fit the flash.
    BuildError
        If a pinned component is known to compute the model wrongly.
    """
    module = _module(board)
    is_in_psram = arena_is_in_psram(board, placement)
    arena = next(item for item in placement.items if item.name == ARENA)
    sdkconfig = _render("sdkconfig.defaults", _sdkconfig(board, module, is_in_psram=is_in_psram, nn_kernels=_nn_kernels(model)))
    arena_context = {"arena_bytes": arena.bytes, "is_in_psram": is_in_psram, "reason": arena.reason}
    versions = {_ESP_DSP: ESP_DSP_VERSION, **_component_versions(model)}
    component = {
        "dependencies": ", ".join(f"{name} {versions[name]}" for name in sorted(versions)),
        "sources": sorted(_from_component(path) for path in paths if path.endswith(_SOURCE_SUFFIXES)),
        "include_folders": [".", *sorted({_from_component(folder) for path in paths if (folder := _include_folder(path))})],
        "components": list(_COMPONENTS),
        "definitions": [*_definitions(model), *(("TINYAUDIO_ARENA_IN_PSRAM",) if is_in_psram else ())],
    }
    manifest = {"idf_versions": _IDF_VERSIONS, "dependencies": [{"name": name, "version": versions[name]} for name in sorted(versions)]}
    files = {
        "CMakeLists.txt": _render("CMakeLists.txt", {}),
        "partitions.csv": _render("partitions.csv", {"partitions": _partitions(board, module)}),
        "platformio.ini": _render("platformio.ini", _platformio(board, module, sdkconfig)),
        "sdkconfig.defaults": sdkconfig,
        "src/CMakeLists.txt": _render("component_CMakeLists.txt", component),
        "src/generated/arena_config.h": _render("arena_config.h", arena_context),
        "src/idf_component.yml": _render("idf_component.yml", manifest),
    }
    return files | (_version_files(model) if model is not None else {})


def _version_files(model: ModelParts) -> dict[str, str]:
    if _is_tflm(model):
        return {TFLM_VERSION_FILE: _render("tflm_version.h", {"version": tflm_version(model)})}
    if _calls_esp_nn(model):
        version = vendor_version(TFLITE_MICRO_VERSIONS[_ESP_NN])
        return {
            VENDOR_VERSION_FILE: _render("vendor_version.h", {"version": version}),
            VENDOR_OPERATORS_FILE: json.dumps(_vendor_kinds(model)) + "\n",
        }
    return {}


def vendor_version(esp_nn: str) -> str:
    """Return what a compiled model reports of an ESP-NN that it calls."""
    return f"ESP-NN {esp_nn}"


def _calls_esp_nn(model: ModelParts | None) -> bool:
    return model is not None and model.runtime == "aot" and model.kernel_library == "esp_nn"


def _vendor_kinds(model: ModelParts) -> list[str]:
    """Return the kinds of operators that ESP-NN computes."""
    return sorted({operation.kind for operation in model.summary.ops if operation.kernel.startswith("esp_nn")})


def tflm_version(model: ModelParts) -> str:
    """Return what firmware with a model on TFLite Micro reports of whose kernels compute."""
    kernels = "" if model.kernel_library else " in ANSI C"
    return describe(TFLITE_MICRO_VERSIONS[_TFLITE_MICRO], "esp_nn", TFLITE_MICRO_VERSIONS[_ESP_NN] + kernels)


def _is_tflm(model: ModelParts | None) -> bool:
    return model is not None and model.runtime == "tflm"


def _component_versions(model: ModelParts | None) -> dict[str, str]:
    """Return the components that compute the model; raise `BuildError` if one is known to compute it wrongly."""
    if model is not None and _calls_esp_nn(model):
        refuse_known_defects(_ESP_NN, TFLITE_MICRO_VERSIONS[_ESP_NN], _vendor_kinds(model))
        return {_ESP_NN: TFLITE_MICRO_VERSIONS[_ESP_NN]}
    if model is None or not isinstance(model.summary, TflmModel):
        return {}
    for component, version in TFLITE_MICRO_VERSIONS.items():
        refuse_known_defects(component, version, model.summary.kinds)
    return TFLITE_MICRO_VERSIONS


def _nn_kernels(model: ModelParts | None) -> str:
    """Return ESP-NN's setting in the configuration of ESP-IDF, "" where it is not linked."""
    if model is None or not (_is_tflm(model) or _calls_esp_nn(model)):
        return ""
    return "OPTIMIZED" if model.kernel_library else "ANSI_C"


def _definitions(model: ModelParts | None) -> list[str]:
    return [flag.removeprefix("-D") for flag in model.build_flags] if model is not None else []


def _render(name: str, context: dict[str, Any]) -> str:
    return render_template(f"ports/esp32s3/{name}.j2", context)


def _module(board: Board) -> Module:
    if board.module is None:
        raise BoardError("has no [module]", hint="boards of family esp32s3 need one", where=f"{board.id}.toml")
    return board.module


def _include_folder(path: str) -> str:
    """Return ``lib/<library>/include`` of a header in it, "" of any other file."""
    parts = PurePosixPath(path).parts
    return "/".join(parts[:3]) if parts[0] == "lib" and len(parts) > 3 and parts[2] == "include" else ""


def _from_component(path: str) -> str:
    """Return a path in the project as seen from the component's folder ``src``."""
    return path.removeprefix("src/") if path.startswith("src/") else f"../{path}"


def _flash_size(module: Module) -> str:
    return f"{module.flash_size_kib // 1024}MB"


def _platformio(board: Board, module: Module, sdkconfig: str) -> dict[str, Any]:
    return {
        "board_id": board.id,
        "platform": board.platformio.platform,
        "platformio_board": board.platformio.board,
        "build_flags": list(board.platformio.build_flags),
        "flash_size": _flash_size(module),
        "flash_size_bytes": module.flash_size_kib * 1024,
        "flash_mode": module.flash_mode,
        "sdkconfig_fingerprint": sha256_bytes(sdkconfig.encode())[:_FINGERPRINT_DIGITS],
    }


def _sdkconfig(board: Board, module: Module, *, is_in_psram: bool, nn_kernels: str) -> dict[str, Any]:
    return {
        "chip": board.family,
        "core_mhz": board.counter_frequency_hz // 1_000_000,
        "flash_size": _flash_size(module),
        "flash_mode": module.flash_mode,
        "psram_mode": _PSRAM_MODES[module.psram_mode] if is_in_psram else "",
        "watchdog_s": _WATCHDOG_S,
        "nn_kernels": nn_kernels,
    }


def _partitions(board: Board, module: Module) -> list[dict[str, str]]:
    """Return the table of partitions: the application, the settings, and the dump that a crash leaves."""
    application, settings = board.memory.regions[board.memory.code], settings_region(board)
    dump_offset = _end(settings)
    dump_offset += -dump_offset % _SECTOR_BYTES
    if APPLICATION_OFFSET + application.length_bytes > settings.origin:
        raise _misfit(board, f"memory.regions.{board.memory.code} ends at 0x{APPLICATION_OFFSET + application.length_bytes:x}, behind the settings")
    if dump_offset + _CORE_DUMP_BYTES > module.flash_size_kib * 1024:
        raise _misfit(board, f"settings and core dump end at 0x{dump_offset + _CORE_DUMP_BYTES:x}, behind the flash")
    return [
        _partition("factory", "app", "factory", APPLICATION_OFFSET, application.length_bytes),
        _partition(SETTINGS_LABEL, "data", "0x40", settings.origin, settings.length_bytes),
        _partition("coredump", "data", "coredump", dump_offset, _CORE_DUMP_BYTES),
    ]


def _partition(name: str, kind: str, subtype: str, offset: int, size: int) -> dict[str, str]:
    return {"name": name, "type": kind, "subtype": subtype, "offset": f"0x{offset:x}", "size": f"0x{size:x}"}


def _end(region: MemoryRegion) -> int:
    return region.origin + region.length_bytes


def _misfit(board: Board, problem: str) -> BoardError:
    return BoardError(problem, hint="the application's partition begins at 0x10000; mend the regions of the board file", where=f"{board.id}.toml")
