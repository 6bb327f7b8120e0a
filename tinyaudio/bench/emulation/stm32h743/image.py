"""The image: what of the ELF is in flash, and which symbol an address belongs to."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tinyaudio.core.errors import BuildError


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What would be flashed."""

    segments: tuple[tuple[int, bytes], ...]  # load address and content
    symbols: tuple[tuple[int, int, str], ...]  # address, bytes and name, by rising address

    def place(self, address: int) -> str:
        """Return `address` with the symbol that holds it, for a reader."""
        index = bisect_right(self.symbols, (address, 2**32, "")) - 1
        if index < 0 or address >= self.symbols[index][0] + max(self.symbols[index][1], 1):
            return f"0x{address:08x}"
        start, _, name = self.symbols[index]
        return f"0x{address:08x} <{name}{f'+0x{address - start:x}' if address > start else ''}>"

    def holds(self, name: str, address: int) -> bool:
        """Whether `address` is in the function `name`, or directly behind it."""
        return any(symbol == name and start <= address <= start + length for start, length, symbol in self.symbols)


def read_image(path: Path) -> Image:
    """Read an ELF file.

    Raises
    ------
    BuildError
        If it is not an ELF for this processor.
    """
    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            if elf["e_machine"] != "EM_ARM":
                raise BuildError(f"is for {elf['e_machine']}, not for an Arm processor", hint="build the project for this board", where=str(path))
            segments = tuple((int(segment["p_paddr"]), segment.data()) for segment in elf.iter_segments("PT_LOAD") if segment["p_filesz"])
            tables = [section for section in elf.iter_sections() if isinstance(section, SymbolTableSection)]
            wanted = ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE")
            symbols = sorted(
                (int(symbol["st_value"]) & ~(1 if symbol["st_info"]["type"] == "STT_FUNC" else 0), int(symbol["st_size"]), symbol.name)
                for table in tables
                for symbol in table.iter_symbols()
                if symbol["st_info"]["type"] in wanted and symbol.name and not symbol.name.startswith("$") and symbol["st_shndx"] != "SHN_UNDEF"
            )
    except (OSError, ELFError) as error:
        raise BuildError(f"cannot be read: {error}", hint="build the project anew", where=str(path)) from error
    return Image(segments=segments, symbols=tuple(symbols))
