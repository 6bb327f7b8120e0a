"""Transports: bytes arrive, nothing hangs, and every failure says what, where and what to do."""

from __future__ import annotations

import errno
import os
import sys
import threading
from pathlib import Path

import pytest
import serial

from tinyaudio.bench.transport import (
    Deadline,
    DescriptorTransport,
    FaultRates,
    FaultyTransport,
    FifoTransport,
    LoopbackTransport,
    ProcessTransport,
    SerialTransport,
    Transport,
)
from tinyaudio.core.errors import TransportError
from tinyaudio.core.tools import start_tool


class Echo:
    """A peer that says what it hears."""

    def __init__(self) -> None:
        self.heard = b""

    def receive(self, data: bytes) -> None:
        self.heard += data

    def take_output(self) -> bytes:
        output, self.heard = self.heard, b""
        return output


def read_all(transport: Transport, count: int) -> bytes:
    data = b""
    deadline = Deadline.after(120)
    while len(data) < count and not deadline.expired:
        data += transport.read(count - len(data), timeout_seconds=1.0)
    return data


def test_a_deadline_expires() -> None:
    now = 5.0
    deadline = Deadline.after(2.0, clock=lambda: now)
    assert (deadline.remaining_seconds, deadline.expired) == (2.0, False)
    now = 8.0
    assert (deadline.remaining_seconds, deadline.expired) == (0.0, True)


def test_loopback_puts_its_clock_forward_instead_of_waiting() -> None:
    line = LoopbackTransport(Echo())
    line.write(b"hello")
    assert line.read(2, timeout_seconds=3.0) + line.read(9, timeout_seconds=3.0) == b"hello"
    assert line.now_seconds() == 0.0
    assert line.read(9, timeout_seconds=3.0) == b""
    assert line.now_seconds() == 3.0
    line.close()
    with pytest.raises(TransportError, match="loopback: the line is closed"):
        line.write(b"")


def test_a_faulty_line_is_faulty_in_the_same_way_for_the_same_seed() -> None:
    data = bytes(range(256)) * 40
    rates = FaultRates(drop=0.01, flip=0.01, duplicate=0.01)

    def carried(seed: int) -> tuple[bytes, int]:
        line = FaultyTransport(LoopbackTransport(Echo()), seed=seed, to_device=rates, from_device=FaultRates())
        line.write(data)
        return line.read(99_999, timeout_seconds=0), line.faults

    assert carried(1) == carried(1) != carried(2)
    assert 200 < carried(1)[1] < 420


@pytest.mark.parametrize(
    ("rates", "length"), [(FaultRates(drop=1), 0), (FaultRates(duplicate=1), 200), (FaultRates(flip=1), 100), (FaultRates(), 100)]
)
def test_each_fault_does_what_it_says(rates: FaultRates, length: int) -> None:
    line = FaultyTransport(LoopbackTransport(Echo()), seed=0, to_device=FaultRates(), from_device=rates)
    line.write(bytes(100))
    data = line.read(999, timeout_seconds=0)
    assert len(data) == length
    assert all(byte.bit_count() == (1 if rates.flip else 0) for byte in data)


def test_fifos_carry_bytes_both_ways(tmp_path: Path) -> None:
    line = FifoTransport(to_device=tmp_path / "in", from_device=tmp_path / "out")
    reader = os.open(tmp_path / "in", os.O_RDONLY)
    writer = os.open(tmp_path / "out", os.O_WRONLY)
    line.write(b"to device")
    assert os.read(reader, 99) == b"to device"
    os.write(writer, b"from device")
    assert line.read(99, timeout_seconds=1.0) == b"from device"
    assert line.read(99, timeout_seconds=0.0) == b""
    os.close(writer)
    with pytest.raises(TransportError, match="out: closed the line"):
        line.read(99, timeout_seconds=1.0)
    os.close(reader)
    line.close()
    line.close()


def test_opening_fifos_does_not_wait_and_a_dead_peer_is_named(tmp_path: Path) -> None:
    line = FifoTransport(to_device=tmp_path / "in", from_device=tmp_path / "out", cause_of_death=lambda: "qemu ended with code 1: no such machine")
    with pytest.raises(TransportError, match="qemu ended with code 1: no such machine"):
        line.read(1, timeout_seconds=0.0)
    with pytest.raises(TransportError, match="no such machine"):
        line.write(bytes(1_000_000))
    line.close()
    with pytest.raises(TransportError, match="the line is closed"):
        line.read(1, timeout_seconds=0.0)


def test_something_else_in_place_of_a_fifo_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("")
    with pytest.raises(TransportError, match="is not a FIFO") as caught:
        FifoTransport(to_device=tmp_path / "in", from_device=tmp_path / "out")
    assert str(tmp_path / "in") in caught.value.where
    with pytest.raises(TransportError, match="cannot make a FIFO"):
        FifoTransport(to_device=tmp_path / "missing" / "in", from_device=tmp_path / "missing" / "out")


def test_two_sides_that_both_write_much_do_not_wait_for_each_other() -> None:
    """The peer writes a megabyte before it reads one byte."""
    from_peer, to_us = os.pipe()
    to_peer, from_us = os.pipe()
    much = bytes(range(256)) * 4_096
    heard = bytearray()

    def peer() -> None:
        with os.fdopen(from_us_read, "rb") as source, os.fdopen(to_us, "wb") as sink:
            sink.write(much)
            sink.flush()
            while chunk := source.read(65_536):
                heard.extend(chunk)

    from_us_read, write_descriptor = to_peer, from_us
    thread = threading.Thread(target=peer)
    thread.start()
    line = DescriptorTransport(read_descriptor=from_peer, write_descriptor=write_descriptor, name="peer")
    line.write(much)
    assert read_all(line, len(much)) == much
    line.close()
    thread.join(timeout=120)
    assert bytes(heard) == much


def test_a_child_process_is_talked_to_and_its_end_is_told() -> None:
    program = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read(5)); sys.stdout.flush(); sys.stdin.buffer.read(1); sys.exit('all is lost')"
    with start_tool([sys.executable, "-c", program], pipes=True) as process:
        line = ProcessTransport(process)
        line.write(b"hello")
        assert read_all(line, 5) == b"hello"
        line.write(b"!")
        process.wait(120)
        with pytest.raises(TransportError, match=r"ended with code 1.*all is lost"):
            read_all(line, 1)
        line.close()


def test_a_process_without_pipes_is_refused() -> None:
    with start_tool([sys.executable, "-c", "pass"]) as process, pytest.raises(TransportError, match="without pipes"):
        ProcessTransport(process)


def test_a_serial_port_carries_bytes_over_a_pseudo_terminal() -> None:
    master, slave = os.openpty()
    line = SerialTransport(os.ttyname(slave))
    try:
        line.write(bytes(range(256)))
        heard = b""
        while len(heard) < 256:  # it may come in pieces
            heard += os.read(master, 999)
        assert heard == bytes(range(256))
        os.write(master, b"\x00\x11\x13\xff")
        assert read_all(line, 4) == b"\x00\x11\x13\xff"
        assert line.read(1, timeout_seconds=0.0) == b""
    finally:
        line.close()
        os.close(slave)
        os.close(master)


def test_a_serial_port_that_both_sides_fill_does_not_stall() -> None:
    master, slave = os.openpty()
    line = SerialTransport(os.ttyname(slave))
    much = bytes(range(256)) * 256
    heard = bytearray()

    def peer() -> None:
        view = memoryview(much)
        while view:
            view = view[os.write(master, view) :]
        while len(heard) < len(much):
            heard.extend(os.read(master, 65_536))

    thread = threading.Thread(target=peer)
    thread.start()
    line.write(much)
    assert read_all(line, len(much)) == much
    thread.join(timeout=120)
    assert bytes(heard) == much
    line.close()
    os.close(slave)
    os.close(master)


def test_any_pyserial_url_serves() -> None:
    line = SerialTransport("loop://")
    line.write(b"round")
    assert read_all(line, 5) == b"round"
    line.close()


def test_a_missing_port_is_told() -> None:
    with pytest.raises(TransportError, match=r"^/dev/ttyNowhere7: there is no such port") as caught:
        SerialTransport("/dev/ttyNowhere7")
    assert "port" in caught.value.hint


@pytest.mark.parametrize(
    ("number", "message", "hint"),
    [(errno.EACCES, "no right to open", "usermod -aG "), (errno.EBUSY, "in use", "close the other program"), (errno.EIO, "cannot open", "port")],
)
def test_a_port_that_refuses_is_told_with_a_hint(monkeypatch: pytest.MonkeyPatch, number: int, message: str, hint: str) -> None:
    def refuse(port: serial.Serial) -> None:
        raise serial.SerialException(number, "refused")

    monkeypatch.setattr(serial.Serial, "open", refuse)
    with pytest.raises(TransportError, match=message) as caught:
        SerialTransport("/dev/null")
    assert hint in caught.value.hint


def test_a_url_of_an_unknown_kind_is_told() -> None:
    with pytest.raises(TransportError, match="cannot open the port"):
        SerialTransport("carrier-pigeon://coop")


def test_a_port_that_vanishes_is_told() -> None:
    master, slave = os.openpty()
    line = SerialTransport(os.ttyname(slave))
    os.close(slave)
    os.close(master)
    with pytest.raises(TransportError, match="the port vanished"):
        line.read(1, timeout_seconds=1.0)
    line.close()
