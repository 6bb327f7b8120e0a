"""How much code a model needs, in an image that holds it alone."""

from __future__ import annotations

import re
from pathlib import Path

from tinyaudio.core.artifacts import BuildArtifact
from tinyaudio.deploy.build.map_file import read_map_file

_CODE_SECTIONS = frozenset({".hot", ".hot_rest", ".tables", ".text", ".ARM.exidx"})
_WEIGHTS_FILE = "model_weights.o"
#: The link to the host and the board's drivers: no part of what a model needs.
_CONVERSATION = re.compile(r"tinyaudio_(wire|app)\b|(^|/)src/port/")


def model_code_bytes(artifact: BuildArtifact) -> int | None:
    """Return .text and .rodata of kernels, generated code and C library; None if the linker wrote no map.

    Weights, biases and requantization are not part of it, nor is what only talks to the host.
    """
    if "map" not in artifact.files:
        return None
    parts = read_map_file(Path(artifact.files["map"].path))
    return sum(
        part.bytes for part in parts if part.section in _CODE_SECTIONS and part.file_name != _WEIGHTS_FILE and not _CONVERSATION.search(part.file)
    )
