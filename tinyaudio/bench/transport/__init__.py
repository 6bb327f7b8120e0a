"""Move bytes to a device and back: a serial port, FIFOs, a child process, or a fake in memory.

A transport neither frames nor checks; losing, damaging or repeating bytes is allowed to it. When it cannot move any at
all it raises `tinyaudio.core.errors.TransportError`.
"""

from __future__ import annotations

from tinyaudio.bench.transport.base import Deadline, Transport
from tinyaudio.bench.transport.descriptors import DescriptorTransport
from tinyaudio.bench.transport.faulty import FaultRates, FaultyTransport
from tinyaudio.bench.transport.fifo import FifoTransport
from tinyaudio.bench.transport.loopback import BytePeer, LoopbackTransport
from tinyaudio.bench.transport.process import ProcessTransport
from tinyaudio.bench.transport.serial_port import SerialTransport
from tinyaudio.bench.transport.usb_ports import UsbSerialPort, usb_serial_ports

__all__ = [
    "BytePeer",
    "Deadline",
    "DescriptorTransport",
    "FaultRates",
    "FaultyTransport",
    "FifoTransport",
    "LoopbackTransport",
    "ProcessTransport",
    "SerialTransport",
    "Transport",
    "UsbSerialPort",
    "usb_serial_ports",
]
