"""What the system knows of ST-LINK probes without opening them: their serial ports carry their serial numbers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from tinyaudio.bench.flash.roles import ProbeInfo
from tinyaudio.bench.transport import UsbSerialPort

_ST_VENDOR_ID = 0x0483
_STLINK_PRODUCT_IDS = frozenset({0x374A, 0x374B, 0x374E, 0x374F, 0x3752, 0x3753, 0x3754, 0x3755, 0x3757})  # V2-1 and V3, those with a serial port


def stlink_ports(ports: Sequence[UsbSerialPort]) -> tuple[UsbSerialPort, ...]:
    """Return the ports that are the serial port of an ST-LINK, and say which one."""
    return tuple(port for port in ports if port.vendor_id == _ST_VENDOR_ID and port.product_id in _STLINK_PRODUCT_IDS and port.serial_number)


def merge_ports(probes: Sequence[ProbeInfo], ports: Sequence[UsbSerialPort]) -> tuple[ProbeInfo, ...]:
    """Return `probes` with their serial ports, and the ST-LINKs that only their serial ports tell of, by serial number.

    A probe with several serial ports (an ST-LINK/V3 may have two) gets the first: it is the one of the board's UART.
    """
    first: dict[str, UsbSerialPort] = {}
    for port in ports:
        first.setdefault(port.serial_number.lower(), port)
    merged = [replace(probe, port=first[key].device) if (key := probe.serial_number.lower()) in first else probe for probe in probes]
    known = {probe.serial_number.lower() for probe in probes}
    for port in stlink_ports(ports):
        if port.serial_number.lower() not in known:
            known.add(port.serial_number.lower())
            merged.append(ProbeInfo(serial_number=port.serial_number, product=port.product or "ST-LINK", port=port.device))
    return tuple(sorted(merged, key=lambda probe: probe.serial_number))


def udev_hint() -> str:
    """Return how to get the right to a probe."""
    if sys.platform != "linux":
        return "check the rights to the USB device"
    return (
        'write SUBSYSTEM=="usb", ATTRS{idVendor}=="0483", TAG+="uaccess" to /etc/udev/rules.d/60-stlink.rules, '
        "run `sudo udevadm control --reload && sudo udevadm trigger`, plug the probe in again"
    )
