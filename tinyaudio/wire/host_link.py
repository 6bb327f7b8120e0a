"""The host's side of the reliable link.

The host opens sessions, keeps to the credit the device grants, and is the only one with a clock: when nothing comes, it
polls. The answer to a poll proves that everything sent before was received or is lost; only then is anything sent
again, so that the device's buffers cannot overflow even while the line loses bytes.
"""

from __future__ import annotations

import struct
from collections import deque
from enum import Enum

from tinyaudio.core.errors import ProtocolError
from tinyaudio.wire.framing import Frame, FrameDecoder, encode_frame, frame_bytes
from tinyaudio.wire.link import CONTROL_TYPES, HALF_OF_SEQUENCE, SEQUENCE_MODULUS, LinkStatistics, distance, following, ring_bytes
from tinyaudio.wire.messages import (
    PROTOCOL_VERSION,
    Hello,
    HelloRequest,
    LinkPoll,
    LinkStatus,
    Message,
    SessionNotice,
    decode_message,
)

_HELLO_START = struct.Struct("<HI")  # version and nonce: the same in all versions
_UNLIMITED_CREDIT = 65_535  # the host's memory takes whatever the device can keep


class LinkState(Enum):
    """Where a host's link stands."""

    CLOSED = "closed"
    OPENING = "opening"  # HelloRequest is sent, Hello has not come
    OPEN = "open"
    LOST = "lost"  # the device was reset: open again


class HostLink:
    """The link of a host. Times are those of any clock that only goes forward, in seconds.

    Parameters
    ----------
    poll_seconds
        Silence after which the device is polled (or HelloRequest repeated); doubled from poll to poll while it lasts.
    max_poll_seconds
        The most that doubling leads to.
    """

    _silent_since_seconds: float  # when the device was last heard or asked
    _silence_seconds: float  # how long it may be silent from then on

    def __init__(self, *, poll_seconds: float = 0.25, max_poll_seconds: float = 2.0) -> None:
        self.state = LinkState.CLOSED
        self.statistics = LinkStatistics()
        self.heard_seconds = 0.0  # when the device was heard last, or the session begun
        self._poll_seconds = poll_seconds
        self._max_poll_seconds = max_poll_seconds
        self._decoder = FrameDecoder()
        self._output: list[bytes] = []
        self._session = 0
        self._nonce = 0
        self._token = 0
        self._reset(now_seconds=0.0)

    def open(self, *, nonce: int, now_seconds: float) -> None:
        """Begin a new session; `state` is OPEN when the device has answered. `nonce` is any u32, another one each time."""
        self._session = (self._session or nonce) % 255 + 1
        self._nonce = nonce
        self._reset(now_seconds=now_seconds)
        self.state = LinkState.OPENING
        self.statistics.sessions += 1
        self._output.append(b"\0")  # ends whatever the device has half received
        self._write_hello_request()

    def receive(self, data: bytes, *, now_seconds: float) -> None:
        """Take received bytes in any pieces.

        Raises
        ------
        ProtocolError
            If the device speaks another version of the protocol.
        """
        for frame in self._decoder.feed(data):
            if frame.session != self._session:
                self.statistics.foreign_frames += 1
            elif self.state is LinkState.OPENING:
                self._take_hello(frame, now_seconds)
            elif self.state is LinkState.OPEN:
                self._heard(now_seconds)
                self._take_frame(frame)
        self.statistics.malformed_frames = self._decoder.malformed_frames
        if self.state is LinkState.OPEN and self._unacknowledged_bytes >= self._acknowledge_threshold_bytes:
            self._write(LinkStatus(token=0, gap=0))

    def tick(self, *, now_seconds: float) -> None:
        """Poll the device if it was silent for too long. Call it whenever something is awaited."""
        if self.seconds_to_tick(now_seconds=now_seconds) > 0:
            return
        if self.state is LinkState.OPENING:
            self._write_hello_request()
        elif self.state is LinkState.OPEN:
            self._poll(resend=False)
        self._silent_since_seconds = now_seconds
        self._silence_seconds = min(2 * self._silence_seconds, self._max_poll_seconds)

    def seconds_to_tick(self, *, now_seconds: float) -> float:
        """Return the time until `tick` has something to do, at least 0."""
        return max(0.0, self._silent_since_seconds + self._silence_seconds - now_seconds)

    def can_send(self, payload_bytes: int) -> bool:
        """Whether a message can be sent now: the session is open, all is well, and the credit suffices."""
        waits = bool(self._polls) or self._transmitted < len(self._sent)
        return self.state is LinkState.OPEN and not waits and self._in_flight_bytes + frame_bytes(payload_bytes) <= self._credit_bytes

    def send(self, message: Message) -> bool:
        """Send `message`, reliably and in order; False, with nothing sent, if `can_send` is."""
        payload = message.encode()
        if not self.can_send(len(payload)):
            return False
        self._sent.append((message.ID, payload))
        self._transmit()
        return True

    def next_message(self) -> Message | None:
        """Return the next message in order, None if there is none.

        Raises
        ------
        ProtocolError
            If it does not decode.
        """
        return decode_message(*self._received.popleft()) if self._received else None

    def take_output(self) -> bytes:
        """Return what is to be written, and forget it."""
        output = b"".join(self._output)
        self._output.clear()
        return output

    def _reset(self, *, now_seconds: float) -> None:
        self._output.clear()
        self._received: deque[tuple[int, bytes]] = deque()
        self._sent: deque[tuple[int, bytes]] = deque()  # not yet acknowledged
        self._transmitted = 0  # of them, those on their way
        self._in_flight_bytes = 0  # of those, as `frame_bytes`
        self._credit_bytes = 0
        self._oldest_sequence = 0  # of the first in _sent
        self._expected_sequence = 0
        self._unacknowledged_bytes = 0  # that the device keeps for us
        self._acknowledge_threshold_bytes = 1
        self._polls: set[int] = set()  # tokens not answered; until one is, nothing else is sent
        self._heard(now_seconds)

    def _heard(self, now_seconds: float) -> None:
        self.heard_seconds = now_seconds
        self._silent_since_seconds = now_seconds
        self._silence_seconds = self._poll_seconds

    def _take_hello(self, frame: Frame, now_seconds: float) -> None:
        if frame.type != Hello.ID or frame.sequence != 0 or len(frame.payload) < _HELLO_START.size:
            return
        version, nonce = _HELLO_START.unpack_from(frame.payload)
        if nonce != self._nonce:
            return  # left over from an earlier host
        if version != PROTOCOL_VERSION:
            self.state = LinkState.CLOSED
            raise ProtocolError(
                f"the firmware speaks version {version} of the protocol, this tinyaudio version {PROTOCOL_VERSION}",
                hint="run `tinyaudio build` and flash again",
                where="Hello",
            )
        self.state = LinkState.OPEN
        self._acknowledge_threshold_bytes = max(1, Hello.decode(frame.payload).retransmit_bytes // 4)
        self._heard(now_seconds)
        self._take_frame(frame)

    def _take_frame(self, frame: Frame) -> None:
        if frame.type == SessionNotice.ID:
            self.state = LinkState.LOST
        elif frame.type == LinkStatus.ID:
            self._take_status(frame)
        elif frame.type not in CONTROL_TYPES:
            self._take_acknowledge(frame)
            self._take_sequenced(frame)

    def _take_status(self, frame: Frame) -> None:
        status = LinkStatus.decode(frame.payload)
        is_possible = self._take_acknowledge(frame)
        if status.token in self._polls:
            ahead = distance(self._expected_sequence, frame.sequence)
            if not is_possible or ahead >= HALF_OF_SEQUENCE:
                self.state = LinkState.LOST  # a repeated HelloRequest opened this session again, behind a reset
                return
            self._polls.clear()
            self._credit_bytes = frame.credit
            self.statistics.retransmitted_frames += self._transmitted
            self._transmitted = self._in_flight_bytes = 0  # what was not acknowledged now is lost
            if ahead > 0:
                self._poll(resend=True)
            self._transmit()
        elif status.gap and not self._polls:
            self._poll(resend=False)

    def _take_acknowledge(self, frame: Frame) -> bool:
        """Forget what the device has; return whether the acknowledge is possible at all."""
        count = distance(self._oldest_sequence, frame.acknowledge)
        if count > self._transmitted:
            return False
        for _ in range(count):
            self._in_flight_bytes -= frame_bytes(len(self._sent.popleft()[1]))
        self._transmitted -= count
        self._oldest_sequence = frame.acknowledge
        # With the same acknowledge the credit only grows; less of it comes from an earlier frame, repeated on the way.
        self._credit_bytes = frame.credit if count else max(self._credit_bytes, frame.credit)
        self._transmit()
        return True

    def _take_sequenced(self, frame: Frame) -> None:
        ahead = distance(self._expected_sequence, frame.sequence)
        if ahead >= HALF_OF_SEQUENCE:
            self.statistics.duplicate_frames += 1
        elif ahead > 0:
            self.statistics.gap_frames += 1
            if not self._polls:
                self._poll(resend=True)
        else:
            self._received.append((frame.type, frame.payload))
            self._expected_sequence = following(self._expected_sequence)
            self._unacknowledged_bytes += ring_bytes(len(frame.payload))

    def _transmit(self) -> None:
        """Write what waits, as far as the credit goes."""
        while self._transmitted < len(self._sent) and not self._polls:
            type_id, payload = self._sent[self._transmitted]
            if self._in_flight_bytes + frame_bytes(len(payload)) > self._credit_bytes:
                return
            sequence = (self._oldest_sequence + self._transmitted) % SEQUENCE_MODULUS
            self._in_flight_bytes += frame_bytes(len(payload))
            self._transmitted += 1
            self._write_frame(type_id, sequence, payload)

    def _poll(self, *, resend: bool) -> None:
        self._token = self._token % 65_535 + 1
        self._polls.add(self._token)
        self.statistics.polls += 1
        self._write(LinkPoll(token=self._token, resend=int(resend)))

    def _write_hello_request(self) -> None:
        self._write(HelloRequest(protocol_version=PROTOCOL_VERSION, nonce=self._nonce))

    def _write(self, message: Message) -> None:
        self._write_frame(message.ID, (self._oldest_sequence + len(self._sent)) % SEQUENCE_MODULUS, message.encode())

    def _write_frame(self, type_id: int, sequence: int, payload: bytes) -> None:
        frame = Frame(type_id, self._session, sequence, self._expected_sequence, _UNLIMITED_CREDIT, payload)
        self._output.append(encode_frame(frame))
        self._unacknowledged_bytes = 0
