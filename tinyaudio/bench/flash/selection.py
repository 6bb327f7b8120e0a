"""Which programmer, and which of the probes that are plugged in: never a guess."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from tinyaudio.bench.flash.roles import ProbeInfo, Programmer
from tinyaudio.core.bench_file import SERIAL_NUMBER
from tinyaudio.core.errors import InputError, ProbeError, ToolError


def choose_programmer(programmers: Mapping[str, Programmer], wanted: str | None, *, on_note: Callable[[str], None]) -> Programmer:
    """Return the programmer `wanted`, or the first one that can be used here.

    Raises
    ------
    InputError
        If there is none of that name.
    ToolError
        If it, or without `wanted` any, cannot be used.
    """
    if wanted is not None:
        if wanted not in programmers:
            raise InputError(f"there is no programmer {wanted!r}", hint=f"programmers: {', '.join(programmers)}", where="--programmer")
        return programmers[wanted]
    refusals: list[ToolError] = []
    for programmer in programmers.values():
        try:
            programmer.probes()
        except ToolError as error:
            refusals.append(error)
            on_note(f"{programmer.name} cannot be used: {error}")
        except ProbeError:
            return programmer  # it can be used; what is wrong with the probes is said when they are asked for
        else:
            return programmer
    raise ToolError(
        f"no programmer can be used: {'; '.join(map(str, refusals))}", hint=" or ".join(error.hint for error in refusals if error.hint), where="flash"
    )


def choose_probe(programmer: Programmer, serial_number: str | None, *, name_slots: Callable[[str], Sequence[str]] = lambda _: ()) -> ProbeInfo:
    """Return the probe `serial_number`, or the only one there is.

    Parameters
    ----------
    programmer
        Whose probes.
    serial_number
        The whole serial number; upper and lower case are the same. None: there must be exactly one probe.
    name_slots
        Returns the slots of ``bench.toml`` that hold a probe, for the list of candidates.

    Raises
    ------
    InputError
        If it is no serial number.
    ProbeError
        If there is no such probe, none at all, or several to choose from; the message lists those there are.
    ToolError
        If the programmer cannot be used.
    """
    if serial_number is not None and not re.fullmatch(SERIAL_NUMBER, serial_number):
        raise InputError(f"{serial_number!r} is no serial number", hint="letters, digits and _.:- only", where="--serial-number")
    probes = programmer.probes()
    if serial_number is not None:
        found = next((probe for probe in probes if probe.serial_number.lower() == serial_number.lower()), None)
        if found is not None:
            return found
        if not programmer.can_list_every_probe():
            return ProbeInfo(serial_number=serial_number, product="not listed by the system")
        raise ProbeError(
            f"the debug probe {serial_number} is not plugged in",
            hint=f"probes that are: {_listed(probes, name_slots) or 'none'}",
            where="--serial-number",
        )
    if not probes:
        raise no_probe(programmer)
    if len(probes) > 1:
        raise ProbeError(
            f"{len(probes)} debug probes are plugged in: {_listed(probes, name_slots)}",
            hint="choose one with --serial-number, or with --slot and bench.toml",
            where="flash",
        )
    return probes[0]


def no_probe(programmer: Programmer) -> ProbeError:
    """Return the error for no probe at all."""
    if programmer.can_list_every_probe():
        return ProbeError(
            "no debug probe is plugged in", hint="plug the board in at the USB socket of its ST-LINK, with a cable that carries data", where="flash"
        )
    return ProbeError(
        f"{programmer.name} sees no debug probe with a serial port",
        hint="plug the board in at the USB socket of its ST-LINK; name a probe without a serial port with --serial-number",
        where="flash",
    )


def _listed(probes: Sequence[ProbeInfo], name_slots: Callable[[str], Sequence[str]]) -> str:
    return "; ".join(" ".join([probe.describe(), *(f"[slot {name}]" for name in name_slots(probe.serial_number))]) for probe in probes)
