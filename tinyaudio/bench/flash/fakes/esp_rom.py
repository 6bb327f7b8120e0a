"""What the loader in the ROM of an ESP32-S3 answers, and the one that esptool loads into its RAM; without a line.

Written from Espressif's public description of the serial protocol (esptool documentation, "Serial Protocol"): a request is
direction 0, command, size of the data, checksum, data; a response direction 1, command, size, value, data and status.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

ERASED: Final = 0xFF
SECTOR_BYTES: Final = 4_096
ESP32_S3_CHIP_ID: Final = 9
STUB_GREETING: Final = b"OHAI"

_CHECKSUM_SEED = 0xEF
_ROM_VALUE = 0x2012_0707  # what a ROM answers to a sync: anything but 0
_INVALID_MESSAGE = 0x05  # reasons of a refusal
_FAILED_TO_ACT = 0x06
_INVALID_CHECKSUM = 0x07

_EFUSE_BLOCK_1 = 0x6000_7044
_SPI = 0x6000_2000
_SPI_USR2, _SPI_W0 = _SPI + 0x20, _SPI + 0x58
_SPI_USER_COMMAND = 1 << 18
_READ_FLASH_ID = 0x9F
_WATCHDOG_CONFIG = 0x6000_8098
_WATCHDOG_ENABLE = 1 << 31
_PSRAM_CODES = {0: 0, 8_192: 1, 2_048: 2, 16_384: 3, 4_096: 4}  # KiB -> PSRAM_CAP of the efuses


@dataclass(kw_only=True)
class EspChip:
    """A chip with its flash, as it lies on the desk."""

    chip_id: int = ESP32_S3_CHIP_ID  # 5: an ESP32-C3
    mac: str = "7cdfa1e0c0de"
    flash_kib: int = 8_192
    psram_kib: int = 0
    takes_stub: bool = True
    flips_a_bit_at: int | None = None  # address in flash that does not keep what is written
    flash: bytearray = field(default_factory=bytearray)
    resets: int = 0

    def __post_init__(self) -> None:
        self.flash = self.flash or bytearray([ERASED]) * (self.flash_kib * 1_024)


class RefusedError(Exception):
    """A request that the loader refuses; carries the reason."""

    def __init__(self, reason: int) -> None:
        super().__init__(reason)
        self.reason = reason


class EspLoader:
    """One session of a loader with its host, from a reset to the next."""

    def __init__(self, chip: EspChip) -> None:
        self.chip = chip
        self.is_stub = False
        self.baud_rate = 0  # commanded; 0: as the host's first sync had it
        self.written_bytes = 0
        self._registers = self._efuses()
        self._address = 0
        self._end = 0
        self._inflate: zlib._Decompress | None = None
        self._commands: dict[int, Callable[[bytes, int], tuple[int, bytes]]] = {
            0x02: self._flash_begin,
            0x03: self._flash_data,
            0x04: self._flash_end,
            0x05: self._memory_begin,
            0x06: self._memory_end,
            0x07: self._memory_data,
            0x08: self._sync,
            0x09: self._write_register,
            0x0A: self._read_register,
            0x0B: self._nothing,  # SPI parameters
            0x0D: self._nothing,  # attach the flash
            0x0F: self._change_baud_rate,
            0x10: self._deflate_begin,
            0x11: self._deflate_data,
            0x12: self._flash_end,
            0x13: self._md5,
            0x14: self._security_info,
        }

    def answer(self, packet: bytes) -> list[bytes]:
        """Return the packets that answer `packet`, nothing to what is no request."""
        if len(packet) < 8 or packet[0] != 0:
            return []
        _, command, size, checksum = struct.unpack("<BBHI", packet[:8])
        handler = self._commands.get(command)
        was_stub = self.is_stub
        try:
            if handler is None or len(packet) - 8 != size:
                raise RefusedError(_INVALID_MESSAGE)
            value, data = handler(packet[8:], checksum)
            status = bytes(2 if was_stub else 4)
        except RefusedError as error:
            value, data = 0, b""
            status = bytes([1, error.reason]) + (b"" if was_stub else bytes(2))
        reply = struct.pack("<BBHI", 1, command, len(data) + len(status), value) + data + status
        if command == 0x08:
            return [reply] * 8
        return [reply, STUB_GREETING] if self.is_stub and not was_stub else [reply]

    def _efuses(self) -> dict[int, int]:
        chip = self.chip
        mac = bytes.fromhex(chip.mac)
        psram = _PSRAM_CODES[chip.psram_kib]
        return {
            _EFUSE_BLOCK_1: int.from_bytes(mac[2:], "big"),
            _EFUSE_BLOCK_1 + 4: int.from_bytes(mac[:2], "big"),
            _EFUSE_BLOCK_1 + 12: 2 << 18,  # revision v0.2
            _EFUSE_BLOCK_1 + 16: (psram & 3) << 3,
            _EFUSE_BLOCK_1 + 20: (psram >> 2) << 19,
        }

    def _sync(self, data: bytes, _: int) -> tuple[int, bytes]:
        if data != b"\x07\x07\x12\x20" + 32 * b"\x55":
            raise RefusedError(_INVALID_MESSAGE)
        return (0 if self.is_stub else _ROM_VALUE), b""

    def _security_info(self, _: bytes, __: int) -> tuple[int, bytes]:
        return 0, struct.pack("<IB7xII", 0, 0, self.chip.chip_id, 0)

    def _read_register(self, data: bytes, _: int) -> tuple[int, bytes]:
        (address,) = struct.unpack("<I", data[:4])
        return self._registers.get(address, 0), b""

    def _write_register(self, data: bytes, _: int) -> tuple[int, bytes]:
        address, value, mask, _delay = struct.unpack("<IIII", data[:16])
        self._registers[address] = (self._registers.get(address, 0) & ~mask) | (value & mask)
        if address == _SPI and value & _SPI_USER_COMMAND:
            is_id = self._registers.get(_SPI_USR2, 0) & 0xFF == _READ_FLASH_ID
            size_code = (self.chip.flash_kib * 1_024).bit_length() - 1
            self._registers[_SPI_W0] = (size_code << 16) | 0x40EF if is_id else 0
            self._registers[_SPI] = 0
        if address == _WATCHDOG_CONFIG and value & _WATCHDOG_ENABLE:
            self.chip.resets += 1
        return 0, b""

    def _memory_begin(self, _: bytes, __: int) -> tuple[int, bytes]:
        if not self.chip.takes_stub:
            raise RefusedError(_FAILED_TO_ACT)
        return 0, b""

    def _memory_data(self, data: bytes, checksum: int) -> tuple[int, bytes]:
        _checked(data, checksum)
        return 0, b""

    def _memory_end(self, data: bytes, _: int) -> tuple[int, bytes]:
        stays, _entry = struct.unpack("<II", data)
        self.is_stub = not stays
        return 0, b""

    def _change_baud_rate(self, data: bytes, _: int) -> tuple[int, bytes]:
        self.baud_rate = struct.unpack("<II", data)[0]
        return 0, b""

    def _flash_begin(self, data: bytes, _: int) -> tuple[int, bytes]:
        size, _blocks, _block_bytes, offset = struct.unpack("<IIII", data[:16])
        self._inflate = None
        self._erase(offset, size)
        return 0, b""

    def _deflate_begin(self, data: bytes, _: int) -> tuple[int, bytes]:
        size, _blocks, _block_bytes, offset = struct.unpack("<IIII", data[:16])
        self._inflate = zlib.decompressobj()
        self._erase(offset, size)
        return 0, b""

    def _erase(self, offset: int, size: int) -> None:
        if offset % SECTOR_BYTES or offset + size > len(self.chip.flash):
            raise RefusedError(_FAILED_TO_ACT)
        erased = size + -size % SECTOR_BYTES
        self.chip.flash[offset : offset + erased] = bytes([ERASED]) * erased
        self._address, self._end = offset, offset + size

    def _flash_data(self, data: bytes, checksum: int) -> tuple[int, bytes]:
        self._program(_checked(data, checksum))
        return 0, b""

    def _deflate_data(self, data: bytes, checksum: int) -> tuple[int, bytes]:
        if self._inflate is None:
            raise RefusedError(_FAILED_TO_ACT)
        try:
            self._program(self._inflate.decompress(_checked(data, checksum)))
        except zlib.error as error:
            raise RefusedError(_FAILED_TO_ACT) from error
        return 0, b""

    def _program(self, data: bytes) -> None:
        """Write `data` where the last write ended; bits only go from 1 to 0."""
        taken = data[: len(self.chip.flash) - self._address]
        held = self.chip.flash[self._address : self._address + len(taken)]
        self.chip.flash[self._address : self._address + len(taken)] = bytes(old & new for old, new in zip(held, taken, strict=True))
        wrong = self.chip.flips_a_bit_at
        if wrong is not None and self._address <= wrong < self._address + len(taken):
            self.chip.flash[wrong] ^= 1
        self._address += len(taken)
        self.written_bytes += len(taken)

    def _flash_end(self, data: bytes, _: int) -> tuple[int, bytes]:
        (stays,) = struct.unpack("<I", data[:4])
        if not stays:
            self.chip.resets += 1
        return 0, b""

    def _md5(self, data: bytes, _: int) -> tuple[int, bytes]:
        address, size, _zero, _nil = struct.unpack("<IIII", data)
        digest = hashlib.md5(self.chip.flash[address : address + size], usedforsecurity=False)
        return 0, digest.digest() if self.is_stub else digest.hexdigest().encode()

    def _nothing(self, _: bytes, __: int) -> tuple[int, bytes]:
        return 0, b""


def _checked(data: bytes, checksum: int) -> bytes:
    """Return the payload of a request that carries a block; refuse it unless size and checksum are right."""
    size = struct.unpack("<I", data[:4])[0]
    payload = data[16:]
    state = _CHECKSUM_SEED
    for byte in payload:
        state ^= byte
    if size != len(payload) or state != checksum:
        raise RefusedError(_INVALID_CHECKSUM)
    return payload
