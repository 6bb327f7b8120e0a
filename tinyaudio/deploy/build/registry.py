"""Is PlatformIO's registry within reach? Asked before PlatformIO is, which keeps trying for a minute before it says no."""

from __future__ import annotations

import queue
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence

_SECONDS = 6.0  # for an answer, name resolution included: nothing in the standard library bounds that
_PATH = "/v3/packages/platformio/platform/espressif32"


def registry_hosts() -> tuple[str, ...]:
    """Return the hosts that PlatformIO itself would ask, the preferred one first."""
    from platformio import __registry_mirror_hosts__

    return tuple(__registry_mirror_hosts__)


def registry_refusal(*, seconds: float = _SECONDS, addresses: Sequence[str] | None = None) -> str:
    """Return why the registry cannot be reached, "" if it can. Proxies are those of the environment.

    Parameters
    ----------
    seconds
        It never takes longer, whatever the network does.
    addresses
        To ask, all at once; None: those of PlatformIO's registry and its mirrors.
    """
    answers: queue.Queue[str] = queue.Queue()
    asked = [f"https://api.{host}{_PATH}" for host in registry_hosts()] if addresses is None else addresses
    for address in asked:
        threading.Thread(target=_ask, args=(address, seconds, answers), daemon=True).start()
    deadline = time.monotonic() + seconds
    refusals = []
    for _ in asked:
        try:
            refusal = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return f"no answer within {seconds:g} s"
        if not refusal:
            return ""
        refusals.append(refusal)
    return refusals[0] if refusals else "PlatformIO names no registry"


def _ask(address: str, seconds: float, answers: queue.Queue[str]) -> None:
    host = urllib.parse.urlsplit(address).netloc
    try:
        with urllib.request.urlopen(address, timeout=seconds):
            answers.put("")
    except urllib.error.HTTPError as error:
        answers.put(f"{host} answers {error.code} {error.reason}")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None)
        answers.put(f"{host}: {reason if reason is not None else error}")
