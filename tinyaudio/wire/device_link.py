"""The device's side of the reliable link: the twin of ``firmware/lib/tinyaudio_wire/src/link.cc``, line by line.

It has no clock: it acts on received bytes alone. What it sends is kept until the host has acknowledged it.
"""

from __future__ import annotations

from collections import deque

from tinyaudio.core.errors import ProtocolError
from tinyaudio.wire.framing import MAX_FRAME_BYTES, Frame, FrameDecoder, encode_frame, frame_bytes
from tinyaudio.wire.link import CONTROL_TYPES, HALF_OF_SEQUENCE, LinkStatistics, distance, following, ring_bytes
from tinyaudio.wire.messages import MAX_PAYLOAD_BYTES, HelloRequest, LinkPoll, LinkStatus, Message, SessionNotice


class DeviceLink:
    """The link of a device.

    Parameters
    ----------
    receive_bytes
        What the host may have in flight, and what is held for the application at most.
    retransmit_bytes
        What is kept until acknowledged at most; when it is full, `can_send` is false.

    Attributes
    ----------
    hello_pending
        A new session began, and its HelloRequest was not yet taken: nothing can be sent.

    Raises
    ------
    ValueError
        If one of them is less than twice the longest frame (the link might stall), or `receive_bytes` exceeds 65535.
    """

    _next_sequence: int  # of our next frame
    _unreported_bytes: int  # credit regained since the host was last told

    def __init__(self, *, receive_bytes: int = 4_096, retransmit_bytes: int = 8_192) -> None:
        if not 2 * MAX_FRAME_BYTES <= receive_bytes <= 65_535 or retransmit_bytes < 2 * ring_bytes(MAX_PAYLOAD_BYTES):
            raise ValueError(f"buffers of {receive_bytes} and {retransmit_bytes} bytes; at least {2 * MAX_FRAME_BYTES} are needed, 65535 at most")
        self.statistics = LinkStatistics()
        self.retransmit_bytes = retransmit_bytes
        self._receive_bytes = receive_bytes
        self._decoder = FrameDecoder()
        self._output: list[bytes] = []
        self._nonce = 0
        self._open(session=0, nonce=0)

    def receive(self, data: bytes) -> None:
        """Take received bytes in any pieces; answer polls, repetitions and foreign sessions at once."""
        for frame in self._decoder.feed(data):
            self._take_frame(frame)
        self.statistics.malformed_frames = self._decoder.malformed_frames

    def take_output(self) -> bytes:
        """Return what is to be written, and forget it."""
        output = b"".join(self._output)
        self._output.clear()
        return output

    def next_message(self) -> tuple[int, bytes] | None:
        """Return type and payload of the next message in order; None if there is none.

        On `HelloRequest` a new session began: drop everything of the old one and send `Hello`, as the first message.
        """
        if not self._received:
            return None
        type_id, payload = self._received.popleft()
        self._received_bytes -= ring_bytes(len(payload))
        if type_id == HelloRequest.ID:
            self.hello_pending = False
        self._unreported_bytes += frame_bytes(len(payload))
        # The host stops when less than a frame of credit is left; half a buffer regained is told before it can stop for good.
        if self._unreported_bytes >= self._receive_bytes // 2 and not self.hello_pending:
            self._write_status()
        return type_id, payload

    def can_send(self, payload_bytes: int) -> bool:
        """Whether a message can be sent now: a session is open, its HelloRequest was taken, and there is room."""
        fits = self._sent_bytes + ring_bytes(payload_bytes) <= self.retransmit_bytes
        return self._session != 0 and not self.hello_pending and payload_bytes <= MAX_PAYLOAD_BYTES and fits

    def send(self, message: Message) -> bool:
        """Send `message`, reliably and in order; False, with nothing sent, if `can_send` is."""
        payload = message.encode()
        if not self.can_send(len(payload)):
            return False
        self._sent.append((message.ID, payload))
        self._sent_bytes += ring_bytes(len(payload))
        self._write(message.ID, session=self._session, sequence=self._next_sequence, payload=payload)
        self._next_sequence = following(self._next_sequence)
        return True

    def _open(self, *, session: int, nonce: int) -> None:
        self._session = session
        self._nonce = nonce
        self._received: deque[tuple[int, bytes]] = deque()
        self._received_bytes = 0
        self._sent: deque[tuple[int, bytes]] = deque()
        self._sent_bytes = 0
        self.hello_pending = session != 0
        self._gap_reported = False
        self._expected_sequence = 0
        self._next_sequence = 0
        self._oldest_sequence = 0
        self._unreported_bytes = 0

    def _take_frame(self, frame: Frame) -> None:
        if frame.type == HelloRequest.ID:
            self._take_hello_request(frame)
        elif frame.session != self._session or self._session == 0:
            self.statistics.foreign_frames += 1
            notice = SessionNotice(open_session=self._session)
            self._write(SessionNotice.ID, session=frame.session, sequence=0, payload=notice.encode())
        else:
            self._take_acknowledge(frame.acknowledge)
            if frame.type == LinkPoll.ID:
                self._take_poll(frame.payload)
            elif frame.type not in CONTROL_TYPES:
                self._take_sequenced(frame)

    def _take_hello_request(self, frame: Frame) -> None:
        try:
            request = HelloRequest.decode(frame.payload)
        except ProtocolError:
            return
        if frame.session == 0:
            return
        if frame.session == self._session and request.nonce == self._nonce:
            self._resend_all()  # the host has not seen our Hello yet
            return
        self._open(session=frame.session, nonce=request.nonce)
        self._push(frame)

    def _take_poll(self, payload: bytes) -> None:
        try:
            poll = LinkPoll.decode(payload)
        except ProtocolError:
            return
        if poll.resend:
            self._resend_all()
        self._write_status(token=poll.token)

    def _take_sequenced(self, frame: Frame) -> None:
        ahead = distance(self._expected_sequence, frame.sequence)
        if ahead >= HALF_OF_SEQUENCE:
            self.statistics.duplicate_frames += 1
        elif ahead > 0 or self._received_bytes + ring_bytes(len(frame.payload)) > self._receive_bytes:
            self._report_gap()  # lost on the way, or sent beyond the credit: the host has to send it again
        else:
            self._push(frame)
            self._expected_sequence = following(self._expected_sequence)
            self._gap_reported = False

    def _take_acknowledge(self, acknowledge: int) -> None:
        count = distance(self._oldest_sequence, acknowledge)
        if count > len(self._sent):
            return  # of a frame that came late, or never sent
        for _ in range(count):
            self._sent_bytes -= ring_bytes(len(self._sent.popleft()[1]))
        self._oldest_sequence = acknowledge

    def _push(self, frame: Frame) -> None:
        self._received.append((frame.type, frame.payload))
        self._received_bytes += ring_bytes(len(frame.payload))

    def _report_gap(self) -> None:
        self.statistics.gap_frames += 1
        if not self._gap_reported:
            self._gap_reported = True
            self._write_status(gap=1)

    def _resend_all(self) -> None:
        sequence = self._oldest_sequence
        for type_id, payload in self._sent:
            self._write(type_id, session=self._session, sequence=sequence, payload=payload)
            sequence = following(sequence)
            self.statistics.retransmitted_frames += 1

    def _write_status(self, *, token: int = 0, gap: int = 0) -> None:
        self._write(LinkStatus.ID, session=self._session, sequence=self._next_sequence, payload=LinkStatus(token=token, gap=gap).encode())

    def _write(self, type_id: int, *, session: int, sequence: int, payload: bytes) -> None:
        credit = self._receive_bytes - self._received_bytes
        self._output.append(encode_frame(Frame(type_id, session, sequence, self._expected_sequence, credit, payload)))
        self._unreported_bytes = 0
