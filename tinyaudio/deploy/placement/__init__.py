"""Which memory holds what: a board's memory map and what an image needs become a frozen `Placement`.

The compiler sizes the arena (`deploy.compiler`); here it only gets a place. `deploy.render` writes the linker script from
the plan, `deploy.build` measures what became of it.

Public face
-----------
`plan_placement` and what it is told, `Demand`.
"""

from __future__ import annotations

from tinyaudio.deploy.placement.demand import Demand, Part
from tinyaudio.deploy.placement.planner import plan_placement

__all__ = ["Demand", "Part", "plan_placement"]
