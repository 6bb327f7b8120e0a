"""A desk with probes and chips: flash with sectors, flash words and their ECC, and faults to order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tinyaudio.bench.transport import UsbSerialPort
from tinyaudio.core.board import Probe as ProbeTable

_ST_VENDOR_ID = 0x0483
_STLINK_V3_PRODUCT_ID = 0x374E
_ERASED = 0xFF


class UnpluggedError(Exception):
    """The probe is not at the computer any more."""


class NoAnswerError(Exception):
    """The chip does not answer this way of connecting."""


class MemoryFaultError(Exception):
    """Nothing answers at an address, or what lies there has a wrong ECC.

    Attributes
    ----------
    address
        Where.
    """

    def __init__(self, address: int) -> None:
        super().__init__(f"fault at 0x{address:08x}")
        self.address = address


class FlashFaultError(Exception):
    """The flash controller refused.

    Attributes
    ----------
    address
        Where.
    """

    def __init__(self, address: int) -> None:
        super().__init__(f"flash controller refuses at 0x{address:08x}")
        self.address = address


@dataclass(kw_only=True)
class FakeChip:
    """A chip behind a debug port.

    Parameters
    ----------
    table
        Where its identity registers lie, and, unless said otherwise, what they hold.
    """

    table: ProbeTable
    device_id: int = -1  # -1: that of the table
    flash_size_kib: int = -1
    revision_id: int = 0x2003  # revision V of an STM32H743
    unique_id: bytes = bytes(range(0x31, 0x3D))
    flash_origin: int = 0x0800_0000
    sector_bytes: int = 131_072
    word_bytes: int = 32  # of flash, with one ECC; programmed once after an erase
    needs_reset: bool = False  # asleep: answers only to those who connect under reset
    fastest_clock_hz: int = 24_000_000  # a longer cable stands no more
    protected: bool = False  # programming fails until all of the flash is erased
    flips_bits: int = 0  # of how many more programming operations one bit goes wrong
    halted: bool = False
    resets: int = 0
    flash: bytearray = field(init=False)
    torn_words: set[int] = field(init=False, default_factory=set)  # addresses of words that were not programmed to their end

    def __post_init__(self) -> None:
        if self.device_id < 0:
            self.device_id = self.table.device_id
        if self.flash_size_kib < 0:
            self.flash_size_kib = self.table.flash_size_kib
        self.flash = bytearray([_ERASED]) * (self.flash_size_kib * 1_024)

    def answers(self, *, under_reset: bool, clock_hz: int) -> bool:
        """Whether it can be connected to like this."""
        return clock_hz <= self.fastest_clock_hz and (under_reset or not self.needs_reset)

    def reset(self, *, halt: bool) -> None:
        """Reset it."""
        self.resets += 1
        self.halted = halt

    def read(self, address: int, count: int) -> bytes:
        """Return `count` bytes of its memory."""
        if self._in_flash(address, count):
            first_word = address - address % self.word_bytes
            for word in range(first_word, address + count, self.word_bytes):
                if word in self.torn_words:
                    raise MemoryFaultError(word)
            offset = address - self.flash_origin
            return bytes(self.flash[offset : offset + count])
        for start, value in self._registers():
            if start <= address and address + count <= start + len(value):
                return value[address - start :][:count]
        raise MemoryFaultError(address)

    def erase_sector(self, address: int) -> None:
        """Erase the sector that holds `address`."""
        if self.protected or not self._in_flash(address, 1):
            raise FlashFaultError(address)
        start = address - (address - self.flash_origin) % self.sector_bytes
        offset = start - self.flash_origin
        self.flash[offset : offset + self.sector_bytes] = bytes([_ERASED]) * self.sector_bytes
        self.torn_words -= set(range(start, start + self.sector_bytes, self.word_bytes))

    def erase_all(self) -> None:
        """Erase all sectors; lifts the protection."""
        self.protected = False
        for address in range(self.flash_origin, self.flash_origin + len(self.flash), self.sector_bytes):
            self.erase_sector(address)

    def program_word(self, address: int, data: bytes) -> None:
        """Program one flash word, which must be erased."""
        offset = address - self.flash_origin
        held = self.flash[offset : offset + self.word_bytes]
        aligned = address % self.word_bytes == 0 and len(data) == self.word_bytes and self._in_flash(address, len(data))
        if self.protected or not aligned or set(held) != {_ERASED} or not self.halted:
            raise FlashFaultError(address)
        programmed = bytearray(data)
        if self.flips_bits:
            self.flips_bits -= 1
            programmed[5] ^= 0x10
        self.flash[offset : offset + self.word_bytes] = programmed

    def tear_word(self, address: int) -> None:
        """Leave the word at `address` half programmed, as a lost supply does."""
        self.torn_words.add(address)

    def _in_flash(self, address: int, count: int) -> bool:
        return self.flash_origin <= address and address + count <= self.flash_origin + len(self.flash)

    def _registers(self) -> tuple[tuple[int, bytes], ...]:
        size_address = self.table.flash_size_address - self.table.flash_size_address % 4
        return (
            (self.table.idcode_address, (self.revision_id << 16 | 0x6000 | self.device_id).to_bytes(4, "little")),
            (size_address, self.flash_size_kib.to_bytes(2, "little").rjust(self.table.flash_size_address % 4 + 2, b"\xff").ljust(4, b"\xff")),
            (self.table.unique_id_address, self.unique_id),
        )


@dataclass(kw_only=True)
class FakeProbe:
    """A debug probe with a chip at it."""

    serial_number: str
    chip: FakeChip
    product: str = "STLINK-V3"
    board_name: str = "NUCLEO-H743ZI2"  # of the board it is part of; "": it is a probe on its own
    board_mcu: str = "stm32h743zitx"
    port: str = ""  # its serial port; "": it has none
    plugged: bool = True
    in_use: bool = False  # by another program
    denied: bool = False  # the user has no right to it
    pulled_after_bytes: int | None = None  # the cable comes out when so many bytes have been programmed

    def require_plugged(self) -> None:
        """Raise if the cable is out."""
        if not self.plugged:
            raise UnpluggedError

    def connect(self, *, under_reset: bool, clock_hz: int) -> None:
        """Connect to the chip."""
        self.require_plugged()
        if not self.chip.answers(under_reset=under_reset, clock_hz=clock_hz):
            raise NoAnswerError
        if under_reset:
            self.chip.reset(halt=True)

    def read(self, address: int, count: int) -> bytes:
        """Return memory of the chip."""
        self.require_plugged()
        return self.chip.read(address, count)

    def erase_sectors(self, address: int, length_bytes: int) -> None:
        """Erase the sectors that hold any of these bytes."""
        sector_bytes = self.chip.sector_bytes
        for sector in range(address - address % sector_bytes, address + length_bytes, sector_bytes):
            self.require_plugged()
            self.chip.erase_sector(sector)

    def program(self, address: int, data: bytes) -> None:
        """Program whole flash words; the cable may come out in the middle of one."""
        word_bytes = self.chip.word_bytes
        for offset in range(0, len(data), word_bytes):
            self.require_plugged()
            if self.pulled_after_bytes is not None and self.pulled_after_bytes < word_bytes:
                self.plugged, self.pulled_after_bytes = False, None
                self.chip.tear_word(address + offset)
                raise UnpluggedError
            self.chip.program_word(address + offset, data[offset : offset + word_bytes])
            if self.pulled_after_bytes is not None:
                self.pulled_after_bytes -= word_bytes


@dataclass(kw_only=True)
class FakeDesk:
    """What is plugged in."""

    probes: Sequence[FakeProbe]

    def plugged(self) -> list[FakeProbe]:
        """Return the probes that are."""
        return [probe for probe in self.probes if probe.plugged]

    def serial_ports(self) -> tuple[UsbSerialPort, ...]:
        """Return their serial ports, as `tinyaudio.bench.transport.usb_serial_ports` does."""
        return tuple(
            UsbSerialPort(
                device=probe.port,
                serial_number=probe.serial_number,
                vendor_id=_ST_VENDOR_ID,
                product_id=_STLINK_V3_PRODUCT_ID,
                product=probe.product,
            )
            for probe in self.plugged()
            if probe.port
        )
