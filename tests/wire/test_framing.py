"""Frames: the table of wire cases, in Python and in C++, whole and byte by byte."""

from __future__ import annotations

import tomllib
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.host_cpp.toolchain import FIRMWARE_LIB, compile_host, run_host
from tinyaudio.wire.framing import MAX_FRAME_BYTES, Frame, FrameDecoder, encode_frame, frame_bytes
from tinyaudio.wire.messages import MAX_PAYLOAD_BYTES

TABLE = Path(__file__).resolve().parents[1] / "golden" / "wire_cases.toml"
CASES: list[dict[str, Any]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))["cases"]


def text_of(frame: Frame) -> str:
    return f"{frame.type} {frame.session} {frame.sequence} {frame.acknowledge} {frame.credit} {frame.payload.hex()}".rstrip()


@pytest.mark.parametrize("piece_bytes", [1, 7, 10_000])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_decoder_follows_the_table(case: dict[str, Any], piece_bytes: int) -> None:
    wire = bytes.fromhex(case["wire"])
    decoder = FrameDecoder()
    frames = [frame for start in range(0, len(wire), piece_bytes) for frame in decoder.feed(wire[start : start + piece_bytes])]
    assert [text_of(frame) for frame in frames] == case["frames"]
    assert decoder.malformed_frames == case["malformed"]
    assert decoder.needs_more == (not wire.endswith(b"\0"))


@pytest.fixture(scope="module", params=[4, 1], ids=["crc32 by words", "crc32 by bytes"])
def cpp_output(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    library = FIRMWARE_LIB / "tinyaudio_wire"
    main = Path(__file__).resolve().parents[1] / "host_cpp" / "wire_cases_main.cc"
    sources = [main, library / "src" / "framing.cc", library / "src" / "crc32.cc"]
    flags = [f"-DTINYAUDIO_CRC32_TABLES={request.param}"]
    binary = compile_host(tmp_path_factory.mktemp("wire") / "wire_cases", sources, include_dirs=[library / "include"], flags=flags)
    return run_host(binary, stdin="\n".join(case["wire"] for case in CASES).encode()).decode().splitlines()


def test_cpp_follows_the_same_table_and_encodes_the_same_bytes(cpp_output: list[str]) -> None:
    expected = []
    for case in CASES:
        for _ in ("whole", "byte by byte"):
            for text in case["frames"]:
                *numbers, payload = text.split() if len(text.split()) == 6 else [*text.split(), ""]
                frame = Frame(*map(int, numbers), payload=bytes.fromhex(payload))  # type: ignore[misc, arg-type]
                expected += [f"frame {text}", f"encoded {encode_frame(frame).hex()}"]
            expected.append(f"malformed {case['malformed']}")
        expected.append(f"crc {zlib.crc32(bytes.fromhex(case['wire']))}")
    assert [line.rstrip() for line in cpp_output] == expected


@given(payload=st.binary(max_size=MAX_PAYLOAD_BYTES), sequence=st.integers(0, 65_535))
@settings(max_examples=200)
def test_every_frame_comes_back_and_stays_within_its_bound(payload: bytes, sequence: int) -> None:
    frame = Frame(0x41, 9, sequence, 65_535 - sequence, 4_096, payload)
    encoded = encode_frame(frame)
    assert len(encoded) <= frame_bytes(len(payload)) <= MAX_FRAME_BYTES
    assert FrameDecoder().feed(encoded) == [frame]


@given(noise=st.binary(max_size=3_000))
@settings(max_examples=200)
def test_after_any_noise_and_a_delimiter_the_next_frame_is_found(noise: bytes) -> None:
    frame = Frame(1, 2, 3, 4, 5, b"six")
    decoder = FrameDecoder()
    decoder.feed(noise)
    assert decoder.feed(b"\0" + encode_frame(frame))[-1] == frame
