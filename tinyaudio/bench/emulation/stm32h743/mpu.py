"""The memory protection unit: what it forbids, and what it keeps out of the data cache.

Armv7-M Architecture Reference Manual, B3.5; RM0433, 2.1.2 and AN4838 for the attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from unicorn import unicorn_const

_TYPE, _CTRL, _RNR, _RBAR, _RASR = 0xD90, 0xD94, 0xD98, 0xD9C, 0xDA0
_REGIONS = 16
_ENABLE, _AT_NEGATIVE_PRIORITY, _PRIVILEGED_DEFAULT = 1 << 0, 1 << 1, 1 << 2
_ALL = int(unicorn_const.UC_PROT_ALL)
_READ, _WRITE, _EXECUTE = unicorn_const.UC_PROT_READ, unicorn_const.UC_PROT_WRITE, unicorn_const.UC_PROT_EXEC
_RIGHTS_OF_AP = {0: 0, 1: _READ | _WRITE, 2: _READ | _WRITE, 3: _READ | _WRITE, 5: _READ, 6: _READ, 7: _READ}  # of privileged code


@dataclass(frozen=True, slots=True, kw_only=True)
class MpuRegion:
    """An enabled region."""

    origin: int
    length_bytes: int
    attributes: int  # RASR

    def holds(self, address: int) -> bool:
        """Whether it speaks for `address`; a disabled subregion does not."""
        offset = address - self.origin
        if not 0 <= offset < self.length_bytes:
            return False
        return self.length_bytes < 256 or not self.attributes >> 8 & 1 << offset * 8 // self.length_bytes

    @property
    def rights(self) -> int:
        """Rights of privileged code, as Unicorn writes them."""
        rights = int(_RIGHTS_OF_AP.get(self.attributes >> 24 & 7, 0))
        return rights if self.attributes >> 28 & 1 or not rights else int(rights | _EXECUTE)

    @property
    def is_cached(self) -> bool:
        """Whether data of it may lie in the cache."""
        tex, c, b = self.attributes >> 19 & 7, self.attributes >> 17 & 1, self.attributes >> 16 & 1
        if tex & 4:
            return bool(c or b)  # the inner policy in C and B; 0 is non-cacheable
        return bool(c) if tex <= 1 else False


class Mpu:
    """The registers, and what they say about an address."""

    def __init__(self) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self.reset()

    def reset(self) -> None:
        """As after a reset: off."""
        self._control = 0
        self._number = 0
        self._bases = [0] * _REGIONS
        self._attributes = [0] * _REGIONS
        self.on_change()

    def read_register(self, offset: int) -> int:
        """Return TYPE, CTRL, RNR, RBAR, RASR or one of the aliases."""
        if offset == _TYPE:
            return _REGIONS << 8
        if offset == _CTRL:
            return self._control
        if offset == _RNR:
            return self._number
        number, is_base = self._alias(offset)
        return self._bases[number] | number if is_base else self._attributes[number]

    def write_register(self, offset: int, value: int) -> None:
        """Write CTRL, RNR, RBAR, RASR or one of the aliases."""
        if offset == _CTRL:
            self._control = value & 7
            self.on_change()
        elif offset == _RNR:
            self._number = value % _REGIONS
        elif offset > _RNR:
            number, is_base = self._alias(offset)
            if is_base:
                if value & 1 << 4:
                    self._number = number = value & 0xF
                self._bases[number] = value & ~0x1F
            else:
                self._attributes[number] = value
            if self._control & _ENABLE:
                self.on_change()

    def regions(self) -> Iterator[MpuRegion]:
        """Yield the enabled regions, the one that decides first."""
        if not self._control & _ENABLE:
            return
        for base, attributes in reversed(list(zip(self._bases, self._attributes, strict=True))):
            if attributes & 1:
                length_bytes = 2 << (attributes >> 1 & 0x1F)
                yield MpuRegion(origin=base & ~(length_bytes - 1), length_bytes=length_bytes, attributes=attributes)

    def rights_at(self, address: int) -> int:
        """Return what privileged code may do at `address`, as Unicorn writes it."""
        if not self._control & _ENABLE:
            return _ALL
        for region in self.regions():
            if region.holds(address):
                return region.rights
        return _ALL if self._control & _PRIVILEGED_DEFAULT else 0

    def is_cached(self, address: int) -> bool:
        """Whether data at `address` may lie in the data cache, were that on. The default map caches SRAM and external memory."""
        for region in self.regions():
            if region.holds(address):
                return region.is_cached
        return address < 0x4000_0000 or 0x6000_0000 <= address < 0xA000_0000

    @property
    def is_bypassed_at_negative_priority(self) -> bool:
        """Whether it is on, but off in hard faults and under FAULTMASK (CTRL.HFNMIENA)."""
        return self._control & (_ENABLE | _AT_NEGATIVE_PRIORITY) == _ENABLE

    def boundaries(self) -> list[int]:
        """Return where rights may change, in rising order."""
        found = set()
        for region in self.regions():
            step = max(region.length_bytes // 8, 32) if region.length_bytes >= 256 else region.length_bytes
            found |= {region.origin + offset for offset in range(0, region.length_bytes + 1, step)}
        return sorted(found)

    def _alias(self, offset: int) -> tuple[int, bool]:
        index = (offset - _RBAR) // 8
        number = self._number if index == 0 else (self._number & ~3) + index
        return number, (offset - _RBAR) % 8 == 0
