"""The conversation of a fake device: clips, recordings of a microphone that plays an array, settings in memory."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tinyaudio.bench.device import (
    CALIBRATION_KEY,
    FIRST_FREE_KEY,
    PART_KEYS,
    StoredCalibration,
    decode_calibration,
    decode_thresholds,
    part_bytes,
    place_of,
)
from tinyaudio.core.decisions import ALWAYS, NEVER
from tinyaudio.core.errors import ProtocolError
from tinyaudio.wire.device_link import DeviceLink
from tinyaudio.wire.messages import (
    PROTOCOL_VERSION,
    CalibrationSource,
    CalibrationState,
    Capability,
    ClipBegin,
    DeviceFault,
    FaultCode,
    Hello,
    HelloRequest,
    LiveBegin,
    LiveEnd,
    Message,
    Pcm,
    ResetRequest,
    SettingsKeys,
    SettingsList,
    SettingsRead,
    SettingStatus,
    SettingsValue,
    SettingsWrite,
    decode_message,
)

_LIVE_BLOCK_SAMPLES = 256  # recorded at a time
_ENDLESS_SAMPLES = 2**32 - 1
_LAST_KEY = 65_534
_STATUS = {
    CalibrationState.STORED: SettingStatus.STORED,
    CalibrationState.CORRUPT: SettingStatus.CORRUPT,
    CalibrationState.FOREIGN: SettingStatus.FOREIGN,
}


class ClipComputer(Protocol):
    """The computing part of a device."""

    def begin(self, request: ClipBegin, *, thresholds: tuple[int, ...] | None = None) -> list[Message]:
        """Start a clip; return what it leads to (the result of an empty clip).

        `thresholds` are those of all labels; None: what it was made with decides.
        """

    def process(self, samples: NDArray[np.int16]) -> list[Message]:
        """Take the clip's next samples; return all that they complete, `ClipResult` last."""

    def lose(self, samples: int) -> list[Message]:
        """Go on behind a gap; return `Overrun`, and `ClipResult` where the gap reaches the end."""

    def end(self) -> list[Message]:
        """End the clip here; return `ClipResult`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeMicrophone:
    """Plays `pcm` and silence behind it, as fast as the host fetches results; anew for each recording."""

    pcm: NDArray[np.int16]  # [samples]
    gaps: Mapping[int, int] = dataclasses.field(default_factory=dict)  # {position in the recording, lost ones counted: samples to lose there}

    def samples(self, position: int, count: int) -> NDArray[np.int16]:
        """Return `count` samples from `position` on."""
        heard = self.pcm[position : position + count]
        return np.concatenate([heard, np.zeros(count - len(heard), np.int16)])


class FakeDevice:
    """A device for a `LoopbackTransport`.

    Parameters
    ----------
    hello
        What it says of itself; version, nonce, boot id, buffer size and the capabilities of the following are filled in.
    computer
        What computes for it.
    microphone
        What it records; None: it has no microphone.
    settings
        Its stored settings, which outlive its resets; changed in place. None: it has no storage.
    receive_bytes, retransmit_bytes
        Sizes of the link's buffers.

    Attributes
    ----------
    boots
        How often it was started.
    """

    def __init__(
        self,
        hello: Hello,
        computer: ClipComputer,
        *,
        microphone: FakeMicrophone | None = None,
        settings: dict[int, bytes] | None = None,
        receive_bytes: int = 4_096,
        retransmit_bytes: int = 8_192,
    ) -> None:
        self.boots = 0
        self._hello = hello
        self._computer = computer
        self._microphone = microphone
        self._settings = settings
        self._receive_bytes = receive_bytes
        self._retransmit_bytes = retransmit_bytes
        self.reset()

    def reset(self) -> None:
        """Reboot: forget everything but the settings, as a power failure would."""
        self.boots += 1
        self._link = DeviceLink(receive_bytes=self._receive_bytes, retransmit_bytes=self._retransmit_bytes)
        self._forget_clip()

    def receive(self, data: bytes) -> None:
        """Take received bytes in any pieces, and work as far as the host lets results go."""
        self._link.receive(data)
        while self._send_waiting() and (received := self._link.next_message()) is not None:
            self._handle(received)

    def take_output(self) -> bytes:
        """Return what is to be written, and forget it. A recording goes on by some samples."""
        if self._live is not None and self._send_waiting() and not self._link.hello_pending:
            self._record(self._live)
            self._send_waiting()
        return self._link.take_output()

    def _forget_clip(self) -> None:
        self._waiting: deque[Message] = deque()  # results that did not fit the link yet
        self._request: ClipBegin | None = None
        self._live: ClipBegin | None = None
        self._samples = 0  # lost ones counted

    def _send_waiting(self) -> bool:
        """Send what waits; return whether all of it went, so that more may be taken in."""
        if self._link.hello_pending:
            return True  # a new session begins; what waits will be dropped
        while self._waiting and self._link.send(self._waiting[0]):
            self._waiting.popleft()
        return not self._waiting

    def _handle(self, received: tuple[int, bytes]) -> None:
        try:
            message = decode_message(*received)
        except ProtocolError as error:
            self._refuse(str(error))
            return
        match message:
            case HelloRequest():
                self._forget_clip()
                self._waiting.append(self._answer(message.nonce))
            case ClipBegin():
                self._forget_clip()
                self._request = message
                self._waiting.extend(self._computer.begin(message, thresholds=self._thresholds_for(message)))
            case Pcm():
                self._take_samples(message)
            case LiveBegin():
                self._begin_live(message)
            case LiveEnd():
                self._end_live(message)
            case SettingsWrite():
                self._waiting.append(self._write_setting(message))
            case SettingsRead():
                self._waiting.append(self._setting(message.key, SettingStatus.STORED))
            case SettingsList():
                keys = sorted(key for key in self._settings or () if key >= message.first_key)
                self._waiting.append(SettingsKeys(keys=tuple(keys)))
            case ResetRequest():
                self.reset()
            case _:
                self._refuse(f"{type(message).__name__} is not for a device")

    def _answer(self, nonce: int) -> Hello:
        capabilities = self._hello.capabilities
        if self._microphone is not None:
            capabilities |= Capability.MICROPHONE
        if self._settings is not None:
            capabilities |= Capability.SETTINGS
        state, stored = self._stored_calibration()
        return dataclasses.replace(
            self._hello,
            protocol_version=PROTOCOL_VERSION,
            nonce=nonce,
            boot_id=self.boots,
            retransmit_bytes=self._retransmit_bytes,
            calibration_state=state,
            recording_calibration_fingerprint=self._hello.calibration_fingerprint if stored is None else bytes.fromhex(stored.fingerprint),
            capabilities=capabilities,
        )

    def _take_samples(self, message: Pcm) -> None:
        request = self._request
        if request is None or message.clip_id != request.clip_id or message.offset_samples != self._samples:
            self._refuse("Pcm does not continue the clip")
            return
        self._samples += len(message.samples)
        if self._samples > request.total_samples:
            self._refuse("Pcm goes beyond the end of the clip")
            return
        self._waiting.extend(self._computer.process(np.array(message.samples, np.int16)))

    def _begin_live(self, message: LiveBegin) -> None:
        if self._microphone is None:
            self._refuse("this board has no microphone", code=FaultCode.HARDWARE)
            return
        self._forget_clip()
        self._live = ClipBegin(
            clip_id=message.clip_id,
            total_samples=message.total_samples or _ENDLESS_SAMPLES,
            trace_mode=message.trace_mode,
            capture_stages=0,
            capture_first_frame=0,
            capture_frame_count=0,
            decide_by=CalibrationSource.STORED,
        )
        self._computer.begin(self._live, thresholds=self._thresholds_for(self._live))

    def _end_live(self, message: LiveEnd) -> None:
        if self._live is not None and message.clip_id == self._live.clip_id:
            self._waiting.extend(self._computer.end())
            self._live = None

    def _record(self, live: ClipBegin) -> None:
        """Take the next samples, up to the next gap, or the gap."""
        assert self._microphone is not None
        left = live.total_samples - self._samples
        lost = min(self._microphone.gaps.get(self._samples, 0), left)
        if lost > 0:
            self._waiting.extend(self._computer.lose(lost))
            self._samples += lost
        else:
            ahead = [position - self._samples for position in self._microphone.gaps if position > self._samples]
            count = min(_LIVE_BLOCK_SAMPLES, left, *ahead)
            self._waiting.extend(self._computer.process(self._microphone.samples(self._samples, count)))
            self._samples += count
        if self._samples == live.total_samples:
            self._live = None

    def _write_setting(self, message: SettingsWrite) -> SettingsValue:
        if self._settings is None:
            return self._setting(message.key, SettingStatus.FAILED)
        if not self._is_allowed(message):
            return self._setting(message.key, SettingStatus.REFUSED)
        if message.value:
            if message.key not in self._settings and len(self._settings) == SettingsKeys.MAX_KEYS:
                return self._setting(message.key, SettingStatus.FULL)
            self._settings[message.key] = message.value
        else:
            self._settings.pop(message.key, None)
        return self._setting(message.key, SettingStatus.STORED)

    def _setting(self, key: int, status: SettingStatus) -> SettingsValue:
        value = (self._settings or {}).get(key, b"")
        if status is SettingStatus.STORED:
            status = SettingStatus.STORED if value else SettingStatus.ABSENT
            if value and key == CALIBRATION_KEY:
                status = _STATUS[self._stored_calibration()[0]]
        return SettingsValue(key=key, status=status, value=value)

    def _thresholds_for(self, request: ClipBegin) -> tuple[int, ...] | None:
        """Return the stored thresholds where they decide; None: what the computer was made with does."""
        stored = self._stored_calibration()[1]
        if stored is None or request.decide_by is CalibrationSource.BUILT_IN:
            return None
        return self._thresholds_of(stored)

    def _thresholds_of(self, stored: StoredCalibration) -> tuple[int, ...] | None:
        """Return the threshold of each label; None if what is stored of them is damaged."""
        count = self._hello.label_count
        thresholds = decode_thresholds(stored, self._settings or {}, label_count=count)
        return (stored.threshold,) * count if thresholds == () else thresholds

    def _stored_calibration(self) -> tuple[CalibrationState, StoredCalibration | None]:
        value = (self._settings or {}).get(CALIBRATION_KEY)
        return (CalibrationState.BUILT_IN, None) if value is None else self._judged(value)

    def _judged(self, value: bytes) -> tuple[CalibrationState, StoredCalibration | None]:
        """Return what firmware makes of a value of the calibration's key; smoothing is the computer's affair and not compared."""
        found, own = decode_calibration(value), self._hello
        if found is None or not found.is_for(model_sha256=own.model_sha256.hex(), frontend_fingerprint=own.frontend_fingerprint.hex()):
            return CalibrationState.FOREIGN, None
        thresholds = self._thresholds_of(found)
        is_possible = thresholds is not None and all(ALWAYS <= threshold <= NEVER for threshold in thresholds)
        return (CalibrationState.STORED, found) if is_possible else (CalibrationState.CORRUPT, None)

    def _is_allowed(self, message: SettingsWrite) -> bool:
        """Whether firmware takes this key, and with this value."""
        if message.key == CALIBRATION_KEY:
            return not message.value or self._judged(message.value)[1] is not None
        if message.key in PART_KEYS:
            held = self._stored_calibration()[1]
            is_free = held is None or held.first_key != place_of(message.key)
            return is_free and len(message.value) in (0, part_bytes(message.key, self._hello.label_count))
        return FIRST_FREE_KEY <= message.key <= _LAST_KEY

    def _refuse(self, text: str, *, code: FaultCode = FaultCode.BAD_REQUEST) -> None:
        self._forget_clip()
        self._waiting.append(DeviceFault(code=code, text=text[: DeviceFault.MAX_TEXT]))
