"""Build a rendered firmware project with PlatformIO, without a network, and say how large it is."""

from __future__ import annotations
