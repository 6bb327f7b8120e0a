"""`Device`: connect to firmware, stream clips to it or let it record, and hear what it computed; its settings."""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinyaudio.bench.device.clip_run import Capture, ClipCollector, ClipRun
from tinyaudio.bench.device.live_run import LiveCollector, LiveRun
from tinyaudio.bench.device.model_run import Inference, InferenceCollector, InferenceRequest
from tinyaudio.bench.device.self_test import SelfTestCollector, SelfTestRun
from tinyaudio.bench.device.session import Session, SessionLostError
from tinyaudio.bench.device.settings import FIRST_FREE_KEY
from tinyaudio.bench.transport import Deadline, Transport
from tinyaudio.core.errors import DeviceError, InputError
from tinyaudio.wire.link import LinkStatistics
from tinyaudio.wire.messages import (
    CalibrationSource,
    ClipBegin,
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

_MOST_RESETS = 8  # of one clip
_PCM_SAMPLES = Pcm.MAX_SAMPLES
_Answer = TypeVar("_Answer", SettingsValue, SettingsKeys)

#: Why a setting is not stored, and what helps.
_REFUSALS = {
    SettingStatus.REFUSED: ("its firmware has no such key, or not with this value", f"keys from {FIRST_FREE_KEY} on are free for any use"),
    SettingStatus.FULL: ("there is no room for another key", "forget one: write an empty value to it"),
    SettingStatus.FAILED: ("its storage is not there, does not work, or is of other firmware", "erase the settings' sectors, or use another board"),
}


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

    session_type = Session  # what it converses through; tests of lines and links put their own in place

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
        self._session = self.session_type(
            transport,
            name=name,
            silence_seconds=silence_seconds,
            poll_seconds=poll_seconds,
            clock=clock,
            nonce_source=nonce_source,
            on_log=on_log,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def statistics(self) -> LinkStatistics:
        """What the link had to mend so far."""
        return dataclasses.replace(self._session.link.statistics)

    def connect(self, *, timeout_seconds: float = 30.0) -> Hello:
        """Open a session and return what the device says of itself.

        Raises
        ------
        DeviceError
            If it does not answer in time. (`TransportError`: the line is dead; `ProtocolError`: another protocol version.)
        IdentityError
            If this is not the first time, and another device or other firmware answers.
        """
        return self._session.connect(timeout_seconds=timeout_seconds)

    def stream_clip(
        self,
        clip_id: int,
        pcm: NDArray[np.int16],
        *,
        trace_mode: TraceMode = TraceMode.CRC,
        capture: Capture | None = None,
        decide_by: CalibrationSource = CalibrationSource.BUILT_IN,
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
        decide_by
            The calibration that was compiled in, or the one that holds for recordings.
        timeout_seconds
            For the whole clip.

        Raises
        ------
        DeviceError
            If the device reports a fault, falls silent, or is reset again and again.
        ProtocolError
            If anything is missing, comes twice, or is not the protocol.
        """
        if self._session.hello is None:
            self.connect()
        deadline = self._session.deadline(timeout_seconds)
        for resumed in range(_MOST_RESETS + 1):
            try:
                collector = self._stream_once(clip_id, pcm, trace_mode, capture, decide_by, deadline)
                return collector.finish(resumed=resumed, statistics=self.statistics)
            except SessionLostError:
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
        deadline = self._session.deadline(timeout_seconds)
        hello = self._session.require_open(deadline)
        collector = LiveCollector(clip_id=clip_id, total_samples=total_samples or 0, trace_mode=trace_mode, hello=hello)
        begin = LiveBegin(clip_id=clip_id, total_samples=total_samples or 0, trace_mode=trace_mode)
        try:
            self._session.send(begin, deadline, collector)
            is_ending = False
            while collector.result is None:
                self._session.dispatch(self._session.exchange(deadline), collector, on_message=on_message)
                if not is_ending and should_end is not None and should_end():
                    is_ending = True
                    self._session.send(LiveEnd(clip_id=clip_id), deadline, collector, on_message=on_message)
                self._session.require_time(deadline)
        except SessionLostError as error:
            raise DeviceError(
                "was reset in the middle of a recording", hint="check its power supply; record again", where=self._session.name
            ) from error
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
        deadline = self._session.deadline(timeout_seconds)
        for _ in range(_MOST_RESETS + 1):
            try:
                self._session.require_open(deadline)
                return self._run_model_once(requests, deadline, on_inference)
            except SessionLostError:
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
            raise DeviceError(f"did not store setting {key}: {reason}", hint=hint, where=self._session.name)

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
        deadline = self._session.deadline(timeout_seconds)
        request = ResetRequest(delay_ms=delay_ms)
        try:
            while not self._session.link.send(request):
                self._session.exchange(deadline)
            while True:  # polled on silence, the rebooted device says that it knows of no session
                self._session.exchange(deadline)
        except SessionLostError:
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
        deadline = self._session.deadline(timeout_seconds)
        self._session.require_open(deadline)
        collector = SelfTestCollector()
        try:
            self._session.send(SelfTestRequest(vector_count=vector_count), deadline, collector)
            while collector.result is None:
                self._session.dispatch(self._session.exchange(deadline), collector)
        except SessionLostError as error:
            raise DeviceError(f"was reset {collector.last_seen()}", hint="see the device's log", where=self._session.name) from error
        except DeviceError as error:
            if collector.operators:
                raise type(error)(f"{error.message}, {collector.last_seen()}", hint=error.hint, where=error.where) from error
            raise
        return collector.finish()

    def close(self) -> None:
        """Close the line."""
        self._session.close()

    def _ask(self, request: Message, kind: type[_Answer], timeout_seconds: float) -> _Answer:
        """Send `request` and return its answer; after a reset of the device, again."""
        deadline = self._session.deadline(timeout_seconds)
        for _ in range(_MOST_RESETS + 1):
            try:
                self._session.require_open(deadline)
                self._session.send(request, deadline, None)
                while True:
                    messages = self._session.exchange(deadline)
                    answers = [message for message in messages if isinstance(message, kind)]
                    self._session.dispatch([message for message in messages if not isinstance(message, kind)], None)
                    if answers:
                        return answers[0]
            except SessionLostError:
                continue
        raise self._reset_too_often()

    def _stream_once(
        self,
        clip_id: int,
        pcm: NDArray[np.int16],
        trace_mode: TraceMode,
        capture: Capture | None,
        decide_by: CalibrationSource,
        deadline: Deadline,
    ) -> ClipCollector:
        hello = self._session.require_open(deadline)
        collector = ClipCollector(clip_id=clip_id, total_samples=len(pcm), trace_mode=trace_mode, capture=capture, hello=hello)
        begin = ClipBegin(
            clip_id=clip_id,
            total_samples=len(pcm),
            trace_mode=trace_mode,
            capture_stages=capture.stage_mask if capture else 0,
            capture_first_frame=capture.first_frame if capture else 0,
            capture_frame_count=capture.frame_count if capture else 0,
            decide_by=decide_by,
        )
        self._session.send(begin, deadline, collector)
        position = 0
        while collector.result is None:
            while position < len(pcm) and self._session.link.can_send(Pcm.MAX_BYTES):
                samples = tuple(pcm[position : position + _PCM_SAMPLES].tolist())
                self._session.link.send(Pcm(clip_id=clip_id, offset_samples=position, samples=samples))
                position += len(samples)
            self._session.dispatch(self._session.exchange(deadline), collector)
        return collector

    def _run_model_once(
        self, requests: Sequence[InferenceRequest], deadline: Deadline, on_inference: Callable[[int], None] | None
    ) -> list[Inference]:
        collector = InferenceCollector(requests)
        waiting = (message for run_id, request in enumerate(requests) for message in request.messages(run_id))
        message = next(waiting, None)
        while not collector.is_complete:
            while message is not None and self._session.link.send(message):
                message = next(waiting, None)
            made = len(collector.inferences)
            self._session.dispatch(self._session.exchange(deadline), collector)
            if on_inference is not None and len(collector.inferences) > made:
                on_inference(len(collector.inferences))
        return collector.inferences

    def _reset_too_often(self) -> DeviceError:
        return DeviceError(f"was reset {_MOST_RESETS + 1} times in a row", hint="check its power supply and its log", where=self._session.name)
