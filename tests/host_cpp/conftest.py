"""The whole firmware of the golden project, compiled for the host with the sanitizers: once, for all who ask it."""

from __future__ import annotations

import pytest

from hil_tests.rigs import Rig, golden_project
from tests.host_cpp.toolchain import sanitized_program
from tinyaudio.core.board import load_board


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    folder = tmp_path_factory.mktemp("sanitized")
    board = load_board("native")
    project = golden_project(board)
    return Rig(depth="virtual", board=board, project=project, elf=sanitized_program(project, folder), port=None, work_dir=folder)
