"""OpenOCD's edge: the Tcl protocol byte by byte, the command line, a process that dies; and the real program, where it is installed."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bench.flash_desks import IMAGE, LEFT, RIGHT, Recorder, board, flash_on, holds_image, one_probe, probe_table
from tinyaudio.bench.flash import choose_probe, flash
from tinyaudio.bench.flash.fakes import FakeDesk, FakeOpenocd
from tinyaudio.bench.flash.openocd_programmer import OpenocdProgrammer
from tinyaudio.bench.flash.roles import LADDER, RungError
from tinyaudio.bench.flash.tcl_rpc import LOOPBACK, TclClient, TclClosedError, TclError
from tinyaudio.bench.transport import UsbSerialPort
from tinyaudio.core.errors import FlashError, ProbeError, ToolError

needs_openocd = pytest.mark.skipif(shutil.which("openocd") is None, reason="OpenOCD is not installed")


def fake_on(desk: FakeDesk, *, dies_at: str | None = None) -> tuple[FakeOpenocd, OpenocdProgrammer]:
    fake = FakeOpenocd(desk, dies_at=dies_at)
    return fake, OpenocdProgrammer(find=fake.find, start=fake.start, list_ports=desk.serial_ports)


@pytest.fixture
def serve() -> Iterator[Callable[[bytes | None], int]]:
    """Serve one connection that answers every command with the same bytes, or hangs up; return the port."""
    listeners: list[socket.socket] = []

    def start(answer: bytes | None) -> int:
        listener = socket.create_server((LOOPBACK, 0))
        listeners.append(listener)

        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                while connection.recv(4_096) and answer is not None:
                    connection.sendall(answer)

        threading.Thread(target=run, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.close()


def test_a_reply_is_its_text_without_the_code(serve: Callable[[bytes | None], int]) -> None:
    with TclClient(serve(b"0 0x5c001000: 20036450 \n\x1a")) as client:
        assert client.run("mdw 0x5c001000", timeout_seconds=60) == "0x5c001000: 20036450 \n"


@pytest.mark.parametrize(
    ("answer", "said"), [(b"-4 Target not examined yet\n\x1a", "Target not examined yet"), (b"1 \x1a", "mdw failed with code 1")]
)
def test_a_failed_command_is_told_from_a_result(serve: Callable[[bytes | None], int], answer: bytes, said: str) -> None:
    with TclClient(serve(answer)) as client, pytest.raises(TclError) as caught:
        client.run("mdw 0x5c001000", timeout_seconds=60)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("answer", "seconds", "said"),
    [(None, 60.0, "closed the connection"), (b"0 half a re", 0.1, "did not answer within 0.1 s"), (b"HTTP/1.1 400\x1a", 60.0, "not a reply")],
)
def test_a_server_that_ends_hangs_or_is_another_one_is_told(
    serve: Callable[[bytes | None], int], answer: bytes | None, seconds: float, said: str
) -> None:
    with TclClient(serve(answer)) as client, pytest.raises(TclClosedError, match=said):
        client.run("version", timeout_seconds=seconds)


def test_nobody_at_the_port_is_told(serve: Callable[[bytes | None], int]) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))  # and nobody listens: it refuses, while no other program can be given the port
        port = int(taken.getsockname()[1])
        with pytest.raises(TclClosedError, match=f"does not answer on port {port}"):
            TclClient(port)


def test_each_rung_is_a_process_of_its_own_on_loopback_for_one_probe() -> None:
    probe = one_probe(needs_reset=True, fastest_clock_hz=1_000_000)
    fake, programmer = fake_on(FakeDesk(probes=[probe]))
    flash_on(programmer)
    assert len(fake.servers) == 3
    for server in fake.servers:
        assert server.wait(0) == 0
        assert {"bindto 127.0.0.1", "gdb_port disabled", "telnet_port disabled", "tcl_port 0", f"adapter serial {LEFT}"} <= set(server.argv)
        assert [server.argv[index + 1] for index, option in enumerate(server.argv) if option == "-f"] == list(probe_table().openocd_config)
        assert server.argv[-1] == "noinit"
    resets = ["reset_config srst_only srst_nogate connect_assert_srst" in server.argv for server in fake.servers]
    speeds = [next(part for part in server.argv if part.startswith("adapter speed")) for server in fake.servers]
    assert resets == [False, True, True]
    assert speeds == ["adapter speed 4000", "adapter speed 4000", "adapter speed 480"]
    assert fake.servers[0].commands == ["init", "shutdown"]


def test_the_chip_is_asked_before_it_is_halted_or_erased() -> None:
    fake, programmer = fake_on(FakeDesk(probes=[one_probe()]))
    flash_on(programmer)
    (server,) = fake.servers
    assert server.commands[:5] == ["init", "mdw 0x5c001000 1", "mdw 0x1ff1e880 1", "mdw 0x1ff1e800 3", "reset halt"]
    assert server.commands[5] == "flash erase_address pad 0x08000000 140320"
    assert server.commands[-2:] == ["reset run", "shutdown"]


@pytest.mark.parametrize("dies_at", ["init", "mdw", "write_image", "dump_image", "shutdown"])
def test_an_openocd_that_dies_is_one_clear_error(dies_at: str) -> None:
    probe = one_probe()
    _, programmer = fake_on(FakeDesk(probes=[probe]), dies_at=dies_at)
    if dies_at == "shutdown":  # all is written and verified by then
        assert flash_on(programmer).attempts == 1
        return
    with pytest.raises(FlashError, match="openocd ended with code -11: Error: libusb: fatal error") as caught:
        flash_on(programmer)
    assert ("half an image" in caught.value.message) == (dies_at in ("write_image", "dump_image"))
    flash_on(fake_on(FakeDesk(probes=[probe]))[1])
    assert holds_image(probe.chip)


def test_a_probe_without_a_serial_port_is_used_by_its_number() -> None:
    probe = one_probe()
    probe.port = ""
    _, programmer = fake_on(FakeDesk(probes=[probe]))
    with pytest.raises(ProbeError, match="sees no debug probe with a serial port") as caught:
        flash_on(programmer)
    assert "--serial-number" in caught.value.hint
    flash_on(programmer, serial_number=LEFT)
    assert holds_image(probe.chip)
    with pytest.raises(ProbeError, match=f"the debug probe {RIGHT} was unplugged"):
        flash_on(programmer, serial_number=RIGHT)


def test_a_probe_without_a_serial_port_that_is_pulled_in_mid_write() -> None:
    probe = one_probe()
    probe.port, probe.pulled_after_bytes = "", 1_000
    _, programmer = fake_on(FakeDesk(probes=[probe]))
    with pytest.raises(FlashError, match="was unplugged in the middle of writing: the device now holds half an image"):
        flash_on(programmer, serial_number=LEFT)
    probe.plugged = True
    flash_on(programmer, serial_number=LEFT)
    assert holds_image(probe.chip)


def test_a_configuration_that_openocd_does_not_know_is_told() -> None:
    _, programmer = fake_on(FakeDesk(probes=[one_probe()]))
    table = probe_table().model_copy(update={"openocd_config": ("cable/none.cfg",)})
    with pytest.raises(ToolError, match=r"did not start: openocd ended with code 1: Error: Can't find cable/none.cfg"):
        flash(IMAGE, board().model_copy(update={"probe": table}), choose_probe(programmer, None), programmer=programmer, progress=Recorder())


def real_openocd(*serial_numbers: str) -> OpenocdProgrammer:
    ports = tuple(
        UsbSerialPort(device=f"/dev/ttyACM{index}", serial_number=number, vendor_id=0x0483, product_id=0x374E, product="STLINK-V3")
        for index, number in enumerate(serial_numbers)
    )
    return OpenocdProgrammer(list_ports=lambda: ports)


@needs_openocd
@pytest.mark.parametrize("interface", ["interface/stlink.cfg", "interface/stlink-dap.cfg"])
@pytest.mark.parametrize("rung", LADDER, ids=lambda rung: rung.name)
def test_the_real_openocd_says_that_the_probe_is_not_there(interface: str, rung: object) -> None:
    table = probe_table().model_copy(update={"openocd_config": (interface, "target/stm32h7x_dual_bank.cfg")})
    with pytest.raises(ProbeError, match=f"the debug probe {LEFT} was unplugged"), real_openocd().connect(LEFT, table, rung):  # type: ignore[arg-type]
        pass
    with pytest.raises(ProbeError, match=f"openocd cannot open the debug probe {LEFT}"), real_openocd(LEFT).connect(LEFT, table, rung):  # type: ignore[arg-type]
        pass


@needs_openocd
def test_the_real_openocd_refuses_a_configuration_it_does_not_know() -> None:
    table = probe_table().model_copy(update={"openocd_config": ("interface/no_such_probe.cfg",)})
    with pytest.raises(ToolError, match="did not start: openocd ended with code 1"), real_openocd().connect(LEFT, table, LADDER[0]):
        pass


@needs_openocd
def test_the_real_openocd_answers_over_the_tcl_protocol(tmp_path: Path) -> None:
    """With its adapter for tests there is no chip: `init` succeeds, and what needs a chip fails with its own text."""
    config = tmp_path / "dummy.cfg"
    config.write_text("adapter driver dummy\ntransport select jtag\n", encoding="utf-8")
    table = probe_table().model_copy(update={"openocd_config": (str(config),)})
    said: list[str] = []
    programmer = OpenocdProgrammer(list_ports=tuple, on_detail=said.append)
    with pytest.raises(RungError), programmer.connect(LEFT, table, LADDER[0]) as connection:
        connection.read(0x5C00_1000, 4)
    assert any("mdw" in line for line in said), said
