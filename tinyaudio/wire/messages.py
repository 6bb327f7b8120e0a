"""Message types of the serial protocol, version 6.

Generated from ``tinyaudio/wire/protocol.toml`` by ``python -m tinyaudio.wire.generate``; change that, not this.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import ClassVar, Final

from tinyaudio.core.errors import ProtocolError
from tinyaudio.wire.codec import Reader, pack, pack_array, pack_string

PROTOCOL_VERSION: Final = 6
MAX_PAYLOAD_BYTES: Final = 522


class TraceMode(IntEnum):
    """What the device tells about each frame of the front end."""

    NONE = 0  # Nothing.
    CRC = 1  # One StageTrace a frame.


class Stage(IntEnum):
    """A stage of the front end, in the order of computation."""

    WINDOW = 0  # Windowed samples, zero-padded to the FFT's length.
    FFT = 1  # Spectrum, real and imaginary parts interleaved.
    ENERGY = 2  # Magnitude or power of each bin.
    MEL = 3  # Energy in each mel band.
    LOG = 4  # Logarithm of each mel band.
    POST = 5  # Behind level normalization and cosine transform; the logarithm itself where neither is on.
    FEATURES = 6  # Features as the model reads them.


class CounterUnit(IntEnum):
    """What the device's counter counts."""

    INSTRUCTIONS = 0  # Instructions of an emulator's deterministic clock.
    CYCLES = 1  # Clock cycles of a core.
    NANOSECONDS = 2  # Time of the computer the firmware runs on.


class LogLevel(IntEnum):
    """How serious a line of the device's log is."""

    DEBUG = 0  # Of interest to whoever works on the firmware.
    INFO = 1  # Normal operation.
    WARNING = 2  # Unexpected, but results hold.
    ERROR = 3  # Results may not hold.


class FaultCode(IntEnum):
    """Why the device cannot go on with what it was asked to do."""

    BAD_REQUEST = 0  # A message did not decode, or came out of place.
    OVERRUN = 1  # Samples had to be dropped.
    SELF_CHECK = 2  # Tables or model failed the checks at start.
    HARDWARE = 3  # A peripheral or the processor reported a fault.


class SettingStatus(IntEnum):
    """What became of a SettingsRead or SettingsWrite. Behind a refused write the value is the one stored before."""

    STORED = 0  # The value is what is stored, for good.
    ABSENT = 1  # Nothing is stored under this key.
    REFUSED = 2  # Not written: the key does not exist for this firmware, or cannot have this value.
    FULL = 3  # Not written: no room for another key.
    FAILED = 4  # Not written: there is no storage, it does not work, or other firmware has written it.
    CORRUPT = 5  # What is stored cannot be read.
    FOREIGN = 6  # What is stored was made for other firmware.


class DecisionRule(IntEnum):
    """Which labels are detected; a label reaches its threshold where the sum of its scores is at least threshold x count."""

    BEST = 0  # The one with the greatest sum, the first of equals, if it reaches its own threshold; else none.
    EVERY = 1  # Every one that reaches its own threshold.


class CalibrationSource(IntEnum):
    """Which calibration decides."""

    BUILT_IN = 0  # The one compiled in.
    STORED = 1  # The one stored under setting 1; the one compiled in where none holds.


class CalibrationState(IntEnum):
    """What there is of a stored calibration, setting 1."""

    BUILT_IN = 0  # Nothing is stored; the one compiled in holds.
    STORED = 1  # The stored one holds for recordings.
    CORRUPT = 2  # What is stored cannot be read; the one compiled in holds.
    FOREIGN = 3  # What is stored is of another model, front end or smoothing; the one compiled in holds.


class ModelPart(IntEnum):
    """What of a model's inference is told."""

    OUTPUT = 0  # The model's output.
    LOGITS = 1  # The tensor before a final softmax or logistic function; the output where there is none.


class ModelRunOption(IntFlag):
    """How to run a model."""

    FORGET = 1  # Forget all earlier inputs first; of use to streaming models only.
    STEP_TICKS = 2  # Run step by step, and tell the cost of each with ModelTicks.


class Capability(IntFlag):
    """What the firmware can do beyond the basics."""

    STAGE_TRACE = 1  # Sends StageTrace.
    STAGE_CAPTURE = 2  # Sends StageData.
    SELF_TEST = 4  # Carries the golden vectors of every operator.
    RESET = 8  # Obeys ResetRequest.
    MICROPHONE = 16  # Obeys LiveBegin.
    SETTINGS = 32  # Keeps settings without power.
    BARE_MODEL = 64  # Is a model alone: obeys ModelInput and ModelRun, and knows no clips.


_HELLO_REQUEST_0 = struct.Struct("<HI")


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloRequest:
    """Opens a session: the device forgets its link state and what it was doing, and answers with Hello."""

    ID: ClassVar[int] = 0x01
    SEQUENCED: ClassVar[bool] = False
    MAX_BYTES: ClassVar[int] = 6

    protocol_version: int  # Version the host speaks.
    nonce: int  # Any number; Hello repeats it. The same session and nonce again is a repetition, not a new session.

    def encode(self) -> bytes:
        """Return the payload."""
        return pack(_HELLO_REQUEST_0, "HelloRequest", self.protocol_version, self.nonce)

    @classmethod
    def decode(cls, payload: bytes) -> HelloRequest:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "HelloRequest")
        protocol_version, nonce = reader.integers(_HELLO_REQUEST_0)
        reader.finish()
        return cls(
            protocol_version=protocol_version,
            nonce=nonce,
        )


_LINK_POLL_0 = struct.Struct("<HB")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPoll:
    """Asks for LinkStatus. Only the host has a clock, so only the host asks."""

    ID: ClassVar[int] = 0x02
    SEQUENCED: ClassVar[bool] = False
    MAX_BYTES: ClassVar[int] = 3

    token: int  # Repeated in LinkStatus: what was sent before the poll has then been received or is lost.
    resend: int  # 1: send again everything from the acknowledged frame on, before LinkStatus.

    def encode(self) -> bytes:
        """Return the payload."""
        return pack(_LINK_POLL_0, "LinkPoll", self.token, self.resend)

    @classmethod
    def decode(cls, payload: bytes) -> LinkPoll:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "LinkPoll")
        token, resend = reader.integers(_LINK_POLL_0)
        reader.finish()
        return cls(
            token=token,
            resend=resend,
        )


_LINK_STATUS_0 = struct.Struct("<HB")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatus:
    """Carries an acknowledge and credit when no other frame is there to carry them."""

    ID: ClassVar[int] = 0x03
    SEQUENCED: ClassVar[bool] = False
    MAX_BYTES: ClassVar[int] = 3

    token: int  # Token of the LinkPoll it answers; 0 when it answers none.
    gap: int  # 1: a frame came ahead of the one expected, so something was lost.

    def encode(self) -> bytes:
        """Return the payload."""
        return pack(_LINK_STATUS_0, "LinkStatus", self.token, self.gap)

    @classmethod
    def decode(cls, payload: bytes) -> LinkStatus:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "LinkStatus")
        token, gap = reader.integers(_LINK_STATUS_0)
        reader.finish()
        return cls(
            token=token,
            gap=gap,
        )


_SESSION_NOTICE_0 = struct.Struct("<B")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionNotice:
    """The frame just received belongs to no open session: the device was reset. Its header repeats that frame's session."""

    ID: ClassVar[int] = 0x04
    SEQUENCED: ClassVar[bool] = False
    MAX_BYTES: ClassVar[int] = 1

    open_session: int  # Session the device has open; 0 for none.

    def encode(self) -> bytes:
        """Return the payload."""
        return pack(_SESSION_NOTICE_0, "SessionNotice", self.open_session)

    @classmethod
    def decode(cls, payload: bytes) -> SessionNotice:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "SessionNotice")
        (open_session,) = reader.integers(_SESSION_NOTICE_0)
        reader.finish()
        return cls(
            open_session=open_session,
        )


_CLIP_BEGIN_0 = struct.Struct("<IIBBIIB")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipBegin:
    """Starts a clip: the front end, the patches, the smoothing and the scores start afresh."""

    ID: ClassVar[int] = 0x10
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 19

    clip_id: int  # Number that all messages about the clip repeat.
    total_samples: int  # [samples] Length of the clip; ClipResult follows when so many were processed.
    trace_mode: TraceMode  # What to tell about each frame.
    capture_stages: int  # Bit i: send the arrays of stage i (see Stage) as StageData.
    capture_first_frame: int  # [frames] First frame to capture.
    capture_frame_count: int  # [frames] Number of frames to capture.
    decide_by: CalibrationSource  # Which calibration decides.

    def encode(self) -> bytes:
        """Return the payload."""
        return pack(
            _CLIP_BEGIN_0,
            "ClipBegin",
            self.clip_id,
            self.total_samples,
            self.trace_mode,
            self.capture_stages,
            self.capture_first_frame,
            self.capture_frame_count,
            self.decide_by,
        )

    @classmethod
    def decode(cls, payload: bytes) -> ClipBegin:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "ClipBegin")
        clip_id, total_samples, trace_mode, capture_stages, capture_first_frame, capture_frame_count, decide_by = reader.integers(_CLIP_BEGIN_0)
        reader.finish()
        try:
            return cls(
                clip_id=clip_id,
                total_samples=total_samples,
                trace_mode=TraceMode(trace_mode),
                capture_stages=capture_stages,
                capture_first_frame=capture_first_frame,
                capture_frame_count=capture_frame_count,
                decide_by=CalibrationSource(decide_by),
            )
        except ValueError as error:
            raise ProtocolError(str(error), hint="the firmware is newer than this tinyaudio", where="ClipBegin") from error


_PCM_0 = struct.Struct("<II")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pcm:
    """Consecutive samples of the clip."""

    ID: ClassVar[int] = 0x11
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 522
    MAX_SAMPLES: ClassVar[int] = 256

    clip_id: int  # Clip they belong to.
    offset_samples: int  # [samples] Position of the first one in the clip.
    samples: tuple[int, ...]  # [full scale = 32768] Mono PCM.

    def encode(self) -> bytes:
        """Return the payload."""
        return b"".join(
            (
                pack(_PCM_0, "Pcm", self.clip_id, self.offset_samples),
                pack_array("h", "Pcm.samples", self.samples, max_length=256),
            )
        )

    @classmethod
    def decode(cls, payload: bytes) -> Pcm:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "Pcm")
        clip_id, offset_samples = reader.integers(_PCM_0)
        samples = reader.array("h", max_length=256)
        reader.finish()
        return cls(
            clip_id=clip_id,
            offset_samples=offset_samples,
            samples=samples,
        )


_RESET_REQUEST_0 = struct.Struct("<H")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetRequest:
    """Reboots the device, as if its power had failed; nothing is answered."""

    ID: ClassVar[int] = 0x12
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 2

    delay_ms: int  # [ms] Time to wait before.

    def encode(self) -> bytes:
        """Return the payload."""
        return pack(_RESET_REQUEST_0, "ResetRequest", self.delay_ms)

    @classmethod
    def decode(cls, payload: bytes) -> ResetRequest:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "ResetRequest")
        (delay_ms,) = reader.integers(_RESET_REQUEST_0)
        reader.finish()
        return cls(
            delay_ms=delay_ms,
        )


_LIVE_BEGIN_0 = struct.Struct("<IIB")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveBegin:
    """Starts a recording of the microphone, of which the same messages tell as of a clip."""

    ID: ClassVar[int] = 0x13
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 9

    clip_id: int  # Number that all messages about the recording repeat.
    total_samples: int  # [samples] Length, lost samples included; ClipResult follows when so many have come. 0: until LiveEnd.
    trace_mode: TraceMode  # What to tell about each frame.

    def encode(self) -> bytes:
        """Return the payload."""
        return pack(_LIVE_BEGIN_0, "LiveBegin", self.clip_id, self.total_samples, self.trace_mode)

    @classmethod
    def decode(cls, payload: bytes) -> LiveBegin:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "LiveBegin")
        clip_id, total_samples, trace_mode = reader.integers(_LIVE_BEGIN_0)
        reader.finish()
        try:
            return cls(
                clip_id=clip_id,
                total_samples=total_samples,
                trace_mode=TraceMode(trace_mode),
            )
        except ValueError as error:
            raise ProtocolError(str(error), hint="the firmware is newer than this tinyaudio", where="LiveBegin") from error


_LIVE_END_0 = struct.Struct("<I")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveEnd:
    """Ends the recording with the last sample that was taken in; ClipResult follows. Ignored if the recording has ended."""

    ID: ClassVar[int] = 0x14
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 4

    clip_id: int  # Which recording.

    def encode(self) -> bytes:
        """Return the payload."""
        return pack(_LIVE_END_0, "LiveEnd", self.clip_id)

    @classmethod
    def decode(cls, payload: bytes) -> LiveEnd:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "LiveEnd")
        (clip_id,) = reader.integers(_LIVE_END_0)
        reader.finish()
        return cls(
            clip_id=clip_id,
        )


_SETTINGS_WRITE_0 = struct.Struct("<H")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsWrite:
    """Stores a value so that it survives a power loss, and obeys it at once; SettingsValue answers when it is safe."""

    ID: ClassVar[int] = 0x15
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 68
    MAX_VALUE: ClassVar[int] = 64

    key: int  # Which setting.
    value: bytes  # Its value; empty: forget the setting.

    def encode(self) -> bytes:
        """Return the payload."""
        return b"".join(
            (
                pack(_SETTINGS_WRITE_0, "SettingsWrite", self.key),
                pack_array("B", "SettingsWrite.value", self.value, max_length=64),
            )
        )

    @classmethod
    def decode(cls, payload: bytes) -> SettingsWrite:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "SettingsWrite")
        (key,) = reader.integers(_SETTINGS_WRITE_0)
        value = reader.bytes_(max_length=64)
        reader.finish()
        return cls(
            key=key,
            value=value,
        )


_SETTINGS_READ_0 = struct.Struct("<H")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsRead:
    """Asks for SettingsValue."""

    ID: ClassVar[int] = 0x16
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 2

    key: int  # Which setting.

    def encode(self) -> bytes:
        """Return the payload."""
        return pack(_SETTINGS_READ_0, "SettingsRead", self.key)

    @classmethod
    def decode(cls, payload: bytes) -> SettingsRead:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "SettingsRead")
        (key,) = reader.integers(_SETTINGS_READ_0)
        reader.finish()
        return cls(
            key=key,
        )


_SETTINGS_LIST_0 = struct.Struct("<H")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsList:
    """Asks for SettingsKeys."""

    ID: ClassVar[int] = 0x17
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 2

    first_key: int  # The least key to list.

    def encode(self) -> bytes:
        """Return the payload."""
        return pack(_SETTINGS_LIST_0, "SettingsList", self.first_key)

    @classmethod
    def decode(cls, payload: bytes) -> SettingsList:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "SettingsList")
        (first_key,) = reader.integers(_SETTINGS_LIST_0)
        reader.finish()
        return cls(
            first_key=first_key,
        )


_MODEL_INPUT_0 = struct.Struct("<I")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInput:
    """A piece of the model's next input. The pieces come in order, and all of them before ModelRun."""

    ID: ClassVar[int] = 0x19
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 486
    MAX_DATA: ClassVar[int] = 480

    offset_bytes: int  # [bytes] Position of this piece in the input.
    data: bytes  # The piece, as it lies in memory.

    def encode(self) -> bytes:
        """Return the payload."""
        return b"".join(
            (
                pack(_MODEL_INPUT_0, "ModelInput", self.offset_bytes),
                pack_array("B", "ModelInput.data", self.data, max_length=480),
            )
        )

    @classmethod
    def decode(cls, payload: bytes) -> ModelInput:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "ModelInput")
        (offset_bytes,) = reader.integers(_MODEL_INPUT_0)
        data = reader.bytes_(max_length=480)
        reader.finish()
        return cls(
            offset_bytes=offset_bytes,
            data=data,
        )


_MODEL_RUN_0 = struct.Struct("<II")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRun:
    """One inference on the input that was sent. Its output, logits and ticks come in pieces, ModelResult last."""

    ID: ClassVar[int] = 0x1A
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 8

    run_id: int  # Any number; all messages about the inference repeat it.
    options: ModelRunOption  # How.

    def encode(self) -> bytes:
        """Return the payload."""
        return pack(_MODEL_RUN_0, "ModelRun", self.run_id, self.options)

    @classmethod
    def decode(cls, payload: bytes) -> ModelRun:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "ModelRun")
        run_id, options = reader.integers(_MODEL_RUN_0)
        reader.finish()
        return cls(
            run_id=run_id,
            options=ModelRunOption(options),
        )


_SELF_TEST_REQUEST_0 = struct.Struct("<H")


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestRequest:
    """Runs the model's operators on the golden vectors that the firmware carries; a SelfTestOperator for each, then SelfTestResult."""

    ID: ClassVar[int] = 0x18
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 2

    vector_count: int  # How many golden inputs, from the first; 0: all.

    def encode(self) -> bytes:
        """Return the payload."""
        return pack(_SELF_TEST_REQUEST_0, "SelfTestRequest", self.vector_count)

    @classmethod
    def decode(cls, payload: bytes) -> SelfTestRequest:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "SelfTestRequest")
        (vector_count,) = reader.integers(_SELF_TEST_REQUEST_0)
        reader.finish()
        return cls(
            vector_count=vector_count,
        )


_HELLO_0 = struct.Struct("<HIII")
_HELLO_1 = struct.Struct("<IHHHHHHHB")
_HELLO_2 = struct.Struct("<B")
_HELLO_3 = struct.Struct("<IBII")
_HELLO_4 = struct.Struct("<I")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """The first frame of a session: what runs there."""

    ID: ClassVar[int] = 0x40
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 365
    MAX_BOARD_ID: ClassVar[int] = 32
    MAX_CHIP_ID: ClassVar[int] = 16
    MAX_RUNTIME: ClassVar[int] = 16
    MAX_KERNEL: ClassVar[int] = 16
    MAX_MODEL_KERNELS: ClassVar[int] = 64

    protocol_version: int  # Version the device speaks.
    nonce: int  # That of HelloRequest.
    boot_id: int  # Differs from boot to boot where the port can tell boots apart, else 0.
    retransmit_bytes: int  # [bytes] How much the device keeps until it is acknowledged.
    board_id: str  # Name of the board type, as in boards/.
    chip_id: bytes  # Unique id of the chip, as it lies in memory; empty if it has none.
    firmware_fingerprint: bytes  # SHA-256 of the rendered project.
    frontend_fingerprint: bytes  # SHA-256 of the front end's specification, kernel and tables.
    model_sha256: bytes  # SHA-256 of the .tflite file.
    runtime: str  # aot or tflm.
    kernel: str  # FFT kernel.
    sample_rate_hz: int  # [Hz] Of the PCM.
    window_samples: int  # [samples] Length of a window.
    hop_samples: int  # [samples] Distance of two windows.
    fft_samples: int  # [samples] Length of the FFT.
    feature_bands: int  # Features of a frame: mel bands, or cepstral coefficients.
    patch_frames: int  # [frames] Frames a model input spans.
    patch_hop_frames: int  # [frames] Distance of two model inputs.
    label_count: int  # Number of classes.
    decision_rule: DecisionRule  # How scores become detections.
    calibration_fingerprint: bytes  # SHA-256 of the thresholds compiled in, and of the front end and the model that they are for.
    calibration_state: CalibrationState  # What there is of a stored calibration.
    recording_calibration_fingerprint: bytes  # The same of what recordings are decided by: of the stored calibration, where one holds.
    counter_frequency_hz: int  # [Hz] Ticks of the counter in a second.
    counter_unit: CounterUnit  # What a tick stands for.
    arena_bytes: int  # [bytes] RAM of the model.
    arena_used_bytes: int  # [bytes] What of it the model needs, as the runtime found at start.
    model_kernels: str  # Whose kernels compute the model, and which version of them.
    capabilities: Capability  # What the firmware can do.

    def encode(self) -> bytes:
        """Return the payload."""
        return b"".join(
            (
                pack(_HELLO_0, "Hello", self.protocol_version, self.nonce, self.boot_id, self.retransmit_bytes),
                pack_string("Hello.board_id", self.board_id, max_length=32),
                pack_array("B", "Hello.chip_id", self.chip_id, max_length=16),
                pack_array("B", "Hello.firmware_fingerprint", self.firmware_fingerprint, length=32),
                pack_array("B", "Hello.frontend_fingerprint", self.frontend_fingerprint, length=32),
                pack_array("B", "Hello.model_sha256", self.model_sha256, length=32),
                pack_string("Hello.runtime", self.runtime, max_length=16),
                pack_string("Hello.kernel", self.kernel, max_length=16),
                pack(
                    _HELLO_1,
                    "Hello",
                    self.sample_rate_hz,
                    self.window_samples,
                    self.hop_samples,
                    self.fft_samples,
                    self.feature_bands,
                    self.patch_frames,
                    self.patch_hop_frames,
                    self.label_count,
                    self.decision_rule,
                ),
                pack_array("B", "Hello.calibration_fingerprint", self.calibration_fingerprint, length=32),
                pack(_HELLO_2, "Hello", self.calibration_state),
                pack_array("B", "Hello.recording_calibration_fingerprint", self.recording_calibration_fingerprint, length=32),
                pack(_HELLO_3, "Hello", self.counter_frequency_hz, self.counter_unit, self.arena_bytes, self.arena_used_bytes),
                pack_string("Hello.model_kernels", self.model_kernels, max_length=64),
                pack(_HELLO_4, "Hello", self.capabilities),
            )
        )

    @classmethod
    def decode(cls, payload: bytes) -> Hello:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "Hello")
        protocol_version, nonce, boot_id, retransmit_bytes = reader.integers(_HELLO_0)
        board_id = reader.string(max_length=32)
        chip_id = reader.bytes_(max_length=16)
        firmware_fingerprint = reader.bytes_(length=32)
        frontend_fingerprint = reader.bytes_(length=32)
        model_sha256 = reader.bytes_(length=32)
        runtime = reader.string(max_length=16)
        kernel = reader.string(max_length=16)
        (
            sample_rate_hz,
            window_samples,
            hop_samples,
            fft_samples,
            feature_bands,
            patch_frames,
            patch_hop_frames,
            label_count,
            decision_rule,
        ) = reader.integers(_HELLO_1)
        calibration_fingerprint = reader.bytes_(length=32)
        (calibration_state,) = reader.integers(_HELLO_2)
        recording_calibration_fingerprint = reader.bytes_(length=32)
        counter_frequency_hz, counter_unit, arena_bytes, arena_used_bytes = reader.integers(_HELLO_3)
        model_kernels = reader.string(max_length=64)
        (capabilities,) = reader.integers(_HELLO_4)
        reader.finish()
        try:
            return cls(
                protocol_version=protocol_version,
                nonce=nonce,
                boot_id=boot_id,
                retransmit_bytes=retransmit_bytes,
                board_id=board_id,
                chip_id=chip_id,
                firmware_fingerprint=firmware_fingerprint,
                frontend_fingerprint=frontend_fingerprint,
                model_sha256=model_sha256,
                runtime=runtime,
                kernel=kernel,
                sample_rate_hz=sample_rate_hz,
                window_samples=window_samples,
                hop_samples=hop_samples,
                fft_samples=fft_samples,
                feature_bands=feature_bands,
                patch_frames=patch_frames,
                patch_hop_frames=patch_hop_frames,
                label_count=label_count,
                decision_rule=DecisionRule(decision_rule),
                calibration_fingerprint=calibration_fingerprint,
                calibration_state=CalibrationState(calibration_state),
                recording_calibration_fingerprint=recording_calibration_fingerprint,
                counter_frequency_hz=counter_frequency_hz,
                counter_unit=CounterUnit(counter_unit),
                arena_bytes=arena_bytes,
                arena_used_bytes=arena_used_bytes,
                model_kernels=model_kernels,
                capabilities=Capability(capabilities),
            )
        except ValueError as error:
            raise ProtocolError(str(error), hint="the firmware is newer than this tinyaudio", where="Hello") from error


_STAGE_TRACE_0 = struct.Struct("<II")
_STAGE_TRACE_1 = struct.Struct("<I")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTrace:
    """One frame of the front end: the CRC-32 of each stage's array as it lies in memory."""

    ID: ClassVar[int] = 0x41
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 36

    clip_id: int  # Clip it belongs to.
    frame_index: int  # [frames] Frame of the clip.
    stage_crc32: tuple[int, ...]  # Of window, fft, energy, mel, log and post.
    counter_ticks: int  # [ticks] Cost of the frame's front end, without that of the trace.

    def encode(self) -> bytes:
        """Return the payload."""
        return b"".join(
            (
                pack(_STAGE_TRACE_0, "StageTrace", self.clip_id, self.frame_index),
                pack_array("I", "StageTrace.stage_crc32", self.stage_crc32, length=6),
                pack(_STAGE_TRACE_1, "StageTrace", self.counter_ticks),
            )
        )

    @classmethod
    def decode(cls, payload: bytes) -> StageTrace:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "StageTrace")
        clip_id, frame_index = reader.integers(_STAGE_TRACE_0)
        stage_crc32 = reader.array("I", length=6)
        (counter_ticks,) = reader.integers(_STAGE_TRACE_1)
        reader.finish()
        return cls(
            clip_id=clip_id,
            frame_index=frame_index,
            stage_crc32=stage_crc32,
            counter_ticks=counter_ticks,
        )


_STAGE_DATA_0 = struct.Struct("<IIBII")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageData:
    """A piece of a stage's array."""

    ID: ClassVar[int] = 0x42
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 499
    MAX_DATA: ClassVar[int] = 480

    clip_id: int  # Clip it belongs to.
    frame_index: int  # [frames] Frame of the clip.
    stage: Stage  # Which stage.
    offset_bytes: int  # [bytes] Position of this piece in the array.
    total_bytes: int  # [bytes] Length of the whole array.
    data: bytes  # The piece, as it lies in memory.

    def encode(self) -> bytes:
        """Return the payload."""
        return b"".join(
            (
                pack(_STAGE_DATA_0, "StageData", self.clip_id, self.frame_index, self.stage, self.offset_bytes, self.total_bytes),
                pack_array("B", "StageData.data", self.data, max_length=480),
            )
        )

    @classmethod
    def decode(cls, payload: bytes) -> StageData:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "StageData")
        clip_id, frame_index, stage, offset_bytes, total_bytes = reader.integers(_STAGE_DATA_0)
        data = reader.bytes_(max_length=480)
        reader.finish()
        try:
            return cls(
                clip_id=clip_id,
                frame_index=frame_index,
                stage=Stage(stage),
                offset_bytes=offset_bytes,
                total_bytes=total_bytes,
                data=data,
            )
        except ValueError as error:
            raise ProtocolError(str(error), hint="the firmware is newer than this tinyaudio", where="StageData") from error


_PATCH_RESULT_0 = struct.Struct("<IIIIHB")
_PATCH_RESULT_1 = struct.Struct("<B")


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchResult:
    """One inference. Of more than 64 labels it comes in pieces of 64; what is not of a label is the same in all of them."""

    ID: ClassVar[int] = 0x43
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 292
    MAX_LOGITS: ClassVar[int] = 64
    MAX_SCORES: ClassVar[int] = 64
    MAX_SMOOTHED_SCORE_SUMS: ClassVar[int] = 64
    MAX_DETECTED: ClassVar[int] = 8

    clip_id: int  # Clip it belongs to.
    patch_index: int  # Patch of the clip.
    features_crc32: int  # CRC-32 of the model's input.
    counter_ticks: int  # [ticks] Cost of the inference.
    first_label: int  # Label of the first element of each of the following arrays.
    is_last: int  # 1: the last piece of this patch.
    logits: tuple[int, ...]  # The tensor before a final softmax or logistic function; the output where there is none.
    scores: tuple[int, ...]  # The model's output.
    smoothing_count: int  # Patches that smoothed_score_sums add up.
    smoothed_score_sums: tuple[int, ...]  # Sum of the scores of the last smoothing_count patches.
    detected: bytes  # Labels that are detected now: bit i % 8 of byte i / 8 is label first_label + i.

    def encode(self) -> bytes:
        """Return the payload."""
        return b"".join(
            (
                pack(
                    _PATCH_RESULT_0,
                    "PatchResult",
                    self.clip_id,
                    self.patch_index,
                    self.features_crc32,
                    self.counter_ticks,
                    self.first_label,
                    self.is_last,
                ),
                pack_array("b", "PatchResult.logits", self.logits, max_length=64),
                pack_array("b", "PatchResult.scores", self.scores, max_length=64),
                pack(_PATCH_RESULT_1, "PatchResult", self.smoothing_count),
                pack_array("h", "PatchResult.smoothed_score_sums", self.smoothed_score_sums, max_length=64),
                pack_array("B", "PatchResult.detected", self.detected, max_length=8),
            )
        )

    @classmethod
    def decode(cls, payload: bytes) -> PatchResult:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "PatchResult")
        clip_id, patch_index, features_crc32, counter_ticks, first_label, is_last = reader.integers(_PATCH_RESULT_0)
        logits = reader.array("b", max_length=64)
        scores = reader.array("b", max_length=64)
        (smoothing_count,) = reader.integers(_PATCH_RESULT_1)
        smoothed_score_sums = reader.array("h", max_length=64)
        detected = reader.bytes_(max_length=8)
        reader.finish()
        return cls(
            clip_id=clip_id,
            patch_index=patch_index,
            features_crc32=features_crc32,
            counter_ticks=counter_ticks,
            first_label=first_label,
            is_last=is_last,
            logits=logits,
            scores=scores,
            smoothing_count=smoothing_count,
            smoothed_score_sums=smoothed_score_sums,
            detected=detected,
        )


_DETECTION_0 = struct.Struct("<IIHBhB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """A label is detected from here on, or is not any more. Behind one patch the ends come first, then the beginnings, each by label."""

    ID: ClassVar[int] = 0x44
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 14

    clip_id: int  # Clip it belongs to.
    frame_index: int  # [frames] Last frame of the patch that told.
    label_index: int  # The label.
    is_detected: int  # 1: from here on; 0: not any more.
    smoothed_score_sum: int  # Sum of the label's scores over the last smoothing_count patches.
    smoothing_count: int  # Patches in the sum.

    def encode(self) -> bytes:
        """Return the payload."""
        return pack(
            _DETECTION_0,
            "Detection",
            self.clip_id,
            self.frame_index,
            self.label_index,
            self.is_detected,
            self.smoothed_score_sum,
            self.smoothing_count,
        )

    @classmethod
    def decode(cls, payload: bytes) -> Detection:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "Detection")
        clip_id, frame_index, label_index, is_detected, smoothed_score_sum, smoothing_count = reader.integers(_DETECTION_0)
        reader.finish()
        return cls(
            clip_id=clip_id,
            frame_index=frame_index,
            label_index=label_index,
            is_detected=is_detected,
            smoothed_score_sum=smoothed_score_sum,
            smoothing_count=smoothing_count,
        )


_CLIP_RESULT_0 = struct.Struct("<IIIIIhHB")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipResult:
    """The clip was processed to its end; the last message about it. Of more than 64 labels it comes in pieces of 64, like PatchResult."""

    ID: ClassVar[int] = 0x45
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 293
    MAX_SCORE_SUMS: ClassVar[int] = 64
    MAX_DETECTED: ClassVar[int] = 8

    clip_id: int  # Which clip.
    samples_received: int  # [samples] Samples taken in.
    frames: int  # [frames] Frames computed.
    patches: int  # Inferences made.
    overruns: int  # [samples] Samples that were dropped.
    label_index: int  # Class with the greatest sum of scores, the first of equals; -1 when no patch was whole.
    first_label: int  # Label of the first element of each of the following arrays.
    is_last: int  # 1: the last piece.
    score_sums: tuple[int, ...]  # Sum of the scores over all patches, a class each.
    detected: bytes  # Labels that were detected behind at least one patch; bits as in PatchResult.

    def encode(self) -> bytes:
        """Return the payload."""
        return b"".join(
            (
                pack(
                    _CLIP_RESULT_0,
                    "ClipResult",
                    self.clip_id,
                    self.samples_received,
                    self.frames,
                    self.patches,
                    self.overruns,
                    self.label_index,
                    self.first_label,
                    self.is_last,
                ),
                pack_array("i", "ClipResult.score_sums", self.score_sums, max_length=64),
                pack_array("B", "ClipResult.detected", self.detected, max_length=8),
            )
        )

    @classmethod
    def decode(cls, payload: bytes) -> ClipResult:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "ClipResult")
        clip_id, samples_received, frames, patches, overruns, label_index, first_label, is_last = reader.integers(_CLIP_RESULT_0)
        score_sums = reader.array("i", max_length=64)
        detected = reader.bytes_(max_length=8)
        reader.finish()
        return cls(
            clip_id=clip_id,
            samples_received=samples_received,
            frames=frames,
            patches=patches,
            overruns=overruns,
            label_index=label_index,
            first_label=first_label,
            is_last=is_last,
            score_sums=score_sums,
            detected=detected,
        )


_LOG_0 = struct.Struct("<B")


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A line of the device's log."""

    ID: ClassVar[int] = 0x46
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 203
    MAX_TEXT: ClassVar[int] = 200

    level: LogLevel  # How serious it is.
    text: str  # The line, without an end of line.

    def encode(self) -> bytes:
        """Return the payload."""
        return b"".join(
            (
                pack(_LOG_0, "Log", self.level),
                pack_string("Log.text", self.text, max_length=200),
            )
        )

    @classmethod
    def decode(cls, payload: bytes) -> Log:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "Log")
        (level,) = reader.integers(_LOG_0)
        text = reader.string(max_length=200)
        reader.finish()
        try:
            return cls(
                level=LogLevel(level),
                text=text,
            )
        except ValueError as error:
            raise ProtocolError(str(error), hint="the firmware is newer than this tinyaudio", where="Log") from error


_DEVICE_FAULT_0 = struct.Struct("<B")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFault:
    """The device cannot go on with the clip, or at all."""

    ID: ClassVar[int] = 0x47
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 203
    MAX_TEXT: ClassVar[int] = 200

    code: FaultCode  # Why.
    text: str  # The same in words.

    def encode(self) -> bytes:
        """Return the payload."""
        return b"".join(
            (
                pack(_DEVICE_FAULT_0, "DeviceFault", self.code),
                pack_string("DeviceFault.text", self.text, max_length=200),
            )
        )

    @classmethod
    def decode(cls, payload: bytes) -> DeviceFault:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "DeviceFault")
        (code,) = reader.integers(_DEVICE_FAULT_0)
        text = reader.string(max_length=200)
        reader.finish()
        try:
            return cls(
                code=FaultCode(code),
                text=text,
            )
        except ValueError as error:
            raise ProtocolError(str(error), hint="the firmware is newer than this tinyaudio", where="DeviceFault") from error


_OVERRUN_0 = struct.Struct("<IIIII")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrun:
    """Samples of a recording were lost; told as soon as it is known, behind all results from in front of the gap."""

    ID: ClassVar[int] = 0x48
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 20

    clip_id: int  # Which recording.
    position_samples: int  # [samples] Position of the first lost sample in the recording, lost ones counted, modulo 2^32.
    lost_samples: int  # [samples] How many were lost.
    next_frame_index: int  # [frames] Index of the next frame; it begins at position_samples + lost_samples.
    next_patch_index: int  # Index of the next patch; it begins with that frame.

    def encode(self) -> bytes:
        """Return the payload."""
        return pack(_OVERRUN_0, "Overrun", self.clip_id, self.position_samples, self.lost_samples, self.next_frame_index, self.next_patch_index)

    @classmethod
    def decode(cls, payload: bytes) -> Overrun:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "Overrun")
        clip_id, position_samples, lost_samples, next_frame_index, next_patch_index = reader.integers(_OVERRUN_0)
        reader.finish()
        return cls(
            clip_id=clip_id,
            position_samples=position_samples,
            lost_samples=lost_samples,
            next_frame_index=next_frame_index,
            next_patch_index=next_patch_index,
        )


_SETTINGS_VALUE_0 = struct.Struct("<HB")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsValue:
    """A setting as it is now: the answer to SettingsRead and SettingsWrite."""

    ID: ClassVar[int] = 0x49
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 69
    MAX_VALUE: ClassVar[int] = 64

    key: int  # Which setting.
    status: SettingStatus  # What the value is, or why the write was refused.
    value: bytes  # The value; empty where none is stored.

    def encode(self) -> bytes:
        """Return the payload."""
        return b"".join(
            (
                pack(_SETTINGS_VALUE_0, "SettingsValue", self.key, self.status),
                pack_array("B", "SettingsValue.value", self.value, max_length=64),
            )
        )

    @classmethod
    def decode(cls, payload: bytes) -> SettingsValue:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "SettingsValue")
        key, status = reader.integers(_SETTINGS_VALUE_0)
        value = reader.bytes_(max_length=64)
        reader.finish()
        try:
            return cls(
                key=key,
                status=SettingStatus(status),
                value=value,
            )
        except ValueError as error:
            raise ProtocolError(str(error), hint="the firmware is newer than this tinyaudio", where="SettingsValue") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsKeys:
    """The stored settings: the answer to SettingsList."""

    ID: ClassVar[int] = 0x4A
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 130
    MAX_KEYS: ClassVar[int] = 64

    keys: tuple[int, ...]  # Their keys, from first_key on, in ascending order.

    def encode(self) -> bytes:
        """Return the payload."""
        return pack_array("H", "SettingsKeys.keys", self.keys, max_length=64)

    @classmethod
    def decode(cls, payload: bytes) -> SettingsKeys:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "SettingsKeys")
        keys = reader.array("H", max_length=64)
        reader.finish()
        return cls(
            keys=keys,
        )


_MODEL_DATA_0 = struct.Struct("<IBI")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelData:
    """A piece of what an inference computed."""

    ID: ClassVar[int] = 0x4D
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 491
    MAX_DATA: ClassVar[int] = 480

    run_id: int  # Inference it belongs to.
    part: ModelPart  # What it is a piece of.
    offset_bytes: int  # [bytes] Position of this piece in the whole.
    data: bytes  # The piece, as it lies in memory.

    def encode(self) -> bytes:
        """Return the payload."""
        return b"".join(
            (
                pack(_MODEL_DATA_0, "ModelData", self.run_id, self.part, self.offset_bytes),
                pack_array("B", "ModelData.data", self.data, max_length=480),
            )
        )

    @classmethod
    def decode(cls, payload: bytes) -> ModelData:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "ModelData")
        run_id, part, offset_bytes = reader.integers(_MODEL_DATA_0)
        data = reader.bytes_(max_length=480)
        reader.finish()
        try:
            return cls(
                run_id=run_id,
                part=ModelPart(part),
                offset_bytes=offset_bytes,
                data=data,
            )
        except ValueError as error:
            raise ProtocolError(str(error), hint="the firmware is newer than this tinyaudio", where="ModelData") from error


_MODEL_TICKS_0 = struct.Struct("<IH")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTicks:
    """What some steps of an inference cost."""

    ID: ClassVar[int] = 0x4E
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 264
    MAX_TICKS: ClassVar[int] = 64

    run_id: int  # Inference it belongs to.
    first_step: int  # Step of the first number: operators in the order of execution.
    ticks: tuple[int, ...]  # [ticks] Cost of this step and of those that follow.

    def encode(self) -> bytes:
        """Return the payload."""
        return b"".join(
            (
                pack(_MODEL_TICKS_0, "ModelTicks", self.run_id, self.first_step),
                pack_array("I", "ModelTicks.ticks", self.ticks, max_length=64),
            )
        )

    @classmethod
    def decode(cls, payload: bytes) -> ModelTicks:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "ModelTicks")
        run_id, first_step = reader.integers(_MODEL_TICKS_0)
        ticks = reader.array("I", max_length=64)
        reader.finish()
        return cls(
            run_id=run_id,
            first_step=first_step,
            ticks=ticks,
        )


_MODEL_RESULT_0 = struct.Struct("<IIIIIH")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResult:
    """The last message about an inference."""

    ID: ClassVar[int] = 0x4F
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 22

    run_id: int  # Inference it belongs to.
    input_crc32: int  # CRC-32 of the input, as the model got it.
    counter_ticks: int  # [ticks] Cost of the inference; with step_ticks, the sum of its steps.
    output_bytes: int  # [bytes] Length of the output, which has been sent.
    logits_bytes: int  # [bytes] Length of the logits, which have been sent.
    steps: int  # Steps whose ticks have been sent.

    def encode(self) -> bytes:
        """Return the payload."""
        return pack(
            _MODEL_RESULT_0,
            "ModelResult",
            self.run_id,
            self.input_crc32,
            self.counter_ticks,
            self.output_bytes,
            self.logits_bytes,
            self.steps,
        )

    @classmethod
    def decode(cls, payload: bytes) -> ModelResult:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "ModelResult")
        run_id, input_crc32, counter_ticks, output_bytes, logits_bytes, steps = reader.integers(_MODEL_RESULT_0)
        reader.finish()
        return cls(
            run_id=run_id,
            input_crc32=input_crc32,
            counter_ticks=counter_ticks,
            output_bytes=output_bytes,
            logits_bytes=logits_bytes,
            steps=steps,
        )


_SELF_TEST_OPERATOR_0 = struct.Struct("<HH")
_SELF_TEST_OPERATOR_1 = struct.Struct("<IIIbbI")


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestOperator:
    """One operator on one golden input, as soon as it has run."""

    ID: ClassVar[int] = 0x4B
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 72
    MAX_OPERATOR_NAME: ClassVar[int] = 48

    vector_index: int  # Which golden input.
    operator_index: int  # Position of the operator in the .tflite file.
    operator_name: str  # Kind and name of the operator.
    elements: int  # Elements of its output, all of them compared.
    mismatches: int  # Elements that differ from the golden vector.
    first_element: int  # The first element that differs.
    expected: int  # What it should be.
    actual: int  # What it is.
    counter_ticks: int  # [ticks] Cost of the operator.

    def encode(self) -> bytes:
        """Return the payload."""
        return b"".join(
            (
                pack(_SELF_TEST_OPERATOR_0, "SelfTestOperator", self.vector_index, self.operator_index),
                pack_string("SelfTestOperator.operator_name", self.operator_name, max_length=48),
                pack(
                    _SELF_TEST_OPERATOR_1,
                    "SelfTestOperator",
                    self.elements,
                    self.mismatches,
                    self.first_element,
                    self.expected,
                    self.actual,
                    self.counter_ticks,
                ),
            )
        )

    @classmethod
    def decode(cls, payload: bytes) -> SelfTestOperator:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "SelfTestOperator")
        vector_index, operator_index = reader.integers(_SELF_TEST_OPERATOR_0)
        operator_name = reader.string(max_length=48)
        elements, mismatches, first_element, expected, actual, counter_ticks = reader.integers(_SELF_TEST_OPERATOR_1)
        reader.finish()
        return cls(
            vector_index=vector_index,
            operator_index=operator_index,
            operator_name=operator_name,
            elements=elements,
            mismatches=mismatches,
            first_element=first_element,
            expected=expected,
            actual=actual,
            counter_ticks=counter_ticks,
        )


_SELF_TEST_RESULT_0 = struct.Struct("<HHI")


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestResult:
    """The self-test has ended; the last message about it."""

    ID: ClassVar[int] = 0x4C
    SEQUENCED: ClassVar[bool] = True
    MAX_BYTES: ClassVar[int] = 8

    vectors: int  # Golden inputs that were run.
    operators: int  # Operators run on each of them.
    failed: int  # SelfTestOperators with mismatches.

    def encode(self) -> bytes:
        """Return the payload."""
        return pack(_SELF_TEST_RESULT_0, "SelfTestResult", self.vectors, self.operators, self.failed)

    @classmethod
    def decode(cls, payload: bytes) -> SelfTestResult:
        """Return the message; raise `ProtocolError` unless `payload` is exactly one."""
        reader = Reader(payload, "SelfTestResult")
        vectors, operators, failed = reader.integers(_SELF_TEST_RESULT_0)
        reader.finish()
        return cls(
            vectors=vectors,
            operators=operators,
            failed=failed,
        )


Message = (
    HelloRequest
    | LinkPoll
    | LinkStatus
    | SessionNotice
    | ClipBegin
    | Pcm
    | ResetRequest
    | LiveBegin
    | LiveEnd
    | SettingsWrite
    | SettingsRead
    | SettingsList
    | ModelInput
    | ModelRun
    | SelfTestRequest
    | Hello
    | StageTrace
    | StageData
    | PatchResult
    | Detection
    | ClipResult
    | Log
    | DeviceFault
    | Overrun
    | SettingsValue
    | SettingsKeys
    | ModelData
    | ModelTicks
    | ModelResult
    | SelfTestOperator
    | SelfTestResult
)

_DECODERS: Final[dict[int, Callable[[bytes], Message]]] = {
    0x01: HelloRequest.decode,
    0x02: LinkPoll.decode,
    0x03: LinkStatus.decode,
    0x04: SessionNotice.decode,
    0x10: ClipBegin.decode,
    0x11: Pcm.decode,
    0x12: ResetRequest.decode,
    0x13: LiveBegin.decode,
    0x14: LiveEnd.decode,
    0x15: SettingsWrite.decode,
    0x16: SettingsRead.decode,
    0x17: SettingsList.decode,
    0x19: ModelInput.decode,
    0x1A: ModelRun.decode,
    0x18: SelfTestRequest.decode,
    0x40: Hello.decode,
    0x41: StageTrace.decode,
    0x42: StageData.decode,
    0x43: PatchResult.decode,
    0x44: Detection.decode,
    0x45: ClipResult.decode,
    0x46: Log.decode,
    0x47: DeviceFault.decode,
    0x48: Overrun.decode,
    0x49: SettingsValue.decode,
    0x4A: SettingsKeys.decode,
    0x4D: ModelData.decode,
    0x4E: ModelTicks.decode,
    0x4F: ModelResult.decode,
    0x4B: SelfTestOperator.decode,
    0x4C: SelfTestResult.decode,
}


def decode_message(type_id: int, payload: bytes) -> Message:
    """Decode the payload of a frame of type `type_id`.

    Raises
    ------
    ProtocolError
        If there is no such message, or the payload is not exactly one.
    """
    decoder = _DECODERS.get(type_id)
    if decoder is None:
        raise ProtocolError(f"there is no message of type {type_id}", hint="the firmware is newer than this tinyaudio", where="frame")
    return decoder(payload)
