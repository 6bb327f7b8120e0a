"""Who answers: is it the firmware that was built, with the model and the front end of this project?"""

from __future__ import annotations

from typing import Literal

from tinyaudio.core.artifacts import DeviceIdentity
from tinyaudio.core.errors import IdentityError
from tinyaudio.wire.messages import CalibrationState, CounterUnit, Hello

_COUNTER_UNITS: dict[CounterUnit, Literal["instructions", "cycles", "nanoseconds"]] = {
    CounterUnit.INSTRUCTIONS: "instructions",
    CounterUnit.CYCLES: "cycles",
    CounterUnit.NANOSECONDS: "nanoseconds",
}
_CALIBRATION_STATES: dict[CalibrationState, Literal["built_in", "stored", "corrupt", "foreign"]] = {
    CalibrationState.BUILT_IN: "built_in",
    CalibrationState.STORED: "stored",
    CalibrationState.CORRUPT: "corrupt",
    CalibrationState.FOREIGN: "foreign",
}
_SHORT_DIGITS = 12


def identity_of(hello: Hello) -> DeviceIdentity:
    """Return what `hello` says of the device, in the words of `tinyaudio.core.artifacts`."""
    return DeviceIdentity(
        board=hello.board_id,
        chip_id=hello.chip_id.hex(),
        runtime=hello.runtime,
        kernel=hello.kernel,
        protocol_version=hello.protocol_version,
        frontend_fingerprint=hello.frontend_fingerprint.hex(),
        model_sha256=hello.model_sha256.hex(),
        firmware_fingerprint=hello.firmware_fingerprint.hex(),
        counter_unit=_COUNTER_UNITS[hello.counter_unit],
        counter_frequency_hz=hello.counter_frequency_hz,
        arena_bytes=hello.arena_bytes,
        arena_used_bytes=hello.arena_used_bytes,
        model_kernels=hello.model_kernels,
        calibration_fingerprint=hello.calibration_fingerprint.hex(),
        calibration_state=_CALIBRATION_STATES[hello.calibration_state],
        recording_calibration_fingerprint=hello.recording_calibration_fingerprint.hex(),
    )


def check_identity(
    hello: Hello,
    *,
    board: str | None = None,
    frontend_fingerprint: str | None = None,
    model_sha256: str | None = None,
    firmware_fingerprint: str | None = None,
) -> DeviceIdentity:
    """Compare what the device says with what is expected; what is None is not compared.

    Raises
    ------
    IdentityError
        Naming everything that differs, expected and actual.
    """
    identity = identity_of(hello)
    compared = (
        ("board", board, identity.board, None),
        ("front end", frontend_fingerprint, identity.frontend_fingerprint, _SHORT_DIGITS),
        ("model", model_sha256, identity.model_sha256, _SHORT_DIGITS),
        ("firmware", firmware_fingerprint, identity.firmware_fingerprint, _SHORT_DIGITS),
    )
    differences = [
        f"{name} {actual[:length]} instead of {expected[:length]}"
        for name, expected, actual, length in compared
        if expected is not None and expected != actual
    ]
    if differences:
        raise IdentityError(
            f"the device runs another firmware: {'; '.join(differences)}", hint="run `tinyaudio build` and flash again", where=identity.board
        )
    return identity
