"""The merged image of a build for a chip of Espressif: boot loader, table of partitions and application, from offset 0 of the flash."""

from __future__ import annotations

from pathlib import Path

from tinyaudio.bench.flash.image import FlashImage, Segment
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import BuildError


def read_merged_image(merged: Path, *, elf: Path) -> FlashImage:
    """Return the image in the file `merged`, which was made with `elf`.

    Raises
    ------
    BuildError
        If a file cannot be read, or the image is empty.
    """
    try:
        data, elf_sha256 = merged.read_bytes(), sha256_bytes(elf.read_bytes())
    except OSError as error:
        raise BuildError(f"the image cannot be read: {error}", hint="build it again", where=str(merged)) from error
    if not data:
        raise BuildError("the image is empty", hint="build it again", where=str(merged))
    return FlashImage(elf_sha256=elf_sha256, segments=(Segment(address=0, data=data),))
