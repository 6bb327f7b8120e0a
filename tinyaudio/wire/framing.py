"""Frames on the wire: COBS( header, payload, CRC-32 of both ) and a zero byte.

COBS: S. Cheshire, M. Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on Networking 7 (2), 1999.
CRC-32: as `zlib` computes it.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from cobs import cobs

from tinyaudio.wire.messages import MAX_PAYLOAD_BYTES

_HEADER = struct.Struct("<BBHHH")
_CRC = struct.Struct("<I")

HEADER_BYTES = _HEADER.size
CRC_BYTES = _CRC.size
MAX_RAW_FRAME_BYTES = HEADER_BYTES + MAX_PAYLOAD_BYTES + CRC_BYTES


class Frame(NamedTuple):
    """One frame, taken apart."""

    type: int  # ID of a message
    session: int  # 1 to 255, chosen by the host
    sequence: int  # of this frame; of the next sequenced frame if this one is not sequenced
    acknowledge: int  # the sequence number expected next: everything before it has arrived
    credit: int  # bytes that may be in flight from `acknowledge` on, each frame counted as `frame_bytes`
    payload: bytes


def frame_bytes(payload_bytes: int) -> int:
    """Return how many bytes a frame takes on the wire at most, delimiter included."""
    raw_bytes = HEADER_BYTES + payload_bytes + CRC_BYTES
    return raw_bytes + (raw_bytes + 253) // 254 + 1


MAX_FRAME_BYTES = frame_bytes(MAX_PAYLOAD_BYTES)


def encode_frame(frame: Frame) -> bytes:
    """Return the bytes of `frame` on the wire, delimiter included."""
    body = _HEADER.pack(*frame[:5]) + frame.payload
    encoded: bytes = cobs.encode(body + _CRC.pack(zlib.crc32(body)))
    return encoded + b"\0"


class FrameDecoder:
    """Takes a byte stream apart, in any pieces; whatever is damaged is counted and skipped up to the next zero byte.

    Attributes
    ----------
    malformed_frames
        Pieces between zero bytes that were no frame: too long, not COBS, too short, or with a wrong CRC.
    """

    def __init__(self) -> None:
        self.malformed_frames = 0
        self._rest = bytearray()  # bytes behind the last delimiter
        self._overlong = False  # more of them came than a frame can have, and they were dropped

    @property
    def needs_more(self) -> bool:
        """Whether the stream stopped inside of a frame."""
        return bool(self._rest) or self._overlong

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that `data` completes."""
        *whole, rest = data.split(b"\0")
        frames = []
        for piece in whole:
            if self.needs_more:
                self._rest += piece
                piece = b"" if self._overlong else bytes(self._rest)
                self.malformed_frames += self._overlong
                self._rest.clear()
                self._overlong = False
            if piece:
                frame = self._decode(piece)
                if frame is None:
                    self.malformed_frames += 1
                else:
                    frames.append(frame)
        if not self._overlong:
            self._rest += rest
            if len(self._rest) >= MAX_FRAME_BYTES:
                self._overlong = True
                self._rest.clear()
        return frames

    @staticmethod
    def _decode(piece: bytes) -> Frame | None:
        try:
            raw: bytes = cobs.decode(piece)
        except cobs.DecodeError:
            return None
        if not HEADER_BYTES + CRC_BYTES <= len(raw) <= MAX_RAW_FRAME_BYTES:
            return None
        body = raw[:-CRC_BYTES]
        if zlib.crc32(body) != _CRC.unpack_from(raw, len(body))[0]:
            return None
        type_id, session, sequence, acknowledge, credit = _HEADER.unpack_from(body)
        return Frame(type_id, session, sequence, acknowledge, credit, body[HEADER_BYTES:])
