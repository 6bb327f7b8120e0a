"""What SAI and DFSDM have in common: items that come at a sample rate, into a FIFO or through DMA."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from tinyaudio.bench.emulation.stm32h743.dma import Dmamux
from tinyaudio.bench.emulation.stm32h743.microphone import Microphone
from tinyaudio.bench.emulation.stm32h743.problems import MisuseError
from tinyaudio.bench.emulation.stm32h743.timeline import PICOSECONDS_PER_SECOND, Timeline

_RATE_TOLERANCE = 0.02


class AudioInput:
    """Moves samples of the microphone to where the configuration wants them, in emulated time.

    Parameters
    ----------
    name
        Of the peripheral, for errors.
    request
        Its DMA request.
    depth
        Items that it holds if nobody fetches them.
    to_items
        Makes register values (uint32) of samples, one frame after the other.
    on_change
        Called when its state or FIFO has changed, to set the interrupt line.
    """

    def __init__(
        self,
        name: str,
        *,
        request: str,
        depth: int,
        timeline: Timeline,
        dmamux: Dmamux,
        microphone: Microphone,
        to_items: Callable[[NDArray[np.int16]], NDArray[np.uint32]],
        on_change: Callable[[], None],
    ) -> None:
        self._name = name
        self._request = request
        self._depth = depth
        self._timeline = timeline
        self._dmamux = dmamux
        self._microphone = microphone
        self._to_items = to_items
        self._on_change = on_change
        self._alarm = timeline.new_alarm(self._ring)
        self.stop()

    def stop(self) -> None:
        """Switch it off."""
        self._period_ps: Fraction | None = None
        self._begun_ps = 0
        self._frames = 0  # delivered since
        self._items_of_frame = 1
        self.fifo: list[int] = []
        self.uses_dma = False
        self.overrun = False
        self._timeline.set(self._alarm, None)

    @property
    def is_on(self) -> bool:
        """Whether samples come."""
        return self._period_ps is not None

    def start(self, rate_hz: Fraction, *, items_of_frame: int, uses_dma: bool) -> None:
        """Switch it on at `rate_hz` frames a second; the WAV begins.

        Raises
        ------
        MisuseError
            If the WAV has another rate than the configured clocks give.
        """
        wanted = self._microphone.sample_rate_hz
        if rate_hz <= 0:
            raise MisuseError(f"{self._name} is switched on with its kernel clock off")
        if wanted is not None and abs(rate_hz / wanted - 1) > _RATE_TOLERANCE:
            raise MisuseError(f"{self._name} samples at {float(rate_hz):.1f} Hz by its clocks and dividers, the WAV has {wanted} Hz")
        self._microphone.rewind()
        self._period_ps = PICOSECONDS_PER_SECOND / rate_hz
        self._begun_ps = self._timeline.now_ps()
        self._frames = 0
        self._items_of_frame = items_of_frame
        self.uses_dma = uses_dma
        self._schedule()

    def advance(self) -> None:
        """Bring in every frame that is complete by now."""
        if self._period_ps is None:
            return
        due = int((self._timeline.now_ps() - self._begun_ps) / self._period_ps) - self._frames
        if due > 0:
            self._frames += due
            self._deliver(self._to_items(self._microphone.take(due)))
            self._on_change()
        self._schedule()

    def _deliver(self, items: NDArray[np.uint32]) -> None:
        items = np.concatenate([np.array(self.fifo, np.uint32), items])
        self.fifo = []
        while len(items):
            stream = self._dmamux.stream_of(self._request) if self.uses_dma else None
            if stream is None or not stream.to_memory:
                break
            count = min(len(items), stream.items_to_event())
            stream.put(items[:count].astype(f"<u{stream.item_bytes}").tobytes())
            items = items[count:]
        self.overrun |= len(items) > self._depth
        self.fifo = [int(item) for item in items[: self._depth]]

    def _frames_to_event(self) -> int:
        stream = self._dmamux.stream_of(self._request) if self.uses_dma else None
        return 1 if stream is None else -(-stream.items_to_event() // self._items_of_frame)

    def _schedule(self) -> None:
        if self._period_ps is None:
            return
        at_ps = self._begun_ps + -int(-(self._frames + self._frames_to_event()) * self._period_ps // 1)
        self._timeline.set(self._alarm, at_ps, background=self._microphone.is_silent)

    def _ring(self) -> None:
        self.advance()
