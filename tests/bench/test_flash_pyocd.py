"""pyOCD's edge: what the installed pyOCD has under these names, how sessions are opened, and what it says without a probe."""

from __future__ import annotations

import errno
import inspect
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyocd.board.board_ids import BOARD_ID_TO_INFO
from pyocd.core import exceptions
from pyocd.core.options import BUILTIN_OPTIONS
from pyocd.core.soc_target import SoCTarget
from pyocd.probe.debug_probe import DebugProbe
from pyocd.target.builtin import BUILTIN_TARGETS
from usb.core import USBError

from tests.bench.flash_desks import IMAGE, LEFT, Recorder, board, flash_on, holds_image, one_probe, probe_table
from tinyaudio.bench.flash import flash
from tinyaudio.bench.flash.fakes import FakeDesk, FakePyocd
from tinyaudio.bench.flash.fakes.pyocd_api import FakeMemoryLoader, FakeSession, FakeTarget
from tinyaudio.bench.flash.pyocd_programmer import PyocdProgrammer, load_pyocd
from tinyaudio.bench.flash.roles import LADDER, RungError
from tinyaudio.core.board import Probe, board_ids, load_board
from tinyaudio.core.errors import ProbeError, ToolError, WrongChipError


def parameters(function: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(function).parameters) - {"self"}


def test_the_fake_has_no_name_that_pyocd_has_not() -> None:
    real, fake = load_pyocd(), FakePyocd(FakeDesk(probes=[])).load()
    assert parameters(fake.get_all_connected_probes) <= parameters(real.get_all_connected_probes)
    assert parameters(fake.session) <= parameters(real.session)
    assert parameters(fake.memory_loader) - {"session"} <= parameters(real.memory_loader)
    pairs = ((FakeMemoryLoader, real.memory_loader), (FakeSession, real.session), (FakeTarget, SoCTarget))
    for fake_class, real_class in pairs:
        for name, method in inspect.getmembers(fake_class, inspect.isfunction):
            if not name.startswith("_"):
                assert parameters(method) <= parameters(getattr(real_class, name)), f"{fake_class.__name__}.{name}"
    for name in ("unique_id", "product_name", "associated_board_info"):
        assert isinstance(inspect.getattr_static(DebugProbe, name), property)


def test_every_option_of_a_session_is_one_of_pyocd() -> None:
    fake = FakePyocd(FakeDesk(probes=[one_probe()]))
    known = {option.name: option for option in BUILTIN_OPTIONS}
    programmer = PyocdProgrammer(load=fake.load, list_ports=tuple)
    for rung in LADDER:
        with programmer.connect(LEFT, probe_table(), rung):
            pass
    for options in fake.options:
        assert set(options) <= set(known)
        assert all(isinstance(value, known[name].type) for name, value in options.items())
    assert [(options["connect_mode"], options["frequency"]) for options in fake.options] == [
        ("attach", 4_000_000),
        ("under-reset", 4_000_000),
        ("under-reset", 480_000),
    ]
    for options in fake.options:
        assert options["auto_unlock"] is False, "a chip would be erased before it is known"
        assert options["no_config"] is True
        assert options["user_script"] == os.devnull


def test_every_board_names_a_target_that_pyocd_knows() -> None:
    for board_id in board_ids():
        table = load_board(board_id).probe
        assert not isinstance(table, Probe) or table.pyocd_target in BUILTIN_TARGETS, board_id


def test_a_target_that_pyocd_does_not_know_is_told() -> None:
    desk = FakeDesk(probes=[one_probe()])
    table = probe_table().model_copy(update={"pyocd_target": "stm32h799xx"})
    programmer = PyocdProgrammer(load=FakePyocd(desk).load, list_ports=desk.serial_ports)
    with pytest.raises(ToolError, match="Target type stm32h799xx not recognized"), programmer.connect(LEFT, table, LADDER[0]):
        pass


class RealPyocd:
    """The installed pyOCD, with a probe of its own kind plugged in that fails as told."""

    def __init__(self, failure: Exception | None) -> None:
        self.probe = FailingProbe(failure)

    def load(self) -> Any:
        import dataclasses

        return dataclasses.replace(load_pyocd(), get_all_connected_probes=lambda **_: [self.probe])


class FailingProbe(DebugProbe):  # type: ignore[misc]
    def __init__(self, failure: Exception | None) -> None:
        super().__init__()
        self.failure = failure
        self.clock_hz = 0

    unique_id = LEFT
    product_name = "STLINK-V3"
    associated_board_info = None
    is_open = False
    wire_protocol = None

    def create_associated_board(self) -> None:
        return None

    def open(self) -> None:
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        raise exceptions.ProbeError("closing failed, too")

    def set_clock(self, frequency: int) -> None:
        self.clock_hz = frequency
        raise exceptions.ProbeError("USB Error: [Errno 19] No such device (it may have been disconnected)")


@pytest.mark.parametrize(
    ("failure", "kind", "said"),
    [
        (USBError("Resource busy", -6, errno.EBUSY), ProbeError, "is in use by another program"),
        (USBError("Access denied (insufficient permissions)", -3, errno.EACCES), ProbeError, "you have no right"),
        (USBError("No such device", -4, errno.ENODEV), RungError, "No such device"),
        (exceptions.ProbeError("STLink error (9): Get IDCODE error"), RungError, "Get IDCODE error"),
        (AssertionError("IDC.DEV_ID 0x483 did not match expected. 0x450"), RungError, "DEV_ID 0x483"),
        (None, RungError, "may have been disconnected"),
    ],
)
def test_a_real_session_fails_as_told(
    failure: Exception | None, kind: type[Exception], said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyocd.yaml").write_text("connect_mode: halt\nauto_unlock: true\n", encoding="utf-8")
    (tmp_path / "pyocd_user.py").write_text("raise SystemExit('a script of the user ran')\n", encoding="utf-8")
    pyocd = RealPyocd(failure)
    with pytest.raises(kind, match=said), PyocdProgrammer(load=pyocd.load, list_ports=tuple).connect(LEFT, probe_table(), LADDER[2]):
        pass
    assert Path.cwd() == tmp_path
    options = pyocd.probe.session.options
    assert (options.get("connect_mode"), options.get("auto_unlock"), options.get("target_override")) == ("under-reset", False, "stm32h743xx")
    assert pyocd.probe.clock_hz == (480_000 if failure is None else 0)


def test_the_real_pyocd_lists_without_waiting_and_logs_to_the_details(capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever is plugged in here, or nothing, and with or without libusb."""
    details: list[str] = []
    programmer = PyocdProgrammer(list_ports=tuple, on_detail=details.append)
    try:
        assert all(probe.serial_number for probe in programmer.probes())
    except (ProbeError, ToolError) as error:
        assert error.hint
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_what_pyocd_logs_is_a_detail_and_its_logger_is_left_as_it_was() -> None:
    logger = logging.getLogger("pyocd")
    before = (logger.level, logger.propagate, list(logger.handlers))
    details: list[str] = []
    desk = FakeDesk(probes=[])
    with pytest.raises(ToolError, match="finds no libusb"):
        PyocdProgrammer(load=FakePyocd(desk, has_libusb=False).load, on_detail=details.append).probes()
    assert details == ["pyocd: STLink, CMSIS-DAPv2 and PicoProbe probes are not supported because no libusb library was found."]
    assert (logger.level, logger.propagate, list(logger.handlers)) == before


def test_a_probe_that_is_denied_beside_another_is_named_when_it_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    allowed, denied = one_probe(), one_probe()
    allowed.serial_number, denied.denied = "0668FF55", True
    desk = FakeDesk(probes=[allowed, denied])
    programmer = PyocdProgrammer(load=FakePyocd(desk).load, list_ports=desk.serial_ports)
    with pytest.raises(ProbeError, match=f"you have no right to use the debug probe {LEFT}"):
        flash_on(programmer, serial_number=LEFT)
    flash_on(programmer, serial_number="0668FF55")
    assert holds_image(allowed.chip)


def test_a_probe_that_is_part_of_another_board_is_refused_unless_it_is_bound() -> None:
    """An STM32H753 says of itself what an STM32H743 says."""
    probe = one_probe()
    probe.board_name, probe.board_mcu = "NUCLEO-H753ZI", "stm32h753zitx"
    desk = FakeDesk(probes=[probe])
    programmer = PyocdProgrammer(load=FakePyocd(desk).load, list_ports=desk.serial_ports)
    with pytest.raises(WrongChipError, match=r"sits on a NUCLEO-H753ZI \(stm32h753zitx\), not on a NUCLEO-H743ZI2") as caught:
        flash_on(programmer, force=True)
    assert "slot in bench.toml" in caught.value.hint
    assert set(probe.chip.flash) == {0xFF}
    flash(IMAGE, board(), programmer.probes()[0], programmer=programmer, progress=Recorder(), probe_is_bound=True)
    assert holds_image(probe.chip)
    probe.board_name = ""
    flash_on(programmer)


def test_pyocd_knows_the_chip_of_every_shipped_board_that_it_knows() -> None:
    targets = {info.name: info.target for info in BOARD_ID_TO_INFO.values()}
    known = [shipped for board_id in board_ids() if (shipped := load_board(board_id)).name in targets]
    assert {shipped.id for shipped in known} >= {"stm32h7", "nucleo_h753zi"}
    for shipped in known:
        assert targets[shipped.name].startswith(shipped.mcu.lower()), shipped.id
