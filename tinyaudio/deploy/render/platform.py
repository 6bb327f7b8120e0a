"""What PlatformIO is told: platformio.ini, the local platform, and the manifest of the board in it."""

from __future__ import annotations

import json

from tinyaudio.core.artifacts import Placement
from tinyaudio.core.board import Board
from tinyaudio.core.resources import resource_root
from tinyaudio.core.templating import render_template
from tinyaudio.deploy.render.model import ModelParts
from tinyaudio.deploy.render.sources import files_below
from tinyaudio.deploy.tflm import CMSIS_NN, packages

#: Core -> what the compiler is told of the machine.
_MACHINE_FLAGS: dict[str, tuple[str, ...]] = {
    "cortex-m7": ("-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard"),
    "host": (),
}
#: Lets the linker go on in the next section that takes the same input where a memory is full.
_SPILL_FLAG = "-Wl,--enable-non-contiguous-regions"


def platform_files(board: Board, placement: Placement | None = None) -> dict[str, str]:
    """Return the local PlatformIO platform for one board, by path in the project.

    Parameters
    ----------
    board
        Its manifest is the only one of the platform.
    placement
        Where the linker script puts things; None: the board has no linker script, or one of its own.
    """
    folder = f"platforms/{board.platformio.platform}"
    manifest = {
        "name": board.name,
        "vendor": "tinyaudio",  # PlatformIO refuses a manifest without vendor and url
        "url": "https://docs.platformio.org",
        "build": {
            "core": board.core,
            "machine_flags": list(_MACHINE_FLAGS[board.core]),
            "spill_flags": [_SPILL_FLAG] if placement is not None and _spills(board, placement) else [],
        },
        "upload": {"maximum_ram_size": board.budget.ram_bytes, "maximum_size": board.budget.flash_bytes},
    }
    return {
        **files_below(folder, resource_root("firmware") / "platform"),
        f"{folder}/boards/{board.platformio.board}.json": json.dumps(manifest, indent=2) + "\n",
    }


def project_configuration(board: Board, model: ModelParts | None) -> dict[str, str]:
    """Return PlatformIO's configuration, by path in the project; it names the packages that lib/tinyaudio_tflm or tinyaudio_cmsis_nn fetches."""
    context = {
        "packages": packages(model.kernel_library) if model is not None and model.runtime == "tflm" else (),
        "cmsis_nn": CMSIS_NN if model is not None and model.runtime == "aot" and model.kernel_library == "cmsis_nn" else None,
        "board_id": board.id,
        "platform": board.platformio.platform,
        "platformio_board": board.platformio.board,
        "build_flags": [*board.platformio.build_flags, *(model.build_flags if model is not None else ())],
    }
    return {"platformio.ini": render_template("platformio.ini.j2", context)}


def _spills(board: Board, placement: Placement) -> bool:
    hot = placement.item(".hot")
    return hot is not None and hot.region != board.memory.code
