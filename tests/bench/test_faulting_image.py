"""A whole firmware that faults at every start ends in a conversation that tells of it, on the emulated STM32H743."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.deploy.test_render import inputs
from tinyaudio.bench.device import Device
from tinyaudio.bench.emulation import start_virtual
from tinyaudio.core.board import load_board
from tinyaudio.core.errors import DeviceError
from tinyaudio.deploy.build import build_project
from tinyaudio.deploy.render import render_project, write_project
from tinyaudio.wire.messages import Log, LogLevel

BOARD = load_board("stm32h7")
APPLICATION = "lib/tinyaudio_app/src/application.cc"
#: Writes to flash, which is a fault: once before main, and behind that once more.
CONSTRUCTOR = """
[[gnu::constructor, gnu::used]] static void planted() {
    *reinterpret_cast<volatile uint32_t*>(0x08000000) = 1;
    __asm volatile("dsb" ::: "memory");
}
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faulting")
    project = render_project(inputs("stm32h7"))
    head, opening, rest = project.files[APPLICATION].partition("namespace tinyaudio {")
    edited = rest.replace("    settings_mount(", "    planted();\n    settings_mount(")
    assert edited != rest
    project = dataclasses.replace(project, files={**project.files, APPLICATION: head + CONSTRUCTOR + opening + edited})
    write_project(project, folder)
    return Path(build_project(folder, BOARD, project=project).elf)


def test_it_says_hello_and_where_it_faulted(image: Path, tmp_path: Path) -> None:
    log: list[Log] = []
    with (
        start_virtual(BOARD, image, work_dir=tmp_path) as board,
        Device(board.transport, on_log=log.append, silence_seconds=60.0) as device,
        pytest.raises(DeviceError, match=r"faults at every start.*; its log: fault at pc=0x08") as caught,
    ):
        device.connect()
        device.list_settings()
    assert "addr2line" in caught.value.hint
    assert [line.level for line in log] == [LogLevel.ERROR]
