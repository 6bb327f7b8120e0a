"""The image: read from ELF at its load addresses, hashed, cut into whole programming units."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.elf_files import elf_file
from tests.bench.flash_desks import FLASH, board
from tinyaudio.bench.flash import FlashImage, Segment, check_image, read_flash_image
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import BuildError


def test_segments_come_from_load_addresses_in_order(tmp_path: Path) -> None:
    elf = tmp_path / "firmware.elf"
    elf.write_bytes(elf_file((0x2000_0000, FLASH + 8, b"data"), (FLASH, FLASH, b"code"), (0x2000_0100, 0x2000_0100, b"")))
    image = read_flash_image(elf)
    assert image.segments == (Segment(address=FLASH, data=b"code"), Segment(address=FLASH + 8, data=b"data"))
    assert image.elf_sha256 == sha256_bytes(elf.read_bytes())
    assert image.sha256 == sha256_bytes(b"code\xff\xff\xff\xffdata")
    assert image.length_bytes == 8
    check_image(image, board())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read"),
        (b"\x7fELF", "cannot be read"),
        (b"a picture of a cat, which is no ELF file at all", "cannot be read"),
        (elf_file((FLASH, FLASH, b"")), "loads nothing"),
        (elf_file((FLASH, FLASH, b"12345"), (0x2000_0000, FLASH + 4, b"x")), "two segments of the image lie at 0x08000004"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    elf = tmp_path / "firmware.elf"
    elf.write_bytes(content)
    with pytest.raises(BuildError, match=said) as caught:
        read_flash_image(elf)
    assert caught.value.where == str(elf)


def test_a_missing_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="cannot be read"):
        read_flash_image(tmp_path / "firmware.elf")


@given(st.lists(st.tuples(st.integers(0, 200), st.binary(min_size=1, max_size=150)), min_size=1, max_size=6), st.sampled_from([4, 32, 64]))
def test_blocks_hold_the_image_in_whole_units_each_once(pieces: list[tuple[int, bytes]], unit_bytes: int) -> None:
    segments, address = [], FLASH
    for gap, data in pieces:
        segments.append(Segment(address=address + gap, data=data))
        address = segments[-1].end
    image = FlashImage(elf_sha256="", segments=tuple(segments))
    expected = {segment.address + offset: value for segment in segments for offset, value in enumerate(segment.data)}
    blocks = image.blocks(unit_bytes)
    held = {block.address + offset: value for block in blocks for offset, value in enumerate(block.data)}
    assert sum(len(block.data) for block in blocks) == len(held), "a unit would be programmed twice"
    assert {address: held[address] for address in expected} == expected
    assert {value for address, value in held.items() if address not in expected} <= {0xFF}
    for block in blocks:
        assert block.address % unit_bytes == len(block.data) % unit_bytes == 0
    units = {address // unit_bytes for address in expected}
    assert {address // unit_bytes for address in held} == units, "a unit without content would be programmed"


def test_all_violations_come_at_once() -> None:
    image = FlashImage(elf_sha256="", segments=(Segment(address=0x1000_0000, data=b"a"), Segment(address=0x081C_0000, data=b"b")))
    with pytest.raises(BuildError, match="0x10000000 to 0x10000000 is in no flash region; 0x081c0000 to 0x081c0000 would erase the region settings"):
        check_image(image, board())
