"""The flash controller (RM0433, 4): keys, erase, programming in words of 256 bits, error flags, busy times, power loss.

Only the settings sectors can be erased and programmed; the image's sectors cannot, and trying stops the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from tinyaudio.bench.emulation.stm32h743.bus import Peripheral
from tinyaudio.bench.emulation.stm32h743.engine import Engine
from tinyaudio.bench.emulation.stm32h743.exceptions import Exceptions
from tinyaudio.bench.emulation.stm32h743.flash_store import WORD_BYTES, FlashStore
from tinyaudio.bench.emulation.stm32h743.memory import Memories, Region
from tinyaudio.bench.emulation.stm32h743.problems import MisuseError, PowerLostError, UnmodelledError
from tinyaudio.bench.emulation.stm32h743.timeline import Timeline

_ACR, _KEYR, _OPTKEYR, _CR, _SR, _CCR, _OPTCR, _ECC_FAR = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x60
_BANK_STRIDE = 0x100
_BANK_BYTES, _SECTOR_BYTES, _BASE = 0x10_0000, 0x2_0000, 0x0800_0000
_LOCK, _PG, _SER, _BER, _FW, _START, _EOPIE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 6, 1 << 7, 1 << 16
_CR_RESET, _ACR_RESET = 0x31, 0x37
_BSY, _WBNE, _QW, _EOP, _PGSERR, _INCERR, _DBECCERR = 1 << 0, 1 << 1, 1 << 2, 1 << 16, 1 << 18, 1 << 21, 1 << 26
_KEYS = (0x4567_0123, 0xCDEF_89AB)
_INTERRUPT = 4
#: Typical microseconds to program a word, and to erase a sector of 128 KB, by PSIZE (DS12110, flash memory programming).
_PROGRAM_US = (290, 180, 130, 100)
_ERASE_US = (2_000_000, 1_800_000, 1_100_000, 1_000_000)
_PICOSECONDS_PER_MICROSECOND = 1_000_000


class BusFaultError(Exception):
    """The access of the current instruction ends in a bus fault at `address`."""

    def __init__(self, address: int) -> None:
        super().__init__(f"bus fault at 0x{address:08x}")
        self.address = address


class _Bank:
    """The registers of one of the two banks."""

    def __init__(self) -> None:
        self.control = _CR_RESET
        self.status = 0
        self.keys_seen = 0  # 0, 1; 2: locked until the next reset
        self.error_address = 0
        self.buffer = bytearray(b"\xff" * WORD_BYTES)
        self.buffer_address: int | None = None
        self.buffer_filled = 0  # a bit a byte
        self.done: Callable[[], None] | None = None  # what the running operation does at its end


class Flash(Peripheral):
    """The controller, and the settings sectors as the core sees them.

    Parameters
    ----------
    settings
        The memory of the settings sectors; ``None`` if the board has none.
    store
        What is in them.
    power_loss_at
        The power goes during this erase or programming, counted from 1; ``None``: never.
    ignores_bus_faults
        Whether the core reads on over a bus fault at this moment (CCR.BFHFNMIGN in a handler of high priority).
    """

    name = "FLASH"
    origin = 0x5200_2000
    reset_values: ClassVar[Mapping[int, int]] = {
        _ACR: _ACR_RESET, _OPTCR: 1, 0x1C: 0x1BC6_AAD0, 0x20: 0x1BC6_AAD0, 0x24: 0, 0x28: 0xFF, 0x2C: 0xFF, 0x30: 0, 0x34: 0,
        0x38: 0xFF, 0x3C: 0xFF, 0x40: 0x1FF0_0800, 0x44: 0x1FF0_0800, 0x5C: 0,
    }  # fmt: skip

    def __init__(
        self,
        engine: Engine,
        timeline: Timeline,
        exceptions: Exceptions,
        memories: Memories,
        *,
        settings: Region | None,
        store: FlashStore | None,
        power_loss_at: int | None,
        ignores_bus_faults: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._engine = engine
        self._timeline = timeline
        self._exceptions = exceptions
        self._memories = memories
        self._settings = settings
        self._store = store
        self._power_loss_at = power_loss_at
        self._ignores_bus_faults = ignores_bus_faults
        self._alarms = [timeline.new_alarm(lambda: self._finish(0)), timeline.new_alarm(lambda: self._finish(1))]
        self._banks = (_Bank(), _Bank())
        self._guarded = False  # the sectors answer access by access, not as plain memory
        self.steps = 0

    def reset(self) -> None:
        """As after a system reset."""
        super().reset()
        for index, alarm in enumerate(self._alarms):
            if self._banks[index].done is not None:
                self._finish(index)  # the chip finishes what it has begun
            self._timeline.set(alarm, None)
        self._banks = (_Bank(), _Bank())
        self.arrange()

    def wait_states(self) -> int:
        """Return ACR.LATENCY."""
        return self.registers[_ACR] & 0xF

    # -- the sectors as memory -----------------------------------------------------------------------------------

    def arrange(self) -> None:
        """Let the sectors answer access by access while they may be written or cannot be read everywhere. Not within an access."""
        if self._settings is None or self._store is None:
            return
        wanted = self._store.has_broken_words or any(bank.control & _PG for bank in self._banks)
        if wanted == self._guarded:
            return
        uc, region = self._engine.uc, self._settings
        uc.mem_unmap(region.origin, len(region.content))
        if wanted:
            self._engine.map_device(region.origin, len(region.content), self._read_sector, self._write_sector, exact=False)
        else:
            self._memories.map(region)
        self._guarded = wanted

    @property
    def is_guarded(self) -> bool:
        """Whether the sectors answer access by access."""
        return self._guarded

    def wants_write(self, address: int) -> bool:
        """Whether a write to `address` is for the controller, once the sectors answer access by access."""
        if self._settings is None or not self._settings.origin <= address < self._settings.end:
            return False
        return bool(self._banks[_bank_of(address)].control & _PG) and not self._guarded

    def _read_sector(self, offset: int, size: int) -> int:
        assert self._settings is not None and self._store is not None
        if self._store.is_broken(offset):
            bank = self._banks[_bank_of(self._settings.origin + offset)]
            bank.status |= _DBECCERR
            bank.error_address = (self._settings.origin + offset) % _BANK_BYTES // WORD_BYTES
            if not self._ignores_bus_faults():
                raise BusFaultError(self._settings.origin + offset)
        return int.from_bytes(self._settings.content[offset : offset + size].tobytes(), "little")

    def _write_sector(self, offset: int, size: int, value: int) -> None:
        assert self._settings is not None
        address = self._settings.origin + offset
        index = _bank_of(address)
        bank = self._banks[index]
        if not bank.control & _PG:
            bank.status |= _PGSERR
            return
        word = address & ~(WORD_BYTES - 1)
        if bank.buffer_address not in (None, word):
            bank.status |= _INCERR
            raise MisuseError(f"0x{address:08x} is written while the flash word at 0x{bank.buffer_address:08x} is incomplete")
        inner = address - word
        bank.buffer_address = word
        bank.buffer[inner : inner + size] = value.to_bytes(size, "little")
        bank.buffer_filled |= ((1 << size) - 1) << inner
        bank.status |= _WBNE
        if bank.buffer_filled == (1 << WORD_BYTES) - 1:
            self._begin_program(index)

    # -- operations ----------------------------------------------------------------------------------------------

    def _begin_program(self, index: int) -> None:
        assert self._settings is not None and self._store is not None
        bank, store = self._banks[index], self._store
        assert bank.buffer_address is not None
        offset, word = bank.buffer_address - self._settings.origin, bytes(bank.buffer)
        bank.buffer[:] = b"\xff" * WORD_BYTES
        bank.buffer_address = None
        bank.buffer_filled = 0
        bank.status &= ~_WBNE
        if self._is_power_lost():
            store.cut_program(offset, word)
            raise PowerLostError(f"power lost at flash step {self.steps}: programming 0x{self._settings.origin + offset:08x}")
        self._begin(index, _PROGRAM_US[bank.control >> 4 & 3], lambda: store.program(offset, word))

    def _begin_erase(self, index: int) -> None:
        bank = self._banks[index]
        address = _BASE + index * _BANK_BYTES + (bank.control >> 8 & 7) * _SECTOR_BYTES
        region, store = self._settings, self._store
        if region is None or store is None or not region.origin <= address < region.end:
            raise UnmodelledError(f"the flash sector at 0x{address:08x} is erased; only the settings sectors are modelled")
        sector = (address - region.origin) // _SECTOR_BYTES
        if self._is_power_lost():
            store.cut_erase(sector)
            raise PowerLostError(f"power lost at flash step {self.steps}: erasing the sector at 0x{address:08x}")
        self._begin(index, _ERASE_US[bank.control >> 4 & 3], lambda: store.erase(sector))

    def _is_power_lost(self) -> bool:
        self.steps += 1
        return self.steps == self._power_loss_at

    def _begin(self, index: int, microseconds: int, done: Callable[[], None]) -> None:
        bank, alarm = self._banks[index], self._alarms[index]
        begin_ps = self._timeline.now_ps()
        if bank.done is not None:  # the chip queues one operation behind the running one
            begin_ps = alarm.at_ps or begin_ps
            bank.done()
        bank.done = done
        bank.status |= _BSY | _QW
        self._timeline.set(alarm, begin_ps + microseconds * _PICOSECONDS_PER_MICROSECOND)

    def _finish(self, index: int) -> None:
        bank = self._banks[index]
        if bank.done is not None:
            bank.done()
            bank.done = None
        bank.status &= ~(_BSY | _QW)
        bank.control &= ~_START
        if bank.control & _EOPIE:
            bank.status |= _EOP
        self._update_line()

    # -- registers -----------------------------------------------------------------------------------------------

    def _locate(self, offset: int) -> tuple[int, int]:
        """Return bank index and the offset within the bank's registers; those of both banks are bank 1's."""
        return (1, offset - _BANK_STRIDE) if offset >= _BANK_STRIDE else (0, offset)

    def read_register(self, offset: int) -> int:
        """Return the register at `offset`."""
        index, inner = self._locate(offset)
        bank = self._banks[index]
        if inner in (_KEYR, _OPTKEYR, _CCR):
            return 0
        if inner == _CR:
            return bank.control
        if inner == _SR:
            return bank.status
        if inner == _ECC_FAR:
            return bank.error_address
        return super().read_register(inner)

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at `offset`."""
        index, inner = self._locate(offset)
        bank = self._banks[index]
        if inner == _KEYR:
            self._write_key(bank, value)
        elif inner == _CR:
            self._write_control(index, value)
        elif inner == _CCR:
            bank.status &= ~(value & 0x0FEF_0000)
            self._update_line()
        elif inner in (_OPTKEYR, _OPTCR, 0x20, 0x24):
            raise UnmodelledError(f"FLASH, offset 0x{offset:03x}, is written: option bytes are not modelled")
        elif inner not in (_SR, _ECC_FAR):
            super().write_register(inner, value)

    def _write_key(self, bank: _Bank, value: int) -> None:
        if bank.keys_seen < 2 and value == _KEYS[bank.keys_seen]:
            bank.keys_seen += 1
            if bank.keys_seen == 2:
                bank.control &= ~_LOCK
                bank.keys_seen = 0
        else:
            bank.keys_seen = 2  # a wrong key locks it until the next reset
            raise MisuseError(f"FLASH_KEYR gets 0x{value:08x}: a wrong key locks the controller until the next reset")

    def _write_control(self, index: int, value: int) -> None:
        bank = self._banks[index]
        if bank.control & _LOCK:
            if value & ~_LOCK & ~_CR_RESET:
                raise MisuseError(f"FLASH_CR{index + 1} is written with 0x{value:08x} while it is locked; the chip ignores that")
            return
        if bank.status & _QW and (value ^ bank.control) & (_SER | _BER | _PG):
            raise MisuseError(f"FLASH_CR{index + 1} is changed to 0x{value:08x} while an operation runs")
        bank.control = value & ~(_FW | _START)
        self._engine.counter.stop_at_next_block()  # so that the sectors are rearranged
        if value & _FW and bank.buffer_address is not None:
            self._begin_program(index)
        if value & _START:
            if value & _BER or not value & _SER:
                raise UnmodelledError(f"FLASH_CR{index + 1} = 0x{value:08x}: only erasing a sector is modelled")
            bank.control |= _START
            self._begin_erase(index)
        self._update_line()  # EOPIE may have gone

    def _update_line(self) -> None:
        wanted = any(bank.status & bank.control & _EOP for bank in self._banks)
        self._exceptions.set_line(_INTERRUPT, wanted)


def _bank_of(address: int) -> int:
    return (address - _BASE) // _BANK_BYTES
