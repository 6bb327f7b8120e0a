"""`Session`: the link to a device from its Hello on: who answers, whether it still does, and what it says of itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol

from tinyaudio.bench.transport import Deadline, Transport
from tinyaudio.core.errors import DeviceError, IdentityError, ProtocolError
from tinyaudio.wire.host_link import HostLink, LinkState
from tinyaudio.wire.messages import CalibrationState, DeviceFault, FaultCode, Hello, Log, LogLevel, Message

_FAULTS = "faults at every start"  # as firmware/lib/tinyaudio_app/src/session.cc has it
_READ_BYTES = 65_536
_ARENA_HINT = "the model needs more memory than its image has for it: a smaller model, or a board with more memory; tinyaudio boards list"
_FAULTS_HINT = "the function at that pc in firmware.elf is what to mend (addr2line -f -e firmware.elf PC); a reset lets it try again"
_SILENCE_HINT = (
    "is the right firmware on it, and is this its port? run `tinyaudio build` and flash again; an emulated board is silent so long "
    "where the computer has too much else to do: run the command again"
)


class Collector(Protocol):
    """Whoever takes in what the device tells of the work it was given."""

    def take(self, message: Message) -> None:
        """Take one message."""


class SessionLostError(Exception):
    """The device was reset; never leaves this package's conversations."""


class Session:
    """What every conversation with the device behind `transport` is made of; parameters as of `Device`."""

    def __init__(
        self,
        transport: Transport,
        *,
        name: str,
        silence_seconds: float,
        poll_seconds: float,
        clock: Callable[[], float],
        nonce_source: Callable[[], int],
        on_log: Callable[[Log], None] | None,
    ) -> None:
        self.name = name
        self.link = HostLink(poll_seconds=poll_seconds)
        self.hello: Hello | None = None  # of the last connect
        self._transport = transport
        self._silence_seconds = silence_seconds
        self._clock = clock
        self._nonce_source = nonce_source
        self._on_log = on_log
        self._last_error = ""  # of the device's log

    def deadline(self, seconds: float) -> Deadline:
        """Return the moment `seconds` from now on the session's clock."""
        return Deadline.after(seconds, clock=self._clock)

    def connect(self, *, timeout_seconds: float) -> Hello:
        """Open a session and return what the device says of itself.

        Raises
        ------
        DeviceError
            If it does not answer in time. (`TransportError`: the line is dead; `ProtocolError`: another protocol version.)
        IdentityError
            If this is not the first time, and another device or other firmware answers.
        """
        hello = self._open_session(self.deadline(timeout_seconds))
        if self.hello is not None and _lasting(hello) != _lasting(self.hello):
            raise IdentityError(
                "another device or other firmware answered after a reset", hint="let nobody flash it while it is in use", where=self.name
            )
        self.hello = hello
        return hello

    def require_open(self, deadline: Deadline) -> Hello:
        """Connect if there is no session, or none any more; return what the device says of itself."""
        if self.hello is None or self.link.state is not LinkState.OPEN:
            self.connect(timeout_seconds=deadline.remaining_seconds)
        assert self.hello is not None
        return self.hello

    def send(
        self,
        message: Message,
        deadline: Deadline,
        collector: Collector | None,
        *,
        on_message: Callable[[Message], None] | None = None,
    ) -> None:
        """Queue a message as soon as the device has room for it; what comes meanwhile is dispatched."""
        while not self.link.send(message):
            self.dispatch(self.exchange(deadline), collector, on_message=on_message)

    def exchange(self, deadline: Deadline) -> list[Message]:
        """Write what waits, read what comes, keep the link's clock; return the messages that are there now."""
        link = self.link
        if output := link.take_output():
            self._transport.write(output)
        timeout_seconds = min(link.seconds_to_tick(now_seconds=self._clock()), deadline.remaining_seconds)
        data = self._transport.read(_READ_BYTES, timeout_seconds=timeout_seconds)
        if data:
            link.receive(data, now_seconds=self._clock())
        link.tick(now_seconds=self._clock())
        if link.state is LinkState.LOST:
            raise SessionLostError
        messages = []
        while (message := link.next_message()) is not None:
            messages.append(message)
        if not messages:
            self._require_answer(deadline)
        return messages

    def dispatch(self, messages: list[Message], collector: Collector | None, *, on_message: Callable[[Message], None] | None = None) -> None:
        """Hand on what came: logs, results to `collector`; without one there is nothing to be told."""
        for message in messages:
            if isinstance(message, Log):
                if message.level is LogLevel.ERROR:
                    self._last_error = message.text
                if self._on_log is not None:
                    self._on_log(message)
            elif isinstance(message, DeviceFault):
                said = f"; its log: {self._last_error}" if self._last_error else ""
                raise DeviceError(f"{message.code.name.lower()}: {message.text}{said}", hint=_fault_hint(message), where=self.name)
            elif collector is None:
                raise ProtocolError(f"{type(message).__name__} came unasked for", hint="run `tinyaudio build` and flash again", where=self.name)
            else:
                collector.take(message)
                if on_message is not None:
                    on_message(message)

    def require_time(self, deadline: Deadline) -> None:
        """Raise if the deadline is over."""
        if deadline.expired:
            raise DeviceError("did not finish in time", hint="allow more time, or see whether it hangs", where=self.name)

    def close(self) -> None:
        """Close the line."""
        self._transport.close()

    def _open_session(self, deadline: Deadline) -> Hello:
        self.link.open(nonce=self._nonce_source(), now_seconds=self._clock())
        while True:
            try:
                messages = self.exchange(deadline)
            except SessionLostError:  # reset between its Hello and our reading it
                self.link.open(nonce=self._nonce_source(), now_seconds=self._clock())
                continue
            if messages and isinstance(messages[0], Hello):
                self.dispatch(messages[1:], None)
                return messages[0]

    def _require_answer(self, deadline: Deadline) -> None:
        silence_seconds = self._clock() - self.link.heard_seconds
        if silence_seconds > self._silence_seconds:
            raise DeviceError(f"did not answer for {silence_seconds:.0f} s", hint=_SILENCE_HINT, where=self.name)
        self.require_time(deadline)


def _fault_hint(fault: DeviceFault) -> str:
    if fault.code is not FaultCode.SELF_CHECK:
        return "see the device's log"
    if _FAULTS in fault.text:
        return _FAULTS_HINT
    return _ARENA_HINT if "arena" in fault.text else "the firmware cannot work as it was built; run `tinyaudio build` and flash again"


def _lasting(hello: Hello) -> Hello:
    """Return what of `hello` is the same after a reset, whatever was stored meanwhile."""
    return dataclasses.replace(
        hello,
        nonce=0,
        boot_id=0,
        calibration_state=CalibrationState.BUILT_IN,
        recording_calibration_fingerprint=hello.calibration_fingerprint,
    )
