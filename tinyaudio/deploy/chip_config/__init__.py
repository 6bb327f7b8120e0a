"""A board's TOML -> the constants of its family's port: clock tree, pins, dividers, numbers of interrupts and DMA requests.

Pure: `port_files` computes everything in Python, where named rules check it, and renders it as C++ constants. The port
itself decides nothing by board. A family without constants has no entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tinyaudio.core.board import Board
from tinyaudio.deploy.chip_config import esp32s3, stm32h7

__all__ = ["check_chip", "port_files"]

_FAMILIES: Mapping[str, Callable[[Board], dict[str, str]]] = {
    "esp32s3": esp32s3.render_port_files,
    "stm32h7": stm32h7.render_port_files,
}


def port_files(board: Board) -> dict[str, str]:
    """Return {path in the firmware project: text} of what the port of `board` is configured with; {} if there is nothing.

    Raises
    ------
    BoardError
        With every violated rule of the chip in one message.
    """
    render = _FAMILIES.get(board.family)
    return {} if render is None else render(board)


def check_chip(board: Board) -> None:
    """Raise unless the chip of `board` can be configured as its file says.

    Raises
    ------
    BoardError
        With every violated rule of the chip in one message.
    """
    port_files(board)
