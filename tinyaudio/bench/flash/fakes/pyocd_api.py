"""pyOCD without a probe: the same names, arguments and exceptions as pyOCD 0.46, over a `FakeDesk`."""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyocd.core import exceptions
from pyocd.probe.stlink.constants import Status
from pyocd.target.builtin import BUILTIN_TARGETS
from usb.core import USBError

from tinyaudio.bench.flash.fakes.desk import FakeDesk, FakeProbe, FlashFaultError, MemoryFaultError, NoAnswerError, UnpluggedError
from tinyaudio.bench.flash.pyocd_programmer import PyocdApi

_PAGE_BYTES = 1_024  # of pyOCD's flash algorithm for the STM32H743
_LIBUSB_BUSY, _LIBUSB_NO_DEVICE = -6, -4
_GONE = "No such device (it may have been disconnected)"
_USB_LOG = logging.getLogger("pyocd.probe.stlink.usb")
_COMMON_LOG = logging.getLogger("pyocd.probe.common")


@dataclass(frozen=True)
class _BoardInfo:
    name: str
    target: str


class _DebugProbe:
    """What of `pyocd.probe.debug_probe.DebugProbe` is used."""

    def __init__(self, fake: FakeProbe) -> None:
        self.fake = fake

    @property
    def unique_id(self) -> str:
        return self.fake.serial_number

    @property
    def product_name(self) -> str:
        return self.fake.product

    @property
    def associated_board_info(self) -> _BoardInfo | None:
        if not self.fake.plugged:
            raise exceptions.ProbeError(f"USB Error: [Errno {errno.ENODEV}] {_GONE}")
        return _BoardInfo(self.fake.board_name, self.fake.board_mcu) if self.fake.board_name else None


class FakePyocd:
    """pyOCD on a desk.

    Parameters
    ----------
    desk
        What is plugged in.
    has_libusb
        Without, pyOCD warns and lists nothing.

    Attributes
    ----------
    options
        The options of each session that was opened.
    """

    def __init__(self, desk: FakeDesk, *, has_libusb: bool = True) -> None:
        self.options: list[Mapping[str, Any]] = []
        self._desk = desk
        self._has_libusb = has_libusb
        self._has_warned = False

    def load(self) -> PyocdApi:
        """Return it in place of the installed pyOCD."""
        return PyocdApi(
            get_all_connected_probes=self.get_all_connected_probes,
            session=self.session,
            memory_loader=FakeMemoryLoader,
            error=exceptions.Error,
            target_support_error=exceptions.TargetSupportError,
        )

    def get_all_connected_probes(self, blocking: bool = True, print_wait_message: bool = True) -> list[_DebugProbe]:
        """`ConnectHelper.get_all_connected_probes`; waiting for a probe would never end here."""
        assert not (blocking or print_wait_message)
        if not self._has_libusb:
            self._warn_once(_COMMON_LOG, "STLink, CMSIS-DAPv2 and PicoProbe probes are not supported because no libusb library was found.")
            return []
        if any(probe.denied for probe in self._desk.plugged()):
            self._warn_once(
                _USB_LOG,
                "[Errno 13] Access denied (insufficient permissions) while trying to get the STLink USB device configuration "
                "(VID=0483 PID=374e). This can probably be remedied with a udev rule.",
            )
        probes = [_DebugProbe(probe) for probe in self._desk.plugged() if not probe.denied]
        return sorted(probes, key=lambda probe: probe.product_name + probe.unique_id)

    def session(self, probe: _DebugProbe, auto_open: bool = True, options: Mapping[str, Any] | None = None) -> FakeSession:
        """`pyocd.core.session.Session`."""
        assert not auto_open
        self.options.append(dict(options or {}))
        return FakeSession(probe, options=options or {})

    def _warn_once(self, logger: logging.Logger, text: str) -> None:
        if not self._has_warned:  # as pyOCD does, for the life of the process
            logger.warning(text)
            self._has_warned = True


class FakeSession:
    """What of `pyocd.core.session.Session` is used."""

    def __init__(self, probe: _DebugProbe, *, options: Mapping[str, Any]) -> None:
        target = options["target_override"]
        if target not in BUILTIN_TARGETS:
            raise exceptions.TargetSupportError(
                f"Target type {target} not recognized. Use 'pyocd list --targets' to see currently available target types."
            )
        self.fake = probe.fake
        self.target = FakeTarget(probe.fake)
        self._options = options

    def open(self) -> None:
        """Open the probe, connect, examine."""
        fake, under_reset = self.fake, self._options["connect_mode"] == "under-reset"
        if not fake.plugged:
            raise USBError(_GONE, _LIBUSB_NO_DEVICE, errno.ENODEV)
        if fake.in_use:
            raise USBError("Resource busy", _LIBUSB_BUSY, errno.EBUSY)
        try:
            fake.connect(under_reset=under_reset, clock_hz=self._options["frequency"])
        except NoAnswerError:
            raise exceptions.ProbeError(Status.get_error_message(Status.JTAG_GET_IDCODE_ERROR)) from None
        if under_reset and self._options["target_override"] == "stm32h743xx":  # this target looks at the chip by itself then
            device_id = fake.chip.device_id
            assert device_id == 0x450, f"IDC.DEV_ID 0x{device_id:03x} did not match expected. 0x450"

    def close(self) -> None:
        """Let the chip run on; a probe that is gone is no error that leaves pyOCD."""
        if self.fake.plugged:
            self.fake.chip.halted = False


class FakeTarget:
    """What of `pyocd.core.soc_target.SoCTarget` is used."""

    def __init__(self, probe: FakeProbe) -> None:
        self._probe = probe

    def read_memory_block8(self, addr: int, size: int) -> Sequence[int]:
        """Read bytes."""
        with _as_pyocd():
            return list(self._probe.read(addr, size))

    def reset_and_halt(self) -> None:
        """Reset, and stop before the first instruction."""
        self._reset(halt=True)

    def reset(self) -> None:
        """Reset, and let it run."""
        self._reset(halt=False)

    def mass_erase(self) -> None:
        """Erase the whole flash."""
        with _as_pyocd():
            self._probe.require_plugged()
            self._probe.chip.erase_all()

    def _reset(self, *, halt: bool) -> None:
        with _as_pyocd():
            self._probe.require_plugged()
            self._probe.chip.reset(halt=halt)


class FakeMemoryLoader:
    """What of `pyocd.flash.loader.MemoryLoader` is used."""

    def __init__(
        self,
        session: FakeSession,
        progress: Callable[[float], None] | None = None,
        chip_erase: str | None = None,
        smart_flash: bool | None = None,
        trust_crc: bool | None = None,
        keep_unwritten: bool | None = None,
    ) -> None:
        assert chip_erase == "sector"
        assert trust_crc is False
        self._session = session
        self._progress = progress or (lambda _: None)
        self._reads_first = smart_flash is not False or keep_unwritten is not False
        self._pages: dict[int, bytearray] = {}

    def add_data(self, address: int, data: Sequence[int]) -> FakeMemoryLoader:
        """Take `data` into pages, their gaps as erased flash."""
        for offset, value in enumerate(data):
            place = address + offset
            page = self._pages.setdefault(place - place % _PAGE_BYTES, bytearray(b"\xff") * _PAGE_BYTES)
            page[place % _PAGE_BYTES] = value
        return self

    def commit(self) -> None:
        """Erase by sectors, then program by pages."""
        probe = self._session.fake
        with _as_pyocd():
            probe.require_plugged()
            probe.chip.reset(halt=True)
            for address in self._pages:
                if self._reads_first:
                    probe.read(address, _PAGE_BYTES)
            sector_bytes = probe.chip.sector_bytes
            for sector in sorted({address - address % sector_bytes for address in self._pages}):
                with _as_pyocd(exceptions.FlashEraseFailure, "flash erase sector failure"):
                    probe.erase_sectors(sector, 1)
            for done, (address, page) in enumerate(sorted(self._pages.items())):
                self._progress(done / len(self._pages))
                probe.program(address, bytes(page))
        self._progress(1.0)


@contextlib.contextmanager
def _as_pyocd(
    flash_failure: type[exceptions.FlashFailure] = exceptions.FlashProgramFailure, text: str = "flash program page failure"
) -> Iterator[None]:
    """Raise what pyOCD would."""
    try:
        yield
    except UnpluggedError:
        raise exceptions.ProbeError(f"USB Error: [Errno {errno.ENODEV}] {_GONE}") from None
    except MemoryFaultError as error:
        raise exceptions.TransferFaultError("read", fault_address=error.address, length=4) from None
    except FlashFaultError as error:
        raise flash_failure(text, address=error.address, result_code=1) from None
