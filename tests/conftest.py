"""What holds for every test: drawn examples are the same in each run, and none is too slow for a busy computer.

``HYPOTHESIS_PROFILE=search pytest tests/wire`` draws others each time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_IN_NO_HURRY = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

settings.register_profile("repeatable", derandomize=True, database=None, **_IN_NO_HURRY)
settings.register_profile("search", derandomize=False, **_IN_NO_HURRY)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
