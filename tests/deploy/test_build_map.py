"""The linker's map file: what is read of it, and what is cut out of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyaudio.deploy.build.components import linked_components
from tinyaudio.deploy.build.map_file import LinkedPart, largest, normalize_map_file, read_map_file

MAP = """\
Archive member included to satisfy reference by file (symbol)

Discarded input sections

 .text          0x00000000       0x40 .pio/build/b/src/gone.o

Memory Configuration

Name             Origin             Length             Attributes
flash            0x08000000         0x00001000         xr
itcm             0x00000000         0x00000400         xrw
dtcm             0x20000000         0x00000400         rw
*default*        0x00000000         0xffffffff

Linker script and memory map

LOAD .pio/build/b/src/main.o

.vectors        0x08000000       0x40
 *(.vectors)
 .vectors       0x08000000       0x40 .pio/build/b/src/port/startup.o
                0x08000000                tinyaudio_vectors

.hot            0x00000000       0x30 load address 0x08000040
 .text._ZN2ns12_GLOBAL__N_14workEv
                0x00000000       0x2c .pio/build/b/lib4e4/libx.a(work.o)
 *fill*         0x0000002c        0x4 \n\
.text           0x08000070      0x100
 .text.memcpy   0x08000070       0x20 /opt/gcc/../arm-none-eabi/lib/thumb/libc_nano.a(lib_a-memcpy.o)
 .rodata._ZN2nsL6kTableE
                0x08000090       0x50 .pio/build/b/src/main.o
 .text          0x080000e0        0x0 .pio/build/b/src/main.o
 .text.__udivdi3
                0x080000e0       0x90 /usr/lib/gcc/arm-none-eabi/12.2.1/thumb/libgcc.a(_udivdi3.o)

.bss            0x20000000       0x24 load address 0x08000170
 .bss._ZZN2ns3runEiE5state
                0x20000000       0x14 .pio/build/b/src/main.o
 COMMON         0x20000014       0x10 /elsewhere/vendor.a(blob.o)

.debug_info     0x00000000     0x1ce
 .debug_info    0x00000000     0x1ce .pio/build/b/src/main.o
"""


@pytest.fixture
def parts(tmp_path: Path) -> tuple[LinkedPart, ...]:
    (tmp_path / "firmware.map").write_text(MAP)
    return read_map_file(tmp_path / "firmware.map")


def test_everything_in_the_image_is_read_once(parts: tuple[LinkedPart, ...]) -> None:
    assert [(part.section, part.content, part.file_name, part.bytes) for part in parts] == [
        (".vectors", ".vectors", "startup.o", 0x40),
        (".hot", "ns::work", "work.o", 0x2C),
        (".text", "memcpy", "lib_a-memcpy.o", 0x20),
        (".text", "ns::kTable", "main.o", 0x50),
        (".text", "__udivdi3", "_udivdi3.o", 0x90),
        (".bss", "state", "main.o", 0x14),
        (".bss", "COMMON", "blob.o", 0x10),
    ]


def test_a_part_counts_where_it_is_used_and_where_it_is_stored(parts: tuple[LinkedPart, ...]) -> None:
    regions = {part.section: part.regions for part in parts}
    assert regions == {".vectors": ("flash",), ".hot": ("itcm", "flash"), ".text": ("flash",), ".bss": ("dtcm",)}


def test_the_largest_come_first(parts: tuple[LinkedPart, ...]) -> None:
    assert [part.bytes for part in largest(parts, 2)] == [0x90, 0x50]


def test_no_map_file_is_no_parts(tmp_path: Path) -> None:
    assert read_map_file(tmp_path / "firmware.map") == ()
    assert linked_components(()) == ()


def test_the_hash_of_a_folder_is_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "firmware.map"
    path.write_text(MAP)
    normalize_map_file(path)
    assert path.read_text() == MAP.replace("/lib4e4/", "/lib/")


def test_components_are_told_by_their_files_and_unknown_ones_as_unknown(parts: tuple[LinkedPart, ...]) -> None:
    found = {component.name: component for component in linked_components(parts)}
    assert set(found) == {"tinyaudio", "newlib", "libgcc", "vendor.a"}
    assert (found["libgcc"].licence, found["libgcc"].version) == ("GPL-3.0-or-later WITH GCC-exception-3.1", "12.2.1")
    assert (found["vendor.a"].licence, found["vendor.a"].bytes) == ("NOASSERTION", 0x10)
    assert found["tinyaudio"].bytes == 0x40 + 0x2C + 0x50 + 0x14
