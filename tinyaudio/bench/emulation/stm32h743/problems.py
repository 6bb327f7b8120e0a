"""What ends an emulated chip, and the exit code of its process for each."""

from __future__ import annotations


class MachineEndError(Exception):
    """The machine stops here. The text is one line for a reader who knows the firmware, not the emulator.

    Attributes
    ----------
    exit_code
        Of the process.
    """

    exit_code = 1


class HostGoneError(MachineEndError):
    """The host has closed the line and the firmware waits for it: the ordinary end."""

    exit_code = 0


class FirmwareEndedError(MachineEndError):
    """The firmware has ended by itself, with a code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the firmware ended with code {code}")
        self.exit_code = code


class FirmwareFaultError(MachineEndError):
    """The firmware hangs, or faults where no handler can help."""

    exit_code = 70


class UnmodelledError(MachineEndError):
    """A touch of a device, a register or an address that is not modelled."""

    exit_code = 71


class MisuseError(MachineEndError):
    """The firmware does what the chip does not forgive: its result there would be luck."""

    exit_code = 72


class PowerLostError(MachineEndError):
    """The power loss that was asked for."""

    exit_code = 75
