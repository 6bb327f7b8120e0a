"""Lines that lose bytes, devices that are reset, emulators that die: identical results, or one clear error."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np
import pytest

from hil_tests.rigs import Rig
from tinyaudio.bench.device import Device
from tinyaudio.bench.device.session import Session
from tinyaudio.bench.emulation import start_virtual
from tinyaudio.bench.transport import Deadline, FaultRates, FaultyTransport, Transport
from tinyaudio.core.artifacts import HilReport
from tinyaudio.core.errors import TransportError
from tinyaudio.wire.messages import Message, ResetRequest

EMULATORS = {"qemu": "qemu-system-arm", "unicorn": "stm32h743"}  # kind -> what errors call it
RATES = FaultRates(drop=6e-5, flip=6e-5, duplicate=6e-5)


def facts(report: HilReport) -> tuple[Any, ...]:
    return (report.stages, report.first_mismatches, report.frames, report.patches, report.evaluation.scores.tobytes())


def test_a_line_that_loses_bytes_changes_nothing(rig: Rig) -> None:
    lines: list[FaultyTransport] = []

    def spoil(transport: Transport) -> Transport:
        lines.append(FaultyTransport(transport, seed=7, to_device=RATES, from_device=RATES))
        return lines[0]

    report = rig.run(wrap=spoil)
    assert lines[0].faults > 3, "the line was not bad enough to prove anything"
    assert report.dropped_frames > 0
    assert facts(report) == facts(rig.run())


class _ResettingSession(Session):
    """Asks the device to reboot in the middle of the first clip."""

    exchanges = 0
    is_asked = False

    def exchange(self, deadline: Deadline) -> list[Message]:
        self.exchanges += 1
        if self.exchanges >= 6 and not self.is_asked:
            self.is_asked = self.link.send(ResetRequest(delay_ms=1))
        return super().exchange(deadline)


class _ResettingDevice(Device):
    session_type = _ResettingSession


def test_a_reset_in_the_middle_of_a_clip_is_survived(rig: Rig) -> None:
    report = rig.run(signals=("chirp", "clicks"), device=_ResettingDevice)
    assert report.resumed == 1
    assert facts(report) == facts(rig.run(signals=("chirp", "clicks")))


@pytest.mark.needs("emulator")
@pytest.mark.parametrize("link", ["fifo", "uart"])
def test_an_emulator_that_dies_gives_one_clear_error(rig: Rig, link: Any) -> None:
    assert rig.elf is not None
    assert rig.board.emulator is not None
    death = f"{EMULATORS[rig.board.emulator.kind]} was ended by SIGKILL"
    with start_virtual(rig.board, rig.elf, link=link, work_dir=rig.work_dir) as board:
        killing = _KillingTransport(board.transport, board.pid)
        with Device(killing, name=rig.board.id) as device:
            device.connect()
            with pytest.raises(TransportError, match=f"died in the middle of the conversation: {death}") as caught:
                device.stream_clip(0, np.zeros(160_000, np.int16))
    assert "took no byte" not in str(caught.value.__cause__), "the death was noticed only by a timeout"
    assert "run the command again" in caught.value.hint
    assert board.exit_reason().startswith(death)
    assert not list(rig.work_dir.glob("fifos-*")), "FIFOs were left behind"


class _KillingTransport:
    """Kills the emulator when the first PCM is on its way."""

    def __init__(self, line: Transport, pid: int) -> None:
        self._line = line
        self._pid = pid
        self._written_bytes = 0

    def write(self, data: bytes) -> None:
        self._line.write(data)
        self._written_bytes += len(data)
        if self._written_bytes > 4_000:
            os.kill(self._pid, signal.SIGKILL)
            self._written_bytes = -(10**9)  # once

    def read(self, max_bytes: int, *, timeout_seconds: float) -> bytes:
        return self._line.read(max_bytes, timeout_seconds=timeout_seconds)

    def close(self) -> None:
        self._line.close()
