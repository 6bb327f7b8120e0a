"""What holds for every test, whatever ran before it in the same process, and on whatever computer.

Drawn examples are the same in each run, and none is too slow for a busy computer.

``HYPOTHESIS_PROFILE=search pytest tests/wire`` draws others each time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# As `learn.training` sets them, but in time: TensorFlow reads them when it is imported first, which may be by any test.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# What the terminal or a CI service says of itself would colour and break lines; typer reads it when it is imported.
for _name in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TTY_COMPATIBLE", "TERMINAL_WIDTH"):
    os.environ.pop(_name, None)

settings.register_profile("repeatable", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", derandomize=False, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
