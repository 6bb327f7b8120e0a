"""Which serial ports hang at USB: the serial port of a board is found by the serial number of its debug probe."""

from __future__ import annotations

from dataclasses import dataclass

from serial.tools import list_ports


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbSerialPort:
    """A serial port at USB, as the system describes it."""

    device: str  # what to open
    serial_number: str  # of the USB device; "" if it has none
    vendor_id: int
    product_id: int
    product: str  # "" if it does not say


def usb_serial_ports() -> tuple[UsbSerialPort, ...]:
    """Return the serial ports at USB, by name. Nothing is opened, so that no right to the ports is needed."""
    ports = [
        UsbSerialPort(device=port.device, serial_number=port.serial_number or "", vendor_id=port.vid, product_id=port.pid, product=port.product or "")
        for port in list_ports.comports()
        if port.vid is not None and port.pid is not None
    ]
    return tuple(sorted(ports, key=lambda port: port.device))
