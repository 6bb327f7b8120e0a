"""The linker's map file: what was linked, of which file, and where it went. It is there after a link that failed, too."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tinyaudio.core.files import write_text_if_changed

_START = "Linker script and memory map"
_REGION = re.compile(r"^(?P<name>\w+) +0x(?P<origin>[0-9a-f]+) +0x[0-9a-f]+", re.MULTILINE)
_LINE = re.compile(
    r"^(?P<output>[.\w]\S*)(?:\s*?\n?[ ]+0x(?P<start>[0-9a-f]+) +0x[0-9a-f]+(?: load address 0x(?P<load>[0-9a-f]+))?)?.*$"
    r"|^ (?P<input>[^\s*(]\S*)\s*?\n?[ ]+0x(?P<address>[0-9a-f]+) +0x(?P<bytes>[0-9a-f]+) (?P<file>\S.*)$",  # a part of it
    re.MULTILINE,
)
_NOT_LOADED = (".debug", ".comment", ".note", ".ARM.attributes", ".stab", "LOAD", "OUTPUT", "START", "END", "/DISCARD/")
_CLEARED = (".stack", ".bss", ".fast", ".arena", ".dma")  # the map gives them a load address, too
_LIBRARY_FOLDER = re.compile(r"(?<=/)lib[0-9a-f]{3}(?=/)")  # PlatformIO names it by a hash of the project's absolute path
_NAME_PART = re.compile(r"(\d+)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedPart:
    """An input section in the image."""

    section: str  # of the image
    regions: tuple[str, ...]  # where it is used, and where it is stored if that is another
    name: str  # of the input section: ".text._ZN...", "COMMON"
    file: str  # "libc_nano.a(lib_a-memcpy.o)" with its folders
    bytes: int

    @property
    def content(self) -> str:
        """What it is, as a person would name it: the function or variable, else the section."""
        return _plain_name(self.name)

    @property
    def file_name(self) -> str:
        """The file without folders; of an archive only the member."""
        return self.file.rpartition("(")[2].rstrip(")").rpartition("/")[2]


def normalize_map_file(path: Path) -> None:
    """Take out of a map file what differs between two folders with the same project."""
    write_text_if_changed(path, _LIBRARY_FOLDER.sub("lib", path.read_text(encoding="utf-8", errors="replace")))


def read_map_file(path: Path) -> tuple[LinkedPart, ...]:
    """Return everything of the image that has a size, in the order of the map; nothing if there is no map file."""
    if not path.is_file():
        return ()
    head, _, text = path.read_text(encoding="utf-8", errors="replace").partition(_START)
    origins = {match["name"]: int(match["origin"], 16) for match in _REGION.finditer(head.partition("Memory Configuration")[2])}
    parts = []
    section, load_offset = "", 0
    for match in _LINE.finditer(text):
        if match["output"]:
            section = match["output"]
            is_stored = match["load"] and section not in _CLEARED
            load_offset = int(match["load"], 16) - int(match["start"], 16) if is_stored else 0
        elif int(match["bytes"], 16) and not section.startswith(_NOT_LOADED):
            address = int(match["address"], 16)
            regions = dict.fromkeys(_region(place, origins) for place in (address, address + load_offset))
            part = LinkedPart(section=section, regions=tuple(regions), name=match["input"], file=match["file"].strip(), bytes=int(match["bytes"], 16))
            parts.append(part)
    return tuple(parts)


def _region(address: int, origins: dict[str, int]) -> str:
    """Return the region that begins last in front of `address`: what overflows lies behind its region's end."""
    below = [(origin, name) for name, origin in origins.items() if origin <= address]
    return max(below)[1] if below else ""


def largest(parts: Iterable[LinkedPart], count: int) -> tuple[LinkedPart, ...]:
    """Return the `count` largest of `parts`, largest first."""
    return tuple(sorted(parts, key=lambda part: -part.bytes)[:count])


def _plain_name(section: str) -> str:
    """Return "ns::name" for ".rodata._ZN2ns4nameE", as far as the mangling is a plain nested name."""
    for local in re.finditer(r"(?<=E)(\d+)(?=[A-Za-z_])", section if "._ZZ" in section else ""):
        if len(section) - local.end() == int(local[1]):
            return section[local.end() :]  # static in a function
    mangled = re.search(r"_ZN?K?L?(\d.*)", section)
    if mangled is None:
        return re.sub(r"^\.(text|rodata|data|bss)\.", "", section)
    names, rest = [], mangled[1]
    while (part := _NAME_PART.match(rest)) is not None and len(part[2]) >= int(part[1]):
        names.append(part[2][: int(part[1])])
        rest = part[2][int(part[1]) :].removeprefix("L")
    return "::".join(name for name in names if not name.startswith("_GLOBAL__N_")) or section
