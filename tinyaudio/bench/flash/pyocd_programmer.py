"""pyOCD's Python API as a `Programmer`. pyOCD is loaded when it is first asked for probes."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyaudio.bench.flash.image import Segment
from tinyaudio.bench.flash.roles import Advance, Connection, ProbeInfo, Rung, RungError
from tinyaudio.bench.flash.stlink import merge_ports, stlink_ports, udev_hint
from tinyaudio.bench.transport import UsbSerialPort, usb_serial_ports
from tinyaudio.core.board import Probe as ProbeTable
from tinyaudio.core.errors import ProbeError, ToolError

_NO_LIBUSB = "no libusb library was found"  # in a warning of pyOCD, which then lists nothing
_DENIED = "udev rule"  # in a warning of pyOCD about a probe that it may not open, and does not list


@dataclass(frozen=True, slots=True, kw_only=True)
class PyocdApi:
    """What of pyOCD is used, under pyOCD's names; `fakes.pyocd_api` has the same."""

    get_all_connected_probes: Callable[..., Sequence[Any]]  # ConnectHelper's
    session: Callable[..., Any]  # pyocd.core.session.Session
    memory_loader: Callable[..., Any]  # pyocd.flash.loader.MemoryLoader
    error: type[Exception]  # pyocd.core.exceptions.Error
    target_support_error: type[Exception]  # pyocd.core.exceptions.TargetSupportError


def load_pyocd() -> PyocdApi:
    """Return the installed pyOCD.

    Raises
    ------
    ToolError
        If it is not installed, or cannot be loaded.
    """
    try:
        from pyocd.core import exceptions
        from pyocd.core.helpers import ConnectHelper
        from pyocd.core.session import Session
        from pyocd.flash.loader import MemoryLoader
    except (ImportError, OSError) as error:
        raise ToolError(
            f"cannot be loaded: {error}", hint="pip install --force-reinstall tinyaudio, or use --programmer openocd", where="pyocd"
        ) from error
    return PyocdApi(
        get_all_connected_probes=ConnectHelper.get_all_connected_probes,
        session=Session,
        memory_loader=MemoryLoader,
        error=exceptions.Error,
        target_support_error=exceptions.TargetSupportError,
    )


class PyocdProgrammer:
    """Debug probes through pyOCD.

    Parameters
    ----------
    load
        Returns pyOCD, or raises `ToolError`.
    list_ports
        Returns the serial ports at USB.
    on_detail
        Called with every line that pyOCD logs.
    """

    def __init__(
        self,
        *,
        load: Callable[[], PyocdApi] = load_pyocd,
        list_ports: Callable[[], tuple[UsbSerialPort, ...]] = usb_serial_ports,
        on_detail: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._load = load
        self._list_ports = list_ports
        self._on_detail = on_detail
        self._warnings = ""  # of the first listing: pyOCD says them once

    @property
    def name(self) -> str:
        """How ``--programmer`` calls it."""
        return "pyocd"

    def can_list_every_probe(self) -> bool:
        """It can."""
        return True

    def probes(self) -> tuple[ProbeInfo, ...]:
        """Return the probes that are plugged in; those with a serial port also if pyOCD may not open them."""
        found = [_describe(probe, self._api_errors()) for probe in self._list()]
        if _NO_LIBUSB in self._warnings:
            raise ToolError("finds no libusb, so it sees no probe", hint="install libusb 1.0, or use --programmer openocd", where=self.name)
        probes = merge_ports(found, self._list_ports())
        if not probes and _DENIED in self._warnings:
            raise ProbeError("you have no right to use the debug probe", hint=udev_hint(), where="flash")
        return probes

    @contextlib.contextmanager
    def connect(self, serial_number: str, table: ProbeTable, rung: Rung) -> Iterator[Connection]:
        """Open a session. A plain connect attaches to the running chip without touching it."""
        probe = next((probe for probe in self._list() if probe.unique_id.lower() == serial_number.lower()), None)
        if probe is None:
            if any(port.serial_number.lower() == serial_number.lower() for port in stlink_ports(self._list_ports())):
                raise ProbeError(f"you have no right to use the debug probe {serial_number}", hint=udev_hint(), where="flash")
            raise ProbeError(f"the debug probe {serial_number} was unplugged", hint="plug it in and run the same command again", where="flash")
        api = self._load()
        with self._logging(), contextlib.ExitStack() as resources:
            with _translated(api, serial_number):
                session = api.session(probe, auto_open=False, options=_options(table, rung))
                resources.callback(_close, session, api)
                session.open()
            yield _PyocdConnection(session, api, serial_number)

    def _list(self) -> Sequence[Any]:
        api = self._load()
        with self._logging() as records, _translated(api, ""):
            probes = api.get_all_connected_probes(blocking=False, print_wait_message=False)
        self._warnings += "\n".join(records)
        return probes

    def _api_errors(self) -> tuple[type[Exception], ...]:
        return (self._load().error, OSError)

    @contextlib.contextmanager
    def _logging(self) -> Iterator[list[str]]:
        """Take what pyOCD logs to the details, instead of to standard error."""
        logger, lines = logging.getLogger("pyocd"), list[str]()
        handler = _LineHandler(lines, self._on_detail)
        level, propagate = logger.level, logger.propagate
        logger.addHandler(handler)
        logger.propagate = False
        logger.setLevel(logging.INFO)
        try:
            yield lines
        finally:
            logger.removeHandler(handler)
            logger.propagate = propagate
            logger.setLevel(level)


class _LineHandler(logging.Handler):
    def __init__(self, lines: list[str], on_line: Callable[[str], None]) -> None:
        super().__init__()
        self._lines = lines
        self._on_line = on_line

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())
        self._on_line(f"pyocd: {record.getMessage()}")


class _PyocdConnection:
    """An open session."""

    def __init__(self, session: Any, api: PyocdApi, serial_number: str) -> None:
        self._session = session
        self._api = api
        self._serial_number = serial_number

    def read(self, address: int, count: int) -> bytes:
        with self._translated():
            return bytes(self._session.target.read_memory_block8(address, count))

    def halt(self) -> None:
        with self._translated():
            self._session.target.reset_and_halt()

    def mass_erase(self) -> None:
        with self._translated():
            self._session.target.mass_erase()

    def write(self, blocks: Sequence[Segment], on_progress: Advance) -> None:
        total = sum(len(block.data) for block in blocks)
        with self._translated():
            # Nothing is read before it is erased: where a write was broken off the flash may not be readable.
            loader = self._api.memory_loader(
                self._session,
                progress=lambda share: on_progress(round(share * total), total),
                chip_erase="sector",
                smart_flash=False,
                trust_crc=False,
                keep_unwritten=False,
            )
            for block in blocks:
                loader.add_data(block.address, list(block.data))
            loader.commit()

    def run(self) -> None:
        with self._translated():
            self._session.target.reset()

    def _translated(self) -> AbstractContextManager[None]:
        return _translated(self._api, self._serial_number)


def _options(table: ProbeTable, rung: Rung) -> dict[str, Any]:
    """Return the session's options: all that decides what is done to a chip is said here, nothing comes from the user's files."""
    return {
        "target_override": table.pyocd_target,
        "connect_mode": "under-reset" if rung.under_reset else "attach",
        "frequency": rung.clock_hz,
        "auto_unlock": False,  # unlocking erases a chip whose identity nobody has checked
        "cache.enable_memory": False,  # what is read back is read from the chip
        "hide_programming_progress": True,
        "no_config": True,
        "project_dir": str(Path.cwd()),  # Session changes into it
        "user_script": os.devnull,
    }


def _describe(probe: Any, errors: tuple[type[Exception], ...]) -> ProbeInfo:
    try:
        board = probe.associated_board_info
    except errors:  # in use: its serial number is known all the same
        board = None
    return ProbeInfo(
        serial_number=probe.unique_id,
        product=probe.product_name or "debug probe",
        board_name=(board and board.name) or "",
        board_mcu=(board and board.target) or "",
    )


def _close(session: Any, api: PyocdApi) -> None:
    """Close `session`; at the end of an error the probe may be gone."""
    with contextlib.suppress(api.error, OSError, AssertionError):
        session.close()


@contextlib.contextmanager
def _translated(api: PyocdApi, serial_number: str) -> Iterator[None]:
    """Turn what pyOCD raises, and libusb below it, into errors of this place."""
    try:
        yield
    except api.target_support_error as error:
        raise ToolError(str(error), hint="compare probe.pyocd_target of the board file with `pyocd list --targets`", where="pyocd") from error
    except api.error as error:
        raise RungError(_one_line(error)) from error
    except AssertionError as error:  # targets check their chip's identity by assert, and so do the drivers of probes
        raise RungError(_one_line(error) or "pyOCD met what it did not expect") from error
    except OSError as error:  # usb.core.USBError is one, and pyOCD lets it through
        if error.errno == errno.EBUSY or (error.errno == errno.EACCES and sys.platform == "darwin"):
            raise _in_use(serial_number) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise ProbeError(f"you have no right to use the debug probe {serial_number}", hint=udev_hint(), where="flash") from error
        raise RungError(_one_line(error)) from error


def _in_use(serial_number: str) -> ProbeError:
    return ProbeError(
        f"the debug probe {serial_number} is in use by another program",
        hint="close the debugger, IDE or flashing tool that holds it, then run the same command again",
        where="flash",
    )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
