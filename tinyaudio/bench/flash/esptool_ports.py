"""Serial ports behind which a chip of Espressif may be: its own USB port, or a bridge."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tinyaudio.bench.flash.roles import ProbeInfo
from tinyaudio.bench.transport import SerialTransport, UsbSerialPort, usb_serial_ports
from tinyaudio.core.errors import InputError, ProbeError, TransportError

ESPRESSIF_VENDOR_ID = 0x303A
_BRIDGES = frozenset(
    {
        *((0x10C4, product) for product in (0xEA60, 0xEA70, 0xEA71)),  # CP210x
        *((0x1A86, product) for product in (0x7523, 0x55D3, 0x55D4)),  # CH340, CH343, CH9102
        *((0x0403, product) for product in (0x6001, 0x6010, 0x6011, 0x6014, 0x6015)),  # FTDI
    }
)
_APPEARS_SECONDS = 10.0
_POLL_SECONDS = 0.1


def loader_ports(ports: Sequence[UsbSerialPort]) -> tuple[ProbeInfo, ...]:
    """Return those of `ports` that may lead to a chip of Espressif, by name. The serial number of its own port is its MAC."""
    return tuple(
        ProbeInfo(serial_number=port.serial_number or port.device, product=port.product or "serial port", port=port.device)
        for port in ports
        if port.vendor_id == ESPRESSIF_VENDOR_ID or (port.vendor_id, port.product_id) in _BRIDGES
    )


def choose_loader_port(serial_number: str | None, port: str | None, *, name_slots: Callable[[str], Sequence[str]] = lambda _: ()) -> ProbeInfo:
    """Return the port that is meant: `port`, the one with the USB `serial_number`, or the only one there is.

    Raises
    ------
    ProbeError
        If there is none, or several to choose from; the message lists them.
    InputError
        If `port` and `serial_number` name different ports.
    """
    all_ports = usb_serial_ports()
    if port is not None:
        number = next((other.serial_number for other in all_ports if other.device == port), "")
        if serial_number is not None and number and number.lower() != serial_number.lower():
            raise InputError(f"{port} is the port of {number}, not of {serial_number}", hint="leave one of them out", where="--port")
        return ProbeInfo(serial_number=number or port, product="serial port", port=port)
    found = loader_ports(all_ports)
    if serial_number is not None:
        found = tuple(probe for probe in found if probe.serial_number.lower() == serial_number.lower())
    if len(found) == 1:
        return found[0]
    if not found:
        raise ProbeError(
            "no serial port of a chip of Espressif is there" if serial_number is None else f"no serial port has the serial number {serial_number}",
            hint="plug the board in, with a cable that carries data; name any other port with --port",
            where="flash",
        )
    listed = "; ".join(" ".join([probe.describe(), *(f"[slot {name}]" for name in name_slots(probe.serial_number))]) for probe in found)
    raise ProbeError(
        f"{len(found)} serial ports may be the board's: {listed}",
        hint="choose one with --port or --serial-number, or with --slot and bench.toml",
        where="flash",
    )


def uses_usb_of_chip(probe: ProbeInfo) -> bool:
    """Return whether the port is part of the chip: it goes away while the chip is reset."""
    return any(port.device == probe.port and port.vendor_id == ESPRESSIF_VENDOR_ID for port in usb_serial_ports())


def await_port(probe: ProbeInfo, *, seconds: float = _APPEARS_SECONDS) -> str:
    """Return where the port of `probe` is now, waiting for it to come back; USB may give it another name.

    Raises
    ------
    ProbeError
        If it does not come back in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        for port in usb_serial_ports():
            if port.serial_number and port.serial_number == probe.serial_number:
                return port.device
        if "://" in probe.port or Path(probe.port).exists():
            return probe.port
        if time.monotonic() > deadline:
            raise ProbeError(
                f"the port {probe.port} went away and did not come back within {seconds:g} s",
                hint="plug the board in again and run the same command again",
                where=probe.port,
            )
        time.sleep(_POLL_SECONDS)


def require_right_to(port: str) -> None:
    """Raise unless the port is there and may be opened.

    Raises
    ------
    ProbeError
        If not: names the group whose members may, or what else is wrong.
    """
    try:
        SerialTransport(port, baud_rate=115_200).close()
    except TransportError as error:
        raise ProbeError(error.message, hint=error.hint, where=port) from error
