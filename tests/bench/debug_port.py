"""A debug port with a chip behind it, so that the installed pyOCD and OpenOCD flash for real: DP and MEM-AP registers
(Arm Debug Interface v5.2), the core's debug registers (Armv7-M, C1), the flash controller (RM0433, chapter 4), and an
emulated core for the code that pyOCD loads into RAM. The flash itself is that of `FakeChip`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from unicorn import UC_ARCH_ARM, UC_MODE_MCLASS, UC_MODE_THUMB, Uc, arm_const

from tinyaudio.bench.flash.fakes.desk import FakeChip, FlashFaultError, MemoryFaultError

DTCM, DTCM_BYTES = 0x2000_0000, 131_072
FLASH_REGISTERS, FLASH_BANK_BYTES = 0x5200_2000, 0x100
DBGMCU, DBGMCU_AT_APB = 0x5C00_1000, 0xE00E_1000
ROM_TABLE, SCS, DWT, FPB = 0xE00F_F000, 0xE000_E000, 0xE000_1000, 0xE000_2000
CPUID, AIRCR, DHCSR, DCRSR, DCRDR, DEMCR = 0xE000_ED00, 0xE000_ED0C, 0xE000_EDF0, 0xE000_EDF4, 0xE000_EDF8, 0xE000_EDFC

_KEYS = (0x4567_0123, 0xCDEF_89AB)
_CR_LOCK, _CR_PG, _CR_SER, _CR_BER, _CR_START = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 7
_SR_EOP, _SR_WRPERR = 1 << 16, 1 << 17
_CORE_REGISTERS = {index: getattr(arm_const, f"UC_ARM_REG_R{index}") for index in range(13)} | {
    13: arm_const.UC_ARM_REG_SP,
    14: arm_const.UC_ARM_REG_LR,
    15: arm_const.UC_ARM_REG_PC,
    16: arm_const.UC_ARM_REG_XPSR,
}
_PERIPHERALS = (
    (0x0800_0000, 0x20_0000),  # flash
    (0x4000_0000, 0x1_0000),  # WWDG and its neighbours
    (0x5200_2000, 0x1000),  # flash controller
    (0x5800_0000, 0x8000),  # IWDG
    (0x5802_4000, 0x1000),  # RCC
    (0xE000_E000, 0x1000),  # system control space
)


class AccessFaultError(Exception):
    """The bus answered with an error."""


class DebugPort:
    """DP, three APs, a halted or running core, and a bus.

    Attributes
    ----------
    on_program
        Called before every flash word; may raise, as a cable that comes out does.
    """

    def __init__(self, chip: FakeChip) -> None:
        self.chip = chip
        self.on_program: Callable[[], None] = lambda: None
        self.in_reset = False
        self.asleep = chip.needs_reset
        self.ctrl_stat = 0
        self.select = 0
        self._access = {ap: {"csw": 0x0300_0052, "tar": 0} for ap in (0, 1, 2)}
        self._ppb = _private_peripherals()
        self._debug_enable = self._halted = False
        self._reset_seen = True
        self._core_data = 0
        self._core: dict[int, int] = {}
        self._banks = [{"cr": _CR_LOCK, "sr": 0, "key": 0} for _ in range(2)]
        self._word: dict[int, bytes] = {}
        self._dtcm = bytearray(DTCM_BYTES)

    # Debug port and access ports

    def read_dp(self, address: int) -> int:
        if address == 0x0:
            return 0x6BA0_2477
        if address == 0x4:
            powered = self.ctrl_stat & 0x5000_0000
            return self.ctrl_stat & 0x5000_00F2 | powered << 1
        return self.select if address == 0x8 else 0

    def write_dp(self, address: int, value: int) -> None:
        if address == 0x4:
            self.ctrl_stat = value & 0x5000_0000 | self.ctrl_stat & 0x20 & ~value
        elif address == 0x8:
            self.select = value
        elif address == 0x0:
            self.ctrl_stat &= ~0x20

    def read_ap(self, ap: int, register: int) -> int:
        if ap not in self._access:
            return 0
        if register == 0xFC:
            return 0x5477_0002 if ap == 2 else 0x8477_0001
        if register == 0xF8:
            return ROM_TABLE | 3 if ap == 0 else 0xFFFF_FFFF
        access = self._access[ap]
        if register in (0x00, 0x04):
            return access["csw"] | 0x40 if register == 0 else access["tar"]
        if register == 0x0C:
            return self._data(ap, None)
        return self._bus_read(ap, access["tar"] & ~0xF | register & 0xC, 4) if register & 0xF0 == 0x10 else 0

    def write_ap(self, ap: int, register: int, value: int) -> None:
        if ap not in self._access:
            return
        access = self._access[ap]
        if register in (0x00, 0x04):
            access["csw" if register == 0 else "tar"] = value
        elif register == 0x0C:
            self._data(ap, value)
        elif register & 0xF0 == 0x10:
            self._bus_write(ap, access["tar"] & ~0xF | register & 0xC, value, 4)

    def _data(self, ap: int, value: int | None) -> int:
        """Move one item through DRW, in its byte lanes, and step the address; packed transfers move a whole word."""
        access = self._access[ap]
        is_packed = access["csw"] & 0x30 == 0x20
        address, count = access["tar"], 4 if is_packed else 1 << (access["csw"] & 3)
        lane = 8 * (address & 3)
        if value is None:
            result = self._bus_read(ap, address, count) << lane
        else:
            result = 0
            self._bus_write(ap, address, value >> lane & (1 << 8 * count) - 1, count)
        if access["csw"] & 0x30:
            access["tar"] = address & ~0x3FF | address + count & 0x3FF  # it wraps at 1 KiB
        return result

    # Reset

    def assert_reset(self, asserted: bool) -> None:
        if self.in_reset and not asserted:
            self._leave_reset()
        self.in_reset = asserted

    def _leave_reset(self) -> None:
        caught = bool(self._ppb.get(DEMCR, 0) & 1 and self._debug_enable)
        self.chip.reset(halt=caught)
        self._halted, self._reset_seen = caught, True
        self.asleep = self.chip.needs_reset and not caught
        self._banks = [{"cr": _CR_LOCK, "sr": 0, "key": 0} for _ in range(2)]

    # Bus

    def _bus_read(self, ap: int, address: int, count: int) -> int:
        value = self._word_at(ap, address & ~3) if address >= 0x4000_0000 else None
        if value is not None:
            return value >> 8 * (address & 3) & (1 << 8 * count) - 1
        if self.asleep or self.in_reset:
            raise AccessFaultError
        if DTCM <= address < DTCM + DTCM_BYTES:
            return int.from_bytes(self._dtcm[address - DTCM :][:count], "little")
        try:
            return int.from_bytes(self.chip.read(address, count), "little")
        except MemoryFaultError as error:
            raise AccessFaultError from error

    def _word_at(self, ap: int, address: int) -> int | None:
        """Return a register of the core or the flash controller; None for what is something else."""
        if ap == 2:
            return self._word_at(0, address - DBGMCU_AT_APB + DBGMCU) if DBGMCU_AT_APB <= address < DBGMCU_AT_APB + 0x1000 else 0
        if address == DHCSR:
            state = self._debug_enable | self._halted << 1 | 1 << 16 | self._halted << 17 | self._reset_seen << 25 | self.asleep << 18
            self._reset_seen = False
            return state
        if address == DCRDR:
            return self._core_data
        if 0xE000_0000 <= address < 0xE010_0000:
            return self._ppb.get(address, 0)
        if self.asleep or self.in_reset:
            raise AccessFaultError
        if DBGMCU < address < DBGMCU + 0x1_0000:
            return self._ppb.get(address, 0)
        if FLASH_REGISTERS <= address < FLASH_REGISTERS + 2 * FLASH_BANK_BYTES:
            bank, register = divmod(address - FLASH_REGISTERS, FLASH_BANK_BYTES)
            return {0x0C: self._banks[bank]["cr"], 0x10: self._banks[bank]["sr"], 0x18: 1, 0x1C: 0x0000_AAF0, 0x20: 0x0000_AAF0}.get(register, 0)
        return None

    def _bus_write(self, ap: int, address: int, value: int, count: int) -> None:
        if ap == 2:
            self._ppb[address - DBGMCU_AT_APB + DBGMCU] = value
        elif 0xE000_0000 <= address < 0xE010_0000:
            self._write_core(address, value)
        elif self.asleep or self.in_reset:
            raise AccessFaultError
        elif DTCM <= address < DTCM + DTCM_BYTES:
            self._dtcm[address - DTCM : address - DTCM + count] = value.to_bytes(count, "little")
        elif FLASH_REGISTERS <= address < FLASH_REGISTERS + 2 * FLASH_BANK_BYTES:
            self._write_flash_register(*divmod(address - FLASH_REGISTERS, FLASH_BANK_BYTES), value)
        elif 0x0800_0000 <= address < 0x0820_0000:
            self._write_flash(address, value.to_bytes(count, "little"))
        elif address >= 0x4000_0000:
            self._ppb[address] = value
        else:
            raise AccessFaultError

    # Core

    def _write_core(self, address: int, value: int) -> None:
        if address == DHCSR:
            if value >> 16 != 0xA05F:
                return
            self._debug_enable = bool(value & 1)
            was_halted, self._halted = self._halted, value & 3 == 3
            self.asleep = self.asleep and not self._halted
            if was_halted and not self._halted and value & 1:
                self._run()
        elif address == AIRCR:
            if value & 4:
                self._leave_reset()
        elif address == DCRSR:
            register = value & 0x7F
            if value >> 16 & 1:
                self._core[register] = self._core_data
            else:
                self._core_data = self._core.get(register, 0)
        elif address == DCRDR:
            self._core_data = value
        else:
            self._ppb[address] = value

    def _run(self) -> None:
        """Let the core run what a debugger has put into RAM, to the breakpoint it returns to; firmware just runs."""
        self.chip.halted = False
        end = self._core.get(14, 0) & ~1
        if not DTCM <= self._core.get(15, 0) < DTCM + DTCM_BYTES:
            return
        self.chip.halted = True  # in the sense of the flash: no firmware is in the way
        uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        uc.mem_map(DTCM, DTCM_BYTES)
        uc.mem_write(DTCM, bytes(self._dtcm))
        for start, length in _PERIPHERALS:
            uc.mmio_map(
                start,
                length,
                lambda _, offset, count, base: self._bus_read(0, base + offset, count),
                start,
                lambda _, offset, count, value, base: self._bus_write(0, base + offset, value, count),
                start,
            )
        for index, name in _CORE_REGISTERS.items():
            if index not in (15, 16):
                uc.reg_write(name, self._core.get(index, 0))
        uc.emu_start(self._core[15] | 1, end)
        for index, name in _CORE_REGISTERS.items():
            self._core[index] = uc.reg_read(name)
        self._core[15] = end
        self._dtcm[:] = uc.mem_read(DTCM, DTCM_BYTES)
        self._halted = True

    # Flash controller

    def _write_flash_register(self, bank: int, register: int, value: int) -> None:
        state = self._banks[bank]
        if register == 0x04:
            state["key"] = state["key"] + 1 if value == _KEYS[state["key"] % 2] else 0
            if state["key"] == 2:
                state["cr"], state["key"] = state["cr"] & ~_CR_LOCK, 0
        elif register == 0x14:
            state["sr"] &= ~value
        elif register == 0x0C and not state["cr"] & _CR_LOCK:
            state["cr"] = value & ~_CR_START
            if value & _CR_START and value & (_CR_SER | _CR_BER):
                self._erase(bank, value)

    def _erase(self, bank: int, control: int) -> None:
        sectors = range(8) if control & _CR_BER else (control >> 8 & 7,)
        for sector in sectors:
            self._guard(bank, partial(self.chip.erase_sector, 0x0800_0000 + bank * 0x10_0000 + sector * 0x2_0000))

    def _write_flash(self, address: int, data: bytes) -> None:
        bank = address - 0x0800_0000 >> 20
        if not self._banks[bank]["cr"] & _CR_PG:
            self._banks[bank]["sr"] |= _SR_WRPERR
            return
        self._word[address] = data
        start = address & ~31
        pieces = {place: piece for place, piece in self._word.items() if place & ~31 == start}
        if sum(map(len, pieces.values())) == 32:
            self._word.clear()
            self.on_program()
            self.chip.halted = True
            self._guard(bank, lambda: self.chip.program_word(start, b"".join(pieces[place] for place in sorted(pieces))))

    def _guard(self, bank: int, operation: Callable[[], None]) -> None:
        try:
            operation()
            self._banks[bank]["sr"] |= _SR_EOP
        except FlashFaultError:
            self._banks[bank]["sr"] |= _SR_WRPERR


def _private_peripherals() -> dict[int, int]:
    """Return what the ROM table, the identification registers and the features of a Cortex-M7 read as."""
    words = {CPUID: 0x411F_C271, DWT: 0x4000_0000, FPB: 0x1000_0080, 0xE000_EF40: 0x1011_0221, 0xE000_EF44: 0x1200_0011}
    for place, component in enumerate((SCS, DWT, FPB)):
        words[ROM_TABLE + 4 * place] = (component - ROM_TABLE & 0xFFFF_F000) | 3
    for base, part, kind in ((ROM_TABLE, 0x4C7, 1), (SCS, 0x00C, 0xE), (DWT, 0x002, 0xE), (FPB, 0x00E, 0xE)):
        for offset, value in {
            0xFD0: 0x04,
            0xFE0: part & 0xFF,
            0xFE4: 0xB0 | part >> 8,
            0xFE8: 0x0B,
            0xFF0: 0x0D,
            0xFF4: kind << 4,
            0xFF8: 0x05,
            0xFFC: 0xB1,
        }.items():
            words[base + offset] = value
    return words
