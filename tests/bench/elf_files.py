"""Make small ELF files."""

from __future__ import annotations

import struct

_HEADER_BYTES, _PROGRAM_HEADER_BYTES = 52, 32


def elf_file(*loads: tuple[int, int, bytes]) -> bytes:
    """Return an ELF file for Arm with a PT_LOAD for each (address, load address, content)."""
    offset = _HEADER_BYTES + _PROGRAM_HEADER_BYTES * len(loads)
    identity = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    header = struct.pack("<16sHHIIIIIHHHHHH", identity, 2, 40, 1, 0, _HEADER_BYTES, 0, 0, _HEADER_BYTES, _PROGRAM_HEADER_BYTES, len(loads), 40, 0, 0)
    program_headers, contents = b"", b""
    for address, load_address, content in loads:
        program_headers += struct.pack("<IIIIIIII", 1, offset + len(contents), address, load_address, len(content), len(content) + 16, 5, 1)
        contents += content
    return header + program_headers + contents
