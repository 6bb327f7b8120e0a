"""Outside programs: find them, run them, describe them. Nothing else in tinyaudio starts a process.

Public face
-----------
`find_tool`, `run_tool` and `start_tool` (programs), `describe_tools` (what ``tinyaudio doctor`` tells),
`cache_dir`, `platformio_core_dir` and `cmsis_dsp_dir` (where prepared things lie).
"""

from __future__ import annotations

from tinyaudio.core.tools.cache import cache_dir, cmsis_dsp_dir, platformio_core_dir
from tinyaudio.core.tools.knowledge import Tool, ToolReport, describe_tools, find_tool, how_to_get
from tinyaudio.core.tools.processes import Completed, ToolProcess, run_tool, start_tool

__all__ = [
    "Completed",
    "Tool",
    "ToolProcess",
    "ToolReport",
    "cache_dir",
    "cmsis_dsp_dir",
    "describe_tools",
    "find_tool",
    "how_to_get",
    "platformio_core_dir",
    "run_tool",
    "start_tool",
]
