"""`Device`: connect to firmware, stream clips to it or let it record, and hear what it computed; its settings."""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinyaudio.bench.device.clip_run import Capture, ClipCollector, ClipRun
from tinyaudio.bench.device.live_run import LiveCollector, LiveRun
from tinyaudio.bench.device.model_run import Inference, InferenceCollector, InferenceRequest
from tinyaudio.bench.device.self_test import SelfTestCollector, SelfTestRun
from tinyaudio.bench.device.settings import FIRST_FREE_KEY
from tinyaudio.bench.transport import Deadline, Transport
from tinyaudio.core.errors import DeviceError, IdentityError, InputError, ProtocolError
from tinyaudio.wire.host_link import HostLink, LinkState
from tinyaudio.wire.link import LinkStatistics
from tinyaudio.wire.messages import (
    ClipBegin,
    DeviceFault,
    FaultCode,
    Hello,
    LiveBegin,
    LiveEnd,
    Log,
    Message,
    Pcm,
    ResetRequest,
    SelfTestRequest,
    SettingsKeys,
    SettingsList,
    SettingsRead,
    SettingStatus,
    SettingsValue,
    SettingsWrite,
    TraceMode,
)

_READ_BYTES = 65_536
_MOST_RESETS = 8  # of one clip
_PCM_SAMPLES = Pcm.MAX_SAMPLES
_Answer = TypeVar("_Answer", SettingsValue, SettingsKeys)

#: Why a setting is not stored, and what helps.
_REFUSALS = {
    SettingStatus.REFUSED: ("its firmware has no such key, or not with this value", f"keys from {FIRST_FREE_KEY} on are free for any use"),
    SettingStatus.FULL: ("there is no room for another key", "forget one: write an empty value to it"),
    SettingStatus.FAILED: ("its storage is not there, does not work, or is of other firmware", "erase the settings' sectors, or use another board"),
}


class _Collector(Protocol):
    """Whoever takes in what the device tells of the work it was given."""

    def take(self, message: Message) -> None:
        """Take one message."""


class _SessionLostError(Exception):
    """The device was reset; caught in this module."""


class Device:
    """A device behind `transport`. A context manager that closes the transport.

    Parameters
    ----------
    transport
        The line; the device owns it from here on.
    name
        What errors call the device.
    silence_seconds
        A device that does not answer polls for so long is given up.
    poll_seconds
        Silence after which it is polled.
    clock
        Any clock that only goes forward, in seconds; `LoopbackTransport.now_seconds` where nothing ever waits.
    nonce_source
        Returns another number of 32 bits for each session.
    on_log
        Called with every line of the device's log.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        name: str = "device",
        silence_seconds: float = 15.0,
        poll_seconds: float = 0.25,
        clock: Callable[[], float] = time.monotonic,
        nonce_source: Callable[[], int] = lambda: secrets.randbits(32),
        on_log: Callable[[Log], None] | None = None,
    ) -> None:
        self._transport = transport
        self._name = name
        self._silence_seconds = silence_seconds
        self._clock = clock
        self._nonce_source = nonce_source
        self._on_log = on_log
        self._link = HostLink(poll_seconds=poll_seconds)
        self._hello: Hello | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def statistics(self) -> LinkStatistics:
        """What the link had to mend so far."""
        return dataclasses.replace(self._link.statistics)

    def connect(self, *, timeout_seconds: float = 30.0) -> Hello:
        """Open a session and return what the device says of itself.

        Raises
        ------
        DeviceError
            If it does not answer in time. (`TransportError`: the line is dead; `ProtocolError`: another protocol version.)
        IdentityError
            If this is not the first time, and another device or other firmware answers.
        """
        hello = self._open_session(Deadline.after(timeout_seconds, clock=self._clock))
        if self._hello is not None and _lasting(hello) != _lasting(self._hello):
            raise IdentityError(
                "another device or other firmware answered after a reset", hint="let nobody flash it while it is in use", where=self._name
            )
        self._hello = hello
        return hello

    def stream_clip(
        self,
        clip_id: int,
        pcm: NDArray[np.int16],
        *,
        trace_mode: TraceMode = TraceMode.CRC,
        capture: Capture | None = None,
        timeout_seconds: float = 600.0,
    ) -> ClipRun:
        """Stream one clip and return all that the device computed.

        When the device is reset meanwhile, it is asked again who it is, and the clip starts anew.

        Parameters
        ----------
        clip_id
            Any u32; messages about the clip repeat it.
        pcm
            int16 [samples], mono, at the device's sample rate.
        trace_mode
            What to tell about each frame.
        capture
            Which whole arrays to send.
        timeout_seconds
            For the whole clip.

        Raises
        ------
        DeviceError
            If the device reports a fault, falls silent, or is reset again and again.
        ProtocolError
            If anything is missing, comes twice, or is not the protocol.
        """
        if self._hello is None:
            self.connect()
        deadline = Deadline.after(timeout_seconds, clock=self._clock)
        for resumed in range(_MOST_RESETS + 1):
            try:
                if self._link.state is not LinkState.OPEN:
                    self.connect(timeout_seconds=deadline.remaining_seconds)
                collector = self._stream_once(clip_id, pcm, trace_mode, capture, deadline)
                return collector.finish(resumed=resumed, statistics=self.statistics)
            except _SessionLostError:
                continue
        raise self._reset_too_often()

    def run_live(
        self,
        clip_id: int,
        *,
        total_samples: int | None = None,
        should_end: Callable[[], bool] | None = None,
        trace_mode: TraceMode = TraceMode.CRC,
        on_message: Callable[[Message], None] | None = None,
        timeout_seconds: float = 600.0,
    ) -> LiveRun:
        """Let the device record its microphone, and return all that it computed.

        Samples that got lost are no error here: `LiveRun.gaps` tells of them. A recording cannot be resumed, for what was
        to be heard meanwhile is gone: when the device is reset, that is an error, and the next call begins a new one.

        Parameters
        ----------
        clip_id
            Any u32; messages about the recording repeat it.
        total_samples
            Length, lost samples counted, 1 to 2^32 - 1; None: until `should_end`.
        should_end
            Asked after each exchange with the device; True ends the recording with what the device has taken in by then.
        trace_mode
            What to tell about each frame.
        on_message
            Called with every result as it comes, `Overrun` among them.
        timeout_seconds
            For the whole recording; `math.inf` for no limit.

        Raises
        ------
        InputError
            If neither `total_samples` nor `should_end` ends the recording.
        DeviceError
            If the device has no microphone for this, reports a fault, falls silent, or is reset.
        ProtocolError
            If anything is missing, comes twice, or is not the protocol.
        """
        if not total_samples and should_end is None:
            raise InputError("nothing would end the recording", hint="give total_samples, at least 1, or should_end", where="total_samples")
        deadline = Deadline.after(timeout_seconds, clock=self._clock)
        hello = self._require_session(deadline)
        collector = LiveCollector(clip_id=clip_id, total_samples=total_samples or 0, trace_mode=trace_mode, hello=hello)
        begin = LiveBegin(clip_id=clip_id, total_samples=total_samples or 0, trace_mode=trace_mode)
        try:
            self._send(begin, deadline, collector)
            is_ending = False
            while collector.result is None:
                self._dispatch(self._exchange(deadline), collector, on_message=on_message)
                if not is_ending and should_end is not None and should_end():
                    is_ending = True
                    self._send(LiveEnd(clip_id=clip_id), deadline, collector, on_message=on_message)
                self._require_time(deadline)
        except _SessionLostError as error:
            raise DeviceError("was reset in the middle of a recording", hint="check its power supply; record again", where=self._name) from error
        return collector.finish_live(statistics=self.statistics)

    def run_model(
        self,
        requests: Sequence[InferenceRequest],
        *,
        on_inference: Callable[[int], None] | None = None,
        timeout_seconds: float = 3_600.0,
    ) -> list[Inference]:
        """Let a device that is a model alone make inferences, one after the other; return what it tells of them, in order.

        When the device is reset meanwhile, all of them are made anew: a streaming model has forgotten the earlier ones.

        Parameters
        ----------
        requests
            Inputs, and what to know of each.
        on_inference
            Called with the number of inferences made.
        timeout_seconds
            For all of them.

        Raises
        ------
        DeviceError
            If the device is no such firmware, reports a fault, falls silent, or is reset again and again.
        ProtocolError
            If anything is missing, comes twice, or is not the protocol.
        """
        deadline = Deadline.after(timeout_seconds, clock=self._clock)
        for _ in range(_MOST_RESETS + 1):
            try:
                self._require_session(deadline)
                return self._run_model_once(requests, deadline, on_inference)
            except _SessionLostError:
                continue
        raise self._reset_too_often()

    def write_setting(self, key: int, value: bytes, *, timeout_seconds: float = 60.0) -> None:
        """Have the device store `value` under `key` so that it survives a power loss, and obey it; ``b""`` forgets the key.

        When the device is reset meanwhile, it is asked again. A device may take seconds to erase a sector, and loses samples
        of a recording then.

        Raises
        ------
        DeviceError
            If it refuses, saying why, cannot store it, or falls silent.
        """
        answer = self._ask(SettingsWrite(key=key, value=value), SettingsValue, timeout_seconds)
        if answer.status not in (SettingStatus.STORED, SettingStatus.ABSENT) or answer.value != value:
            reason, hint = _REFUSALS.get(answer.status, ("answered with another value", "run `tinyaudio build` and flash again"))
            raise DeviceError(f"did not store setting {key}: {reason}", hint=hint, where=self._name)

    def read_setting(self, key: int, *, timeout_seconds: float = 30.0) -> bytes | None:
        """Return what the device has stored under `key`, None if nothing; raise `DeviceError` as `write_setting`."""
        answer = self._ask(SettingsRead(key=key), SettingsValue, timeout_seconds)
        return answer.value if answer.status is SettingStatus.STORED else None

    def list_settings(self, *, timeout_seconds: float = 30.0) -> tuple[int, ...]:
        """Return the keys under which the device has stored something, ascending; raise `DeviceError` as `write_setting`."""
        return self._ask(SettingsList(first_key=0), SettingsKeys, timeout_seconds).keys

    def request_reset(self, *, delay_ms: int = 0, timeout_seconds: float = 30.0) -> None:
        """Have the device reboot, and wait until it has; the next `connect` or `stream_clip` meets it again.

        Raises
        ------
        DeviceError
            If it does not reboot in time.
        """
        deadline = Deadline.after(timeout_seconds, clock=self._clock)
        request = ResetRequest(delay_ms=delay_ms)
        try:
            while not self._link.send(request):
                self._exchange(deadline)
            while True:  # polled on silence, the rebooted device says that it knows of no session
                self._exchange(deadline)
        except _SessionLostError:
            return

    def run_self_test(self, *, vector_count: int = 0, timeout_seconds: float = 300.0) -> SelfTestRun:
        """Have a self-test image run the model's operators on its golden vectors.

        Parameters
        ----------
        vector_count
            How many golden inputs, from the first; 0: all.
        timeout_seconds
            For all of it.

        Raises
        ------
        DeviceError
            If the firmware carries no golden vectors, or dies in an operator: the message says behind which.
        ProtocolError
            If an operator is missing.
        """
        deadline = Deadline.after(timeout_seconds, clock=self._clock)
        self._require_session(deadline)
        collector = SelfTestCollector()
        try:
            self._send(SelfTestRequest(vector_count=vector_count), deadline, collector)
            while collector.result is None:
                self._dispatch(self._exchange(deadline), collector)
        except _SessionLostError as error:
            raise DeviceError(f"was reset {collector.last_seen()}", hint="see the device's log", where=self._name) from error
        except DeviceError as error:
            if collector.operators:
                raise type(error)(f"{error.message}, {collector.last_seen()}", hint=error.hint, where=error.where) from error
            raise
        return collector.finish()

    def close(self) -> None:
        """Close the line."""
        self._transport.close()

    def _open_session(self, deadline: Deadline) -> Hello:
        self._link.open(nonce=self._nonce_source(), now_seconds=self._clock())
        while True:
            try:
                messages = self._exchange(deadline)
            except _SessionLostError:  # reset between its Hello and our reading it
                self._link.open(nonce=self._nonce_source(), now_seconds=self._clock())
                continue
            if messages and isinstance(messages[0], Hello):
                self._dispatch(messages[1:], None)
                return messages[0]

    def _require_session(self, deadline: Deadline) -> Hello:
        if self._hello is None or self._link.state is not LinkState.OPEN:
            self.connect(timeout_seconds=deadline.remaining_seconds)
        assert self._hello is not None
        return self._hello

    def _ask(self, request: Message, kind: type[_Answer], timeout_seconds: float) -> _Answer:
        """Send `request` and return its answer; after a reset of the device, again."""
        deadline = Deadline.after(timeout_seconds, clock=self._clock)
        for _ in range(_MOST_RESETS + 1):
            try:
                self._require_session(deadline)
                self._send(request, deadline, None)
                while True:
                    messages = self._exchange(deadline)
                    answers = [message for message in messages if isinstance(message, kind)]
                    self._dispatch([message for message in messages if not isinstance(message, kind)], None)
                    if answers:
                        return answers[0]
            except _SessionLostError:
                continue
        raise self._reset_too_often()

    def _stream_once(self, clip_id: int, pcm: NDArray[np.int16], trace_mode: TraceMode, capture: Capture | None, deadline: Deadline) -> ClipCollector:
        assert self._hello is not None
        collector = ClipCollector(clip_id=clip_id, total_samples=len(pcm), trace_mode=trace_mode, capture=capture, hello=self._hello)
        begin = ClipBegin(
            clip_id=clip_id,
            total_samples=len(pcm),
            trace_mode=trace_mode,
            capture_stages=capture.stage_mask if capture else 0,
            capture_first_frame=capture.first_frame if capture else 0,
            capture_frame_count=capture.frame_count if capture else 0,
        )
        self._send(begin, deadline, collector)
        position = 0
        while collector.result is None:
            while position < len(pcm) and self._link.can_send(Pcm.MAX_BYTES):
                samples = tuple(pcm[position : position + _PCM_SAMPLES].tolist())
                self._link.send(Pcm(clip_id=clip_id, offset_samples=position, samples=samples))
                position += len(samples)
            self._dispatch(self._exchange(deadline), collector)
        return collector

    def _run_model_once(
        self, requests: Sequence[InferenceRequest], deadline: Deadline, on_inference: Callable[[int], None] | None
    ) -> list[Inference]:
        collector = InferenceCollector(requests)
        waiting = (message for run_id, request in enumerate(requests) for message in request.messages(run_id))
        message = next(waiting, None)
        while not collector.is_complete:
            while message is not None and self._link.send(message):
                message = next(waiting, None)
            made = len(collector.inferences)
            self._dispatch(self._exchange(deadline), collector)
            if on_inference is not None and len(collector.inferences) > made:
                on_inference(len(collector.inferences))
        return collector.inferences

    def _send(
        self,
        message: Message,
        deadline: Deadline,
        collector: _Collector | None,
        *,
        on_message: Callable[[Message], None] | None = None,
    ) -> None:
        while not self._link.send(message):
            self._dispatch(self._exchange(deadline), collector, on_message=on_message)

    def _exchange(self, deadline: Deadline) -> list[Message]:
        """Write what waits, read what comes, keep the link's clock; return the messages that are there now."""
        link = self._link
        if output := link.take_output():
            self._transport.write(output)
        timeout_seconds = min(link.seconds_to_tick(now_seconds=self._clock()), deadline.remaining_seconds)
        data = self._transport.read(_READ_BYTES, timeout_seconds=timeout_seconds)
        if data:
            link.receive(data, now_seconds=self._clock())
        link.tick(now_seconds=self._clock())
        if link.state is LinkState.LOST:
            raise _SessionLostError
        messages = []
        while (message := link.next_message()) is not None:
            messages.append(message)
        if not messages:
            self._require_answer(deadline)
        return messages

    def _require_answer(self, deadline: Deadline) -> None:
        silence_seconds = self._clock() - self._link.heard_seconds
        if silence_seconds > self._silence_seconds:
            raise DeviceError(f"did not answer for {silence_seconds:.0f} s", hint=_SILENCE_HINT, where=self._name)
        self._require_time(deadline)

    def _require_time(self, deadline: Deadline) -> None:
        if deadline.expired:
            raise DeviceError("did not finish in time", hint="allow more time, or see whether it hangs", where=self._name)

    def _reset_too_often(self) -> DeviceError:
        return DeviceError(f"was reset {_MOST_RESETS + 1} times in a row", hint="check its power supply and its log", where=self._name)

    def _dispatch(self, messages: list[Message], collector: _Collector | None, *, on_message: Callable[[Message], None] | None = None) -> None:
        """Hand on what came: logs, results to `collector`; without one there is nothing to be told."""
        for message in messages:
            if isinstance(message, Log):
                if self._on_log is not None:
                    self._on_log(message)
            elif isinstance(message, DeviceFault):
                raise DeviceError(f"{message.code.name.lower()}: {message.text}", hint=_fault_hint(message), where=self._name)
            elif collector is None:
                raise ProtocolError(f"{type(message).__name__} came unasked for", hint="run `tinyaudio build` and flash again", where=self._name)
            else:
                collector.take(message)
                if on_message is not None:
                    on_message(message)


_ARENA_HINT = "the model needs more memory than its image has for it: a smaller model, or a board with more memory; tinyaudio boards list"
_SILENCE_HINT = "is the right firmware on it, and is this its port? run `tinyaudio build` and flash again"


def _fault_hint(fault: DeviceFault) -> str:
    if fault.code is not FaultCode.SELF_CHECK:
        return "see the device's log"
    return _ARENA_HINT if "arena" in fault.text else "the firmware cannot work as it was built; run `tinyaudio build` and flash again"


def _lasting(hello: Hello) -> Hello:
    """Return what of `hello` is the same after a reset."""
    return dataclasses.replace(hello, nonce=0, boot_id=0)
