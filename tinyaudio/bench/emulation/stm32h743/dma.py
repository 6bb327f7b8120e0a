"""DMA1, DMA2 and DMAMUX1 (RM0433, 15 and 17): circular and single transfers between a peripheral and memory.

A peripheral with a request asks for the stream that serves it and moves as many items as its own clock has made due.
Items are moved in bulk, when an interrupt is due or somebody looks: the bytes are in memory no later than NDTR says.
Not modelled: memory to memory, double buffers (DBM), the FIFO's own delay, bursts, arbitration between streams.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from tinyaudio.bench.emulation.stm32h743.bus import Peripheral
from tinyaudio.bench.emulation.stm32h743.exceptions import Exceptions
from tinyaudio.bench.emulation.stm32h743.problems import MisuseError, UnmodelledError

_EN, _HTIE, _TCIE, _CIRC, _PINC, _MINC, _DBM = 1 << 0, 1 << 3, 1 << 4, 1 << 8, 1 << 9, 1 << 10, 1 << 18
_TO_MEMORY, _FROM_MEMORY = 0, 1
_HALF, _COMPLETE = 1 << 4, 1 << 5
_FLAG_SHIFTS = (0, 6, 16, 22)
_STREAM_BYTES = 0x18
_INTERRUPTS = {"DMA1": (11, 12, 13, 14, 15, 16, 17, 47), "DMA2": (56, 57, 58, 59, 60, 68, 69, 70)}
_FCR_RESET = 0x21

#: DMAMUX1 inputs (RM0433, table 121).
REQUESTS = {"USART1_RX": 41, "USART1_TX": 42, "USART2_RX": 43, "USART2_TX": 44, "USART3_RX": 45, "USART3_TX": 46,
            "SAI1_A": 87, "SAI1_B": 88, "DFSDM1_FLT0": 101, "DFSDM1_FLT1": 102, "DFSDM1_FLT2": 103, "DFSDM1_FLT3": 104}  # fmt: skip

#: Checks a buffer: (controller, first address, bytes, writes to memory); raises MisuseError. Returns the memory.
BufferCheck = Callable[[str, int, int, bool], memoryview]


class Stream:
    """One stream of a controller."""

    def __init__(self, controller: str, number: int, *, exceptions: Exceptions, check: BufferCheck) -> None:
        self.controller = controller
        self.number = number
        self._interrupt = _INTERRUPTS[controller][number]
        self._exceptions = exceptions
        self._check = check
        self.reset()

    def reset(self) -> None:
        """As after a reset."""
        self.control = 0
        self.items_left = 0  # NDTR
        self.peripheral_address = 0
        self.memory_address = 0
        self.second_address = 0
        self.fifo_control = _FCR_RESET
        self.flags = 0
        self._items = 0  # NDTR as it was written
        self._memory = memoryview(b"")

    @property
    def is_on(self) -> bool:
        """Whether EN is set."""
        return bool(self.control & _EN)

    @property
    def to_memory(self) -> bool:
        """Whether it moves from the peripheral to memory."""
        return self.control >> 6 & 3 == _TO_MEMORY

    @property
    def item_bytes(self) -> int:
        """PSIZE."""
        return int(1 << (self.control >> 11 & 3))

    def items_to_event(self) -> int:
        """Return how many items are left to the next half or end."""
        half = self._items - self._items // 2  # items left when half are done
        return self.items_left - half if self.items_left > half else self.items_left

    def put(self, data: bytes) -> None:
        """Store whole items; at most `items_to_event` of them."""
        offset = self._done_bytes()
        if self.control & _MINC:
            self._memory[offset : offset + len(data)] = data
        else:
            self._memory[: self.item_bytes] = data[-self.item_bytes :]
        self._advance(len(data) // self.item_bytes)

    def take(self, items: int) -> bytes:
        """Return the next `items` items; at most `items_to_event` of them."""
        offset, count = self._done_bytes(), items * self.item_bytes
        data = bytes(self._memory[offset : offset + count]) if self.control & _MINC else bytes(self._memory[: self.item_bytes]) * items
        self._advance(items)
        return data

    def _done_bytes(self) -> int:
        return (self._items - self.items_left) * self.item_bytes

    def _advance(self, items: int) -> None:
        before, self.items_left = self.items_left, self.items_left - items
        half = self._items - self._items // 2
        if before > half >= self.items_left:
            self.flags |= _HALF
        if self.items_left == 0:
            self.flags |= _COMPLETE
            if self.control & _CIRC:
                self.items_left = self._items
            else:
                self.control &= ~_EN
        self.update_line()

    def write_control(self, value: int) -> None:
        """Write SxCR."""
        if self.is_on:
            self.control = self.control & ~0x1F | value & 0x1F  # only EN and the interrupt enables change while it runs
        else:
            self.control = value
            if value & _EN:
                self._start()
        self.update_line()

    def _start(self) -> None:
        name = f"{self.controller} stream {self.number}"
        if self.control & _DBM or self.control >> 6 & 3 > _FROM_MEMORY:
            raise UnmodelledError(f"{name} is switched on with a double buffer or memory to memory, which is not modelled")
        if self.control & _PINC:
            raise UnmodelledError(f"{name} is switched on with a moving peripheral address, which is not modelled")
        memory_size = 1 << (self.control >> 13 & 3)
        if memory_size != self.item_bytes and not self.fifo_control & 1 << 2:
            raise MisuseError(f"{name} changes the width of items from {self.item_bytes} to {memory_size} bytes in direct mode")
        if self.flags & (_HALF | _COMPLETE):
            raise MisuseError(f"{name} is switched on with flags of its last transfer set; the chip does not start it (RM0433, 15.3.6)")
        if self.items_left == 0:
            raise MisuseError(f"{name} is switched on with NDTR = 0")
        self._items = self.items_left
        self._memory = self._check(self.controller, self.memory_address, self._items * self.item_bytes, self.to_memory)

    def write_items(self, value: int) -> None:
        """Write SxNDTR."""
        if not self.is_on:
            self.items_left = value & 0xFFFF

    def update_line(self) -> None:
        """Set the interrupt line by flags and enables."""
        wanted = (self.flags & _HALF and self.control & _HTIE) or (self.flags & _COMPLETE and self.control & _TCIE)
        self._exceptions.set_line(self._interrupt, bool(wanted))


class Dma(Peripheral):
    """DMA1 or DMA2."""

    def __init__(self, name: str, origin: int, *, exceptions: Exceptions, check: BufferCheck) -> None:
        self.name = name
        self.origin = origin
        super().__init__()
        self.streams = [Stream(name, number, exceptions=exceptions, check=check) for number in range(8)]
        self.before_look: Callable[[Stream], None] = lambda _stream: None
        self.on_switched: Callable[[Stream], None] = lambda _stream: None

    def reset(self) -> None:
        """As after a system reset."""
        for stream in self.streams:
            stream.reset()

    def read_register(self, offset: int) -> int:
        """Return the register at `offset`."""
        if offset in (0x00, 0x04):
            four = self.streams[:4] if offset == 0x00 else self.streams[4:]
            for stream in four:
                self.before_look(stream)
            return sum(stream.flags << shift for stream, shift in zip(four, _FLAG_SHIFTS, strict=True))
        if offset < 0x10:
            return 0
        stream, field = self._stream(offset)
        self.before_look(stream)
        return (stream.control, stream.items_left, stream.peripheral_address, stream.memory_address, stream.second_address, stream.fifo_control)[
            field
        ]

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at `offset`."""
        if offset in (0x08, 0x0C):
            four = self.streams[:4] if offset == 0x08 else self.streams[4:]
            for stream, shift in zip(four, _FLAG_SHIFTS, strict=True):
                stream.flags &= ~(value >> shift & 0x3D)
                stream.update_line()
            return
        if offset < 0x10:
            return
        stream, field = self._stream(offset)
        self.before_look(stream)
        if field == 0:
            stream.write_control(value)
            self.on_switched(stream)
        elif field == 1:
            stream.write_items(value)
        elif stream.is_on and field != 5:
            raise MisuseError(f"{self.name} stream {stream.number}: an address is written while the stream is on")
        else:
            setattr(stream, ("peripheral_address", "memory_address", "second_address", "fifo_control")[field - 2], value)

    def _stream(self, offset: int) -> tuple[Stream, int]:
        number, rest = divmod(offset - 0x10, _STREAM_BYTES)
        if number >= len(self.streams):
            raise UnmodelledError(f"{self.name} has no register at offset 0x{offset:03x}")
        return self.streams[number], rest // 4


class Dmamux(Peripheral):
    """DMAMUX1: which request a stream serves. Synchronization and request generators are not modelled."""

    name = "DMAMUX1"
    origin = 0x4002_0800
    reset_values: ClassVar[Mapping[int, int]] = {**dict.fromkeys(range(0, 0x40, 4), 0), 0x80: 0, 0x84: 0}

    def __init__(self, controllers: tuple[Dma, Dma]) -> None:
        super().__init__()
        self._streams = [stream for controller in controllers for stream in controller.streams]

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at `offset`."""
        if offset < 0x40 and value & ~0x7F:
            raise UnmodelledError(f"DMAMUX1_C{offset // 4}CR = 0x{value:08x}: only the request's number is modelled")
        super().write_register(offset, value)

    def stream_of(self, request: str) -> Stream | None:
        """Return the stream that is on and serves `request`."""
        number = REQUESTS[request]
        for channel, stream in enumerate(self._streams):
            if self.registers[4 * channel] == number and stream.is_on:
                return stream
        return None

    def request_of(self, stream: Stream) -> str | None:
        """Return the request that `stream` serves."""
        number = self.registers[4 * self._streams.index(stream)]
        return next((name for name, value in REQUESTS.items() if value == number), None)
