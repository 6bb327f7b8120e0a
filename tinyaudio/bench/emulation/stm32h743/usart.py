"""USART (RM0433, 48): asynchronous, 8 data bits, with and without its FIFO, by interrupts, polling or DMA.

Bytes take the time that the kernel clock and BRR give them. On the receiver's side the host's bytes follow each other
without a gap while it has some; how fast the host is changes when they begin, never whether they fit.
"""

from __future__ import annotations

from collections.abc import Callable

from tinyaudio.bench.emulation.stm32h743.bus import Peripheral
from tinyaudio.bench.emulation.stm32h743.dma import Dmamux, Stream
from tinyaudio.bench.emulation.stm32h743.exceptions import Exceptions
from tinyaudio.bench.emulation.stm32h743.problems import MisuseError, UnmodelledError
from tinyaudio.bench.emulation.stm32h743.timeline import PICOSECONDS_PER_SECOND, Timeline

_CR1, _CR2, _CR3, _BRR, _GTPR, _RTOR, _RQR, _ISR, _ICR, _RDR, _TDR, _PRESC = range(0x00, 0x30, 4)
_UE, _RE, _TE, _IDLEIE, _RXNEIE, _TCIE, _TXEIE = 1 << 0, 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7
_M0, _OVER8, _RTOIE, _M1, _FIFOEN, _PCE = 1 << 12, 1 << 15, 1 << 26, 1 << 28, 1 << 29, 1 << 10
_EIE, _DMAR, _DMAT, _OVRDIS, _RTOEN = 1 << 0, 1 << 6, 1 << 7, 1 << 12, 1 << 23
_ORE, _IDLE, _RXNE, _TC, _TXE, _RTOF = 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7, 1 << 11
_TEACK, _REACK, _TXFE = 1 << 21, 1 << 22, 1 << 23
_FIFO_BYTES = 16
_PRESCALERS = (1, 2, 4, 6, 8, 10, 12, 16, 32, 64, 128, 256)
_BITS = 10  # start, eight of data, one stop
_BAUD_TOLERANCE = 0.025
_NOT_MODELLED_CR1 = _PCE | _M0 | _M1 | 1 << 1 | 1 << 13  # parity, other lengths, STOP mode, mute mode
_INTERRUPTS = {"USART1": 37, "USART2": 38, "USART3": 39}


class Usart(Peripheral):
    """One USART.

    Attributes
    ----------
    on_sent
        Called with bytes that left the transmitter.
    line_baud
        What the host's side runs at; ``None``: nothing is connected.
    check_pins
        Called before the first byte; raises if the pins are not given to this USART.
    """

    def __init__(
        self, name: str, origin: int, *, timeline: Timeline, exceptions: Exceptions, dmamux: Dmamux, kernel_hz: Callable[[str], float]
    ) -> None:
        self.name = name
        self.origin = origin
        super().__init__()
        self._timeline = timeline
        self._exceptions = exceptions
        self._dmamux = dmamux
        self._kernel_hz = kernel_hz
        self._receive_alarm = timeline.new_alarm(self._on_alarm)
        self._transmit_alarm = timeline.new_alarm(self._on_alarm)
        self.on_sent: Callable[[bytes], None] = lambda _data: None
        self.line_baud: int | None = None
        self.check_pins: Callable[[], None] = lambda: None
        self._line = bytearray()  # on its way to the receiver
        self.reset()

    def reset(self) -> None:
        """As after a system reset."""
        self.registers = dict.fromkeys((_CR1, _CR2, _CR3, _BRR, _GTPR, _RTOR, _PRESC), 0)
        self._flags = 0  # ORE, IDLE, RTOF
        self._received = bytearray()  # RDR and the FIFO
        self._line.clear()
        self._next_byte_ps = 0  # when the first byte of the line has arrived
        self._idle_ps: int | None = None  # when IDLE is due
        self._transmit_end_ps = 0  # when the last byte given to the transmitter has left it
        self._complete_cleared = False  # TC was cleared, and nothing sent since
        self._fed_since_ps: int | None = None  # since when DMA feeds the transmitter
        self._timeline.set(self._receive_alarm, None)
        self._timeline.set(self._transmit_alarm, None)

    # -- timing --------------------------------------------------------------------------------------------------

    def baud(self) -> float:
        """Return symbols a second, as configured; 0 before that."""
        divider = self.registers[_BRR]
        if divider < 16:
            return 0.0
        clock_hz = self._kernel_hz(self.name) / _PRESCALERS[self.registers[_PRESC] & 0xF]
        if self.registers[_CR1] & _OVER8:
            return 2 * clock_hz / (divider & 0xFFF0 | (divider & 7) << 1)
        return clock_hz / divider

    def _byte_ps(self) -> int:
        baud = self.baud()
        if not baud:
            raise MisuseError(f"{self.name} is used with its kernel clock off or BRR below 16")
        if self.line_baud is not None and abs(baud / self.line_baud - 1) > _BAUD_TOLERANCE:
            raise MisuseError(f"{self.name} runs at {baud:.0f} baud, the host at {self.line_baud}: they would not understand each other")
        return round(_BITS * PICOSECONDS_PER_SECOND / baud)

    def _is_receiving(self) -> bool:
        return self.registers[_CR1] & (_UE | _RE) == _UE | _RE

    def _depth(self) -> int:
        return _FIFO_BYTES if self.registers[_CR1] & _FIFOEN else 1

    # -- the host's side -----------------------------------------------------------------------------------------

    def is_hungry(self) -> bool:
        """Whether the host's next bytes should be put on the line."""
        return self._is_receiving() and len(self._line) < 4_096

    def deliver(self, data: bytes) -> None:
        """Put bytes of the host on the line."""
        self.check_pins()
        if not self._line:
            self._next_byte_ps = max(self._timeline.now_ps(), self._next_byte_ps) + self._byte_ps()
        self._line += data
        self._schedule()

    # -- receiver ------------------------------------------------------------------------------------------------

    def _arrive(self) -> None:
        """Bring in what has arrived by now."""
        now = self._timeline.now_ps()
        byte_ps = self._byte_ps() if self._line else 0
        while self._line and now >= self._next_byte_ps:
            due = min(len(self._line), (now - self._next_byte_ps) // byte_ps + 1)
            taken = self._store(bytes(self._line[:due]))
            del self._line[:taken]
            self._next_byte_ps += taken * byte_ps
            self._flags &= ~_RTOF if self._line else ~0
            self._idle_ps = None if self._line else self._next_byte_ps
            if not self._line:
                self._next_byte_ps -= byte_ps  # the end of the last byte; the next one begins there at the earliest
        if self._idle_ps is not None and now >= self._idle_ps:
            self._idle_ps = None
            self._flags |= _IDLE
            if self.registers[_CR2] & _RTOEN:
                self._flags |= _RTOF

    def _store(self, data: bytes) -> int:
        """Put bytes where the configuration wants them; return how many were dealt with."""
        stream = self._receive_stream()
        if stream is not None:
            count = min(len(data), stream.items_to_event())
            stream.put(data[:count])
            return count
        if len(self._received) >= self._depth():
            if not self.registers[_CR3] & _OVRDIS:
                self._flags |= _ORE
                return 1  # lost, as on the chip
            self._received[-1:] = b""
        self._received += data[:1]
        return 1

    def _receive_stream(self) -> Stream | None:
        if not self.registers[_CR3] & _DMAR:
            return None
        stream = self._dmamux.stream_of(f"{self.name}_RX")
        if stream is None or not stream.to_memory:
            return None
        if self._received:
            stream.put(bytes(self._received[:1]))
            del self._received[:1]
        return stream if stream.is_on else None

    # -- transmitter ---------------------------------------------------------------------------------------------

    def _waiting_to_leave(self) -> int:
        """Return how many bytes the transmitter holds behind the one that it shifts out."""
        left_ps = self._transmit_end_ps - self._timeline.now_ps()
        return 0 if left_ps <= 0 else -(-left_ps // self._byte_ps()) - 1

    def _send(self, data: bytes, *, begin_ps: int) -> None:
        self.check_pins()
        self._transmit_end_ps = begin_ps + len(data) * self._byte_ps()
        self._complete_cleared = False
        self.on_sent(data)

    def _transmit_stream(self) -> Stream | None:
        if not self.registers[_CR3] & _DMAT or self.registers[_CR1] & (_UE | _TE) != _UE | _TE:
            return None
        stream = self._dmamux.stream_of(f"{self.name}_TX")
        return None if stream is None or stream.to_memory else stream

    def _feed(self) -> None:
        """Let DMA have filled the transmitter as far as its time has come, without a gap since it was switched on."""
        now = self._timeline.now_ps()
        while (stream := self._transmit_stream()) is not None:
            byte_ps = self._byte_ps()
            if self._fed_since_ps is None:
                self._fed_since_ps = now
            begin = max(self._transmit_end_ps, self._fed_since_ps)
            due = min(stream.items_to_event(), ((self._depth() + 1) * byte_ps - (begin - now)) // byte_ps)
            if due <= 0:
                return
            self._send(stream.take(due), begin_ps=begin)
        self._fed_since_ps = None

    def _next_feed_ps(self) -> int | None:
        """Return when DMA will have moved the last item before its next half or end."""
        stream = self._transmit_stream()
        if stream is None or self._fed_since_ps is None:
            return None
        return max(self._transmit_end_ps, self._fed_since_ps) + (stream.items_to_event() - self._depth() - 1) * self._byte_ps()

    # -- both ----------------------------------------------------------------------------------------------------

    def advance(self) -> None:
        """Bring everything up to now."""
        self._arrive()
        self._feed()
        self._schedule()

    def _on_alarm(self) -> None:
        self.advance()

    def _schedule(self) -> None:
        now = self._timeline.now_ps()
        at_ps = self._idle_ps
        if self._line:
            stream = self._receive_stream()
            ahead = 0 if stream is None else min(stream.items_to_event(), len(self._line)) - 1
            at_ps = self._next_byte_ps + ahead * self._byte_ps()
        self._timeline.set(self._receive_alarm, at_ps)
        feed_ps = self._next_feed_ps()
        wanted = self.registers[_CR1] & (_TXEIE | _TCIE)
        if feed_ps is None and wanted and self._transmit_end_ps > now:
            feed_ps = self._transmit_end_ps - (self._waiting_to_leave() * self._byte_ps() if wanted & _TXEIE else 0)
        self._timeline.set(self._transmit_alarm, None if feed_ps is None else max(feed_ps, now + 1))
        self._update_line(now)

    def _status(self, now: int) -> int:
        value = self._flags | _TEACK * bool(self.registers[_CR1] & _TE) | _REACK * bool(self.registers[_CR1] & _RE)
        if self._received:
            value |= _RXNE
        if now >= self._transmit_end_ps:
            value |= (0 if self._complete_cleared else _TC) | _TXE | (_TXFE if self.registers[_CR1] & _FIFOEN else 0)
        elif self._waiting_to_leave() < self._depth():
            value |= _TXE
        return value

    def _update_line(self, now: int) -> None:
        control, status = self.registers[_CR1], self._status(now)
        wanted = control & _UE and (
            (control & _IDLEIE and status & _IDLE)
            or (control & _RXNEIE and status & (_RXNE | _ORE))
            or (control & _TXEIE and status & _TXE)
            or (control & _TCIE and status & _TC)
            or (control & _RTOIE and status & _RTOF)
            or (self.registers[_CR3] & _EIE and self.registers[_CR3] & _DMAR and status & _ORE)
        )
        self._exceptions.set_line(_INTERRUPTS[self.name], bool(wanted))

    def read_register(self, offset: int) -> int:
        """Return the register at `offset`."""
        if offset in (_ISR, _RDR):
            self.advance()
        if offset == _ISR:
            return self._status(self._timeline.now_ps())
        if offset == _RDR:
            value = self._received[0] if self._received else 0
            del self._received[:1]
            self._schedule()
            return value
        if offset in (_TDR, _ICR, _RQR):
            return 0
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at `offset`."""
        self.advance()
        if offset == _TDR:
            if self.registers[_CR1] & (_UE | _TE) == _UE | _TE:
                if self._waiting_to_leave() >= self._depth():
                    raise MisuseError(f"{self.name}_TDR is written while TXE is clear: a byte would be lost")
                self._send(bytes([value & 0xFF]), begin_ps=max(self._transmit_end_ps, self._timeline.now_ps()))
        elif offset == _ICR:
            self._flags &= ~(value & (_ORE | _IDLE | _RTOF))
            self._complete_cleared |= bool(value & _TC) and self._timeline.now_ps() >= self._transmit_end_ps
        elif offset == _RQR:
            if value & 1 << 3:
                self._received.clear()
        elif offset in (_ISR, _RDR):
            pass  # read-only
        else:
            if offset == _CR1 and value & _NOT_MODELLED_CR1:
                raise UnmodelledError(f"{self.name}_CR1 = 0x{value:08x}: parity, 7 or 9 bits, mute and STOP mode are not modelled")
            super().write_register(offset, value)
        self.advance()
