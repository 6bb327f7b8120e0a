"""The exception tree.

::

    TinyaudioError              every error a user can cause or mend; the CLI prints it in two lines
    |-- InputError              something the user wrote or supplied is wrong
    |   |-- ProjectError        tinyaudio.toml
    |   |-- ManifestError       the CSV manifest, or an audio file it names
    |   |-- AudioError          one audio file
    |   |-- SpecError           a front-end specification that cannot be built
    |   |-- BoardError          a board file, or a board that does not exist
    |   |-- BenchFileError      bench.toml: what is plugged in on this desk
    |   `-- ModelError          a .tflite file: malformed, or an operator that is not supported
    |-- ToolError               an outside program is missing or failed
    |-- BuildError              the firmware did not build, or does not fit
    |-- StageError              a stage of the line cannot run (its input is missing or stale)
    |-- StorageError            the disk refused (full, read-only)
    |-- DeviceError             the device did not answer as it should
    |   |-- TransportError      bytes could not be moved
    |   |-- ProtocolError       bytes arrived that are not the protocol
    |   |-- IdentityError       the device is not the one expected (fingerprints differ)
    |   |   `-- WrongChipError  the chip at the probe is not the board's: nothing was written
    |   |-- ProbeError          there is no debug probe, or it cannot be used, or which one was not said
    |   `-- FlashError          an image could not be written, or did not verify
    `-- NotYetSupportedError    a feature that is planned but not there

A check that ran and failed (a mismatch, a gate, a budget) is not an exception of this tree: it is a
result, and the CLI turns it into exit code 3.
"""

from __future__ import annotations


class TinyaudioError(Exception):
    """Base of all errors that a user can mend.

    Parameters
    ----------
    message
        One line: what is wrong.
    hint
        One line: what to do about it.
    where
        The file, row, field, operator or port it concerns; shown in front of the message.
    """

    def __init__(self, message: str, *, hint: str = "", where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class InputError(TinyaudioError):
    """Something the user wrote or supplied is wrong."""


class ProjectError(InputError):
    """``tinyaudio.toml`` is missing or wrong."""


class ManifestError(InputError):
    """The manifest, or the data it lists, is wrong."""


class AudioError(InputError):
    """One audio file cannot be used."""


class SpecError(InputError):
    """A front-end specification that cannot be built."""


class BoardError(InputError):
    """A board file breaks a rule, or the board does not exist."""


class BenchFileError(InputError):
    """``bench.toml`` is missing or wrong."""


class ModelError(InputError):
    """A ``.tflite`` file is malformed or uses what is not supported."""


class ToolError(TinyaudioError):
    """An outside program is missing or failed."""


class BuildError(TinyaudioError):
    """The firmware did not build or does not fit its board."""


class StageError(TinyaudioError):
    """A stage of the line cannot run."""


class StorageError(TinyaudioError):
    """A file could not be written."""


class DeviceError(TinyaudioError):
    """The device did not answer as it should."""


class TransportError(DeviceError):
    """Bytes could not be moved to or from the device."""


class ProtocolError(DeviceError):
    """What arrived is not the protocol."""


class IdentityError(DeviceError):
    """The device is not the one that was expected."""


class WrongChipError(IdentityError):
    """The chip at the probe is not the one of the board; nothing was written to it."""


class ProbeError(DeviceError):
    """There is no debug probe, it cannot be used, or it was not said which one."""


class FlashError(DeviceError):
    """An image could not be written, or what was written is not the image."""


class NotYetSupportedError(TinyaudioError):
    """A feature that is planned but not there."""
