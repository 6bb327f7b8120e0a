"""Which memory holds what: a board's memory map and what an image needs become a frozen `Placement`.

The compiler sizes the arena (`deploy.compiler`); here it only gets a place. `deploy.render` writes the linker script from
the plan, `deploy.build` measures what became of it.

Public face
-----------
`plan_placement` and what it is told, `Demand`; `plan_esp_idf` where ESP-IDF links, `unmeasured_arena_bytes` before it, and
`arena_is_in_psram` and `psram_warnings` of its plan.
"""

from __future__ import annotations

from tinyaudio.deploy.placement.demand import Demand, Part
from tinyaudio.deploy.placement.esp_idf import ARENA, arena_is_in_psram, plan_esp_idf, psram_warnings, unmeasured_arena_bytes
from tinyaudio.deploy.placement.planner import plan_placement

__all__ = ["ARENA", "Demand", "Part", "arena_is_in_psram", "plan_esp_idf", "plan_placement", "psram_warnings", "unmeasured_arena_bytes"]
