"""What both sides of the reliable link share: sequence arithmetic, counters, and the frames of the link itself.

The link is go-back-N over frames that may be lost, damaged or repeated, but never overtake each other. Neither side does
any input or output: bytes go in through ``receive`` and come out of ``take_output``. `tinyaudio.wire.device_link` is the
twin of ``firmware/lib/tinyaudio_wire``; `tinyaudio.wire.host_link` is its counterpart, and the only one with a clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyaudio.wire import messages

SEQUENCE_MODULUS = 65_536
HALF_OF_SEQUENCE = 32_768  # a distance from here on means "behind"
RING_HEADER_BYTES = 3  # what the device keeps with each payload: type and length
CONTROL_RESERVE_BYTES = 128  # polls that may come beyond the credit

#: Types of the link's own frames, outside the sequence.
CONTROL_TYPES = frozenset((messages.HelloRequest.ID, messages.LinkPoll.ID, messages.LinkStatus.ID, messages.SessionNotice.ID))


@dataclass(slots=True, kw_only=True)
class LinkStatistics:
    """What a link had to mend; counts since the link was made."""

    malformed_frames: int = 0  # damaged on the way
    duplicate_frames: int = 0  # received again and dropped
    gap_frames: int = 0  # ahead of the one expected and dropped
    foreign_frames: int = 0  # of a session that is not open
    retransmitted_frames: int = 0  # sent again
    polls: int = 0  # sent by the host
    sessions: int = 0  # opened by the host


def distance(earlier: int, later: int) -> int:
    """Return how far `later` lies ahead of `earlier`, modulo 65536."""
    return (later - earlier) % SEQUENCE_MODULUS


def following(sequence: int) -> int:
    """Return the sequence number after `sequence`."""
    return (sequence + 1) % SEQUENCE_MODULUS


def ring_bytes(payload_bytes: int) -> int:
    """Return what the device needs to keep a payload."""
    return payload_bytes + RING_HEADER_BYTES
