"""OpenOCD's Tcl server: a command and its result, each ended by the byte 0x1a, over TCP on this computer only."""

from __future__ import annotations

import socket
from typing import Final, Self

TERMINATOR: Final = b"\x1a"
LOOPBACK: Final = "127.0.0.1"

_CONNECT_SECONDS = 5.0
_RECEIVE_BYTES = 65_536


class TclClosedError(Exception):
    """The server ended, or fell silent, in the middle of the conversation."""


class TclError(Exception):
    """A command failed; the text is what it and OpenOCD's log said meanwhile."""


class TclClient:
    """A connection to the Tcl server at `port`. A context manager that closes it."""

    def __init__(self, port: int) -> None:
        try:
            self._socket = socket.create_connection((LOOPBACK, port), timeout=_CONNECT_SECONDS)
        except OSError as error:
            raise TclClosedError(f"does not answer on port {port}: {error}") from error
        self._received = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def run(self, command: str, *, timeout_seconds: float) -> str:
        """Run one Tcl command; return its output together with what was logged meanwhile.

        The protocol itself does not tell success from failure, so the command runs inside of Tcl's ``catch``, and its
        return code comes in front of the text.

        Raises
        ------
        TclError
            If the command failed.
        TclClosedError
            If the server ended or did not answer in time.
        """
        reply = self._exchange(
            f'set tinyaudio_code [catch {{capture {{{command}}}}} tinyaudio_text]; set tinyaudio_reply "$tinyaudio_code $tinyaudio_text"',
            timeout_seconds,
        )
        code, _, text = reply.partition(" ")
        if not code.lstrip("-").isdigit():
            raise TclClosedError(f"answered what is not a reply: {reply[:80]!r}")
        if int(code) != 0:
            raise TclError(text.strip() or f"{command.split()[0]} failed with code {code}")
        return text

    def _exchange(self, command: str, timeout_seconds: float) -> str:
        try:
            self._socket.settimeout(timeout_seconds)
            self._socket.sendall(command.encode() + TERMINATOR)
            while TERMINATOR not in self._received:
                received = self._socket.recv(_RECEIVE_BYTES)
                if not received:
                    raise TclClosedError("closed the connection")
                self._received += received
        except TimeoutError as error:
            raise TclClosedError(f"did not answer within {timeout_seconds:g} s") from error
        except OSError as error:
            raise TclClosedError(f"the connection failed: {error}") from error
        reply, _, rest = bytes(self._received).partition(TERMINATOR)
        self._received = bytearray(rest)
        return reply.decode(errors="replace")
