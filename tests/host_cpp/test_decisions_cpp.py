"""Decisions in C++ are those of `tinyaudio.core.decisions`, bit for bit, under the sanitizers; and 521 labels go over the wire."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hil_tests.rigs import golden_tables
from hil_tests.test_live import heard
from tests.golden_fixture import SPEC
from tests.host_cpp.toolchain import FIRMWARE_LIB, compile_host, run_host, sanitized_program
from tinyaudio.bench.device import Device, encode_calibration, read_calibration, write_calibration
from tinyaudio.bench.emulation import start_virtual
from tinyaudio.bench.fake_device import FakeDevice, TwinComputer
from tinyaudio.bench.hil import HilClip, HilExpectation, LiveExpectation, run_hil, run_live
from tinyaudio.bench.transport import LoopbackTransport, ProcessTransport, Transport
from tinyaudio.core.artifacts import Calibration, ExpectedOutputs, FirmwareProject, Int8Array, QuantizedModel
from tinyaudio.core.board import load_board
from tinyaudio.core.decisions import NEVER, calibration_fingerprint, decide, pack_labels, unpack_labels
from tinyaudio.core.tools import start_tool
from tinyaudio.deploy.render.generated import Parts
from tinyaudio.deploy.render.project import _render
from tinyaudio.dsp.frontend import compute_stages, design_feature_quantization, patches, quantize_features
from tinyaudio.pipeline.device_line import fake_hello
from tinyaudio.wire.messages import CalibrationSource, CalibrationState

HERE = Path(__file__).parent
LABEL_COUNT = 521
EVERY = Calibration(
    smoothing_patches=3,
    detection_threshold=0,
    class_thresholds=tuple(NEVER if label == 77 else 40 + label % 50 for label in range(LABEL_COUNT)),
    is_exclusive=False,
)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = FIRMWARE_LIB / "tinyaudio_app"
    sources = [HERE / "decision_cases.cc", library / "src" / "scores.cc"]
    return compile_host(tmp_path_factory.mktemp("decisions") / "decisions", sources, include_dirs=[library / "include"])


def decided_in_cpp(program: Path, outputs: Int8Array, calibration: Calibration) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return (sums [patches, labels], detected [patches, labels], detected in the clip [labels])."""
    count, labels = outputs.shape
    thresholds = calibration.class_thresholds or (0,) * labels
    own = bool(calibration.class_thresholds)
    header = np.array([count, labels, calibration.smoothing_patches, not calibration.is_exclusive, calibration.detection_threshold, own], "<i4")
    answer = run_host(program, stdin=header.tobytes() + np.array(thresholds, "<i2").tobytes() + outputs.tobytes())
    set_bytes = -(-labels // 8)
    row_bytes = 2 * labels + set_bytes
    rows = [answer[index * row_bytes : (index + 1) * row_bytes] for index in range(count)]
    sums = np.array([np.frombuffer(row[: 2 * labels], "<i2") for row in rows], np.int64).reshape(count, labels)
    detected = np.array([unpack_labels(row[2 * labels :], labels) for row in rows], np.bool_).reshape(count, labels)
    rest = answer[count * row_bytes :]
    np.testing.assert_array_equal(np.frombuffer(rest[set_bytes:], "<i4"), outputs.sum(axis=0, dtype=np.int64))
    return sums, detected, unpack_labels(rest[:set_bytes], labels)


@st.composite
def clips(draw: st.DrawFn) -> tuple[Int8Array, Calibration]:
    labels = draw(st.sampled_from([1, 2, 3, 7, 8, 9, 64, 65, LABEL_COUNT]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.sampled_from([2, 40, 128]))  # with few values there are many ties
    outputs = rng.integers(-spread, spread, size=(draw(st.integers(1, 12)), labels)).astype(np.int8)
    each = rng.integers(-spread, spread + 1, size=labels)
    each[rng.random(labels) < 0.1] = NEVER
    calibration = Calibration(
        smoothing_patches=draw(st.integers(1, 6)),
        detection_threshold=draw(st.integers(-spread, spread)),
        class_thresholds=tuple(each.tolist()) if draw(st.booleans()) else (),
        is_exclusive=draw(st.booleans()),
    )
    return outputs, calibration


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(case=clips())
def test_every_decision_is_that_of_the_twin(program: Path, case: tuple[Int8Array, Calibration]) -> None:
    outputs, calibration = case
    expected = decide(outputs, calibration)
    sums, detected, in_clip = decided_in_cpp(program, outputs, calibration)
    np.testing.assert_array_equal(sums, expected.sums)
    np.testing.assert_array_equal(detected, expected.detected)
    np.testing.assert_array_equal(in_clip, expected.detected.any(axis=0))
    if calibration.is_exclusive:
        assert detected.sum(axis=1).max() <= 1


def test_a_threshold_off_by_one_is_found(program: Path) -> None:
    """At every label there is a sum exactly at its threshold, so that one step more is another decision."""
    rng = np.random.default_rng(5)
    thresholds = rng.integers(-100, 100, size=9)
    outputs = np.tile(thresholds, (4, 1)).astype(np.int8)
    calibration = Calibration(smoothing_patches=3, detection_threshold=0, class_thresholds=tuple(thresholds.tolist()), is_exclusive=False)
    assert decided_in_cpp(program, outputs, calibration)[1].all()
    for label in range(9):
        planted = list(calibration.class_thresholds)
        planted[label] += 1
        found = decided_in_cpp(program, outputs, dataclasses.replace(calibration, class_thresholds=tuple(planted)))[1]
        assert np.argwhere(found != decide(outputs, calibration).detected).tolist() == [[patch, label] for patch in range(4)]


def many_scores(features: Int8Array) -> Int8Array:
    """Return made-up scores of one patch, int8 [labels], as the model in `many_labels_model.cc` does."""
    flat = features.ravel().astype(np.int64)
    index = np.arange(LABEL_COUNT)
    return ((flat[index * 37 % flat.size] * 3 + index) % 256 - 128).astype(np.int8)


def many_labels_project(calibration: Calibration) -> FirmwareProject:
    """Return the native firmware with a model of 521 labels that is made up."""
    board, tables = load_board("native"), golden_tables()
    context = {"ELEMENTS": SPEC.patch_frames * SPEC.mel_bands, "LABELS": LABEL_COUNT}
    source, header = ((HERE / f"many_labels_model.{kind}").read_text(encoding="utf-8") for kind in ("cc", "h"))
    for name, value in context.items():
        header = header.replace(f"@{name}@", str(value))
    return _render(
        Parts(
            board=board,
            tables=tables,
            quantization=design_feature_quantization(0.05, -3, log_fraction_bits=tables.log_fraction_bits),
            model=None,
            model_files={"src/generated/model.cc": source, "src/generated/model.h": header},
            model_sha256="ab" * 32,
            labels=tuple(f"label {index}" for index in range(LABEL_COUNT)),
            calibration=calibration,
        )
    )


def expectation(project: FirmwareProject, calibration: Calibration, pcm: NDArray[np.int16]) -> HilExpectation:
    tables = golden_tables()
    quantized = QuantizedModel(
        tflite=b"",
        sha256="ab" * 32,
        labels=tuple(f"label {index}" for index in range(LABEL_COUNT)),
        spec=SPEC,
        kernel=tables.kernel,
        frontend_fingerprint=tables.fingerprint,
        input_scale=0.05,
        input_zero_point=-3,
        output_scale=1 / 256,
        output_zero_point=-128,
        ops=(),
    )
    quantization = design_feature_quantization(0.05, -3, log_fraction_bits=tables.log_fraction_bits)
    features = patches(quantize_features(compute_stages(tables, pcm).post, quantization), SPEC)
    outputs = np.array([many_scores(patch) for patch in features], np.int8)
    return HilExpectation(
        board=load_board("native"),
        firmware_fingerprint=project.fingerprint,
        tables=tables,
        quantized=quantized,
        calibration=calibration,
        outputs=ExpectedOutputs(
            model_sha256="ab" * 32, oracle="made up", filenames=("clip",), logits=outputs, outputs=outputs, patch_offsets=np.array([0, len(outputs)])
        ),
    )


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FirmwareProject, Path]]:
    project = many_labels_project(EVERY)
    yield project, sanitized_program(project, tmp_path_factory.mktemp("many"))


PCM = heard(1.5)


def test_521_labels_go_over_the_wire_in_pieces(many: tuple[FirmwareProject, Path], tmp_path: Path) -> None:
    project, elf = many
    expected = expectation(project, EVERY, PCM)
    truth = np.zeros(LABEL_COUNT, np.bool_)
    clip = HilClip(filename="clip", label_index=-1, pcm=PCM, truth=truth)
    with start_virtual(load_board("native"), elf, work_dir=tmp_path) as virtual:
        report = run_hil(
            lambda _: Device(virtual.transport, poll_seconds=0.1, silence_seconds=60.0), [clip], expected=expected, depth="fake", link="pipes"
        )
    assert report.mismatches == 0
    elements = {stage.stage: stage.elements for stage in report.stages}
    assert elements["decisions"] == elements["detections"] == report.patches * LABEL_COUNT
    spoiled = dataclasses.replace(EVERY, class_thresholds=(*EVERY.class_thresholds[:-1], -128))
    assert expected_hits(expected, spoiled) != expected_hits(expected, EVERY)
    with start_virtual(load_board("native"), elf, work_dir=tmp_path) as virtual:
        other = dataclasses.replace(expected, calibration=spoiled)
        report = run_hil(
            lambda _: Device(virtual.transport, poll_seconds=0.1, silence_seconds=60.0), [clip], expected=other, depth="fake", link="pipes"
        )
    found = {mismatch.stage: mismatch.element_index for mismatch in report.first_mismatches}
    assert found == dict.fromkeys(("decisions", "detections", "clip_detections"), LABEL_COUNT - 1)
    assert report.decision_mismatches > 0


def expected_hits(expected: HilExpectation, calibration: Calibration) -> int:
    return int(decide(expected.outputs.outputs, calibration).detected.sum())


def test_a_recording_tells_521_labels_one_by_one(many: tuple[FirmwareProject, Path], tmp_path: Path) -> None:
    project, elf = many
    streamed = expectation(project, EVERY, PCM)
    live = LiveExpectation(
        board=streamed.board,
        firmware_fingerprint=project.fingerprint,
        tables=streamed.tables,
        quantized=streamed.quantized,
        calibration=EVERY,
        predict=lambda features: (many_scores(features), many_scores(features)),
    )
    samples = tmp_path / "microphone.pcm"
    samples.write_bytes(PCM.tobytes())
    with start_tool([elf, "--microphone", samples, "--lose", "9000:700"], pipes=True) as process:
        line: Transport = ProcessTransport(process)
        report = run_live(lambda _: Device(line, name="native", poll_seconds=0.1, silence_seconds=60.0), PCM, expected=live)
    assert report.is_exact, report.mismatches
    assert len({detection.label_index for detection in report.detections}) > 100
    assert not all(detection.is_detected for detection in report.detections)
    assert not [detection for detection in report.detections if detection.label_index == 77]  # never


def test_the_fake_device_tells_the_same(many: tuple[FirmwareProject, Path], tmp_path: Path) -> None:
    project, elf = many
    expected = expectation(project, EVERY, PCM)

    def answer(_clip_id: int, _patch_index: int, features: Int8Array) -> tuple[Int8Array, Int8Array]:
        return many_scores(features), many_scores(features)

    computer = TwinComputer(expected.tables, expected.quantization, answer, label_count=LABEL_COUNT, calibration=EVERY)
    loopback = LoopbackTransport(FakeDevice(fake_hello(expected.board, expected, runtime="aot"), computer))
    fake = Device(loopback, clock=loopback.now_seconds)
    with (
        start_virtual(load_board("native"), elf, work_dir=tmp_path) as virtual,
        Device(virtual.transport, poll_seconds=0.1, silence_seconds=60.0) as device,
    ):
        hello, told = device.connect(), device.stream_clip(0, PCM)
    twin_hello, twin = fake.connect(), fake.stream_clip(0, PCM)
    assert hello.calibration_fingerprint == twin_hello.calibration_fingerprint
    assert hello.decision_rule == twin_hello.decision_rule
    assert told.detections == twin.detections
    assert told.result == twin.result
    assert [dataclasses.replace(patch, counter_ticks=0) for patch in told.patches] == list(twin.patches)
    assert told.result.detected == pack_labels(np.any(decide(expected.outputs.outputs, EVERY).detected, axis=0))


STORED = dataclasses.replace(EVERY, class_thresholds=tuple((NEVER, -128, 127, 90, -5)[label % 5] for label in range(LABEL_COUNT)))
OF_FIRMWARE: dict[str, Any] = {"label_count": LABEL_COUNT, "model_sha256": "ab" * 32, "frontend_fingerprint": golden_tables().fingerprint}


def test_521_thresholds_are_kept_and_decide(many: tuple[FirmwareProject, Path], tmp_path: Path) -> None:
    """Ten settings in each place; what a device says that it has stored is what it decides by, behind a restart as well."""
    kept = tmp_path / "settings.bin"
    expected = expectation(many[0], EVERY, PCM)
    detected = decide(expected.outputs.outputs, STORED).detected.any(axis=0)
    for calibration in (STORED, EVERY, STORED):  # the second one goes to the other place
        with start_virtual(expected.board, many[1], work_dir=tmp_path, settings=kept) as virtual:
            device = Device(virtual.transport, poll_seconds=0.1, silence_seconds=60.0)
            write_calibration(device, calibration, **OF_FIRMWARE)
            at_once = device.stream_clip(0, PCM, decide_by=CalibrationSource.STORED).detections
    with start_virtual(expected.board, many[1], work_dir=tmp_path, settings=kept) as virtual:
        device = Device(virtual.transport, poll_seconds=0.1, silence_seconds=60.0)
        hello = device.connect()
        assert hello.calibration_state is CalibrationState.STORED
        assert hello.recording_calibration_fingerprint.hex() == calibration_fingerprint(STORED, **OF_FIRMWARE)
        found = read_calibration(device, EVERY, label_count=LABEL_COUNT)
        assert found is not None
        assert found.class_thresholds == STORED.class_thresholds
        assert len(device.list_settings()) == 11
        told = device.stream_clip(0, PCM, decide_by=CalibrationSource.STORED)
        assert told.detections == at_once
        assert unpack_labels(told.result.detected, LABEL_COUNT).tolist() == detected.tolist()
        compiled = unpack_labels(device.stream_clip(1, PCM).result.detected, LABEL_COUNT)
        assert compiled.tolist() == decide(expected.outputs.outputs, EVERY).detected.any(axis=0).tolist() != detected.tolist()


@pytest.mark.parametrize("part", [0, 9])
def test_a_damaged_threshold_of_521_takes_all_of_them_back(many: tuple[FirmwareProject, Path], tmp_path: Path, part: int) -> None:
    kept = tmp_path / "settings.bin"
    board, value = load_board("native"), encode_calibration(STORED, **OF_FIRMWARE)[2 + part]
    with start_virtual(board, many[1], work_dir=tmp_path, settings=kept) as virtual:
        write_calibration(Device(virtual.transport, poll_seconds=0.1, silence_seconds=60.0), STORED, **OF_FIRMWARE)
    content = bytearray(kept.read_bytes())
    header = struct.pack("<HH", 2 + part, len(value))
    content[content.rindex(value, content.rindex(header)) + 1] ^= 0x10
    kept.write_bytes(content)
    with start_virtual(board, many[1], work_dir=tmp_path, settings=kept) as virtual:
        device = Device(virtual.transport, poll_seconds=0.1, silence_seconds=60.0)
        hello = device.connect()
        assert hello.calibration_state is CalibrationState.CORRUPT
        assert hello.recording_calibration_fingerprint == hello.calibration_fingerprint
        stored = device.stream_clip(0, PCM, decide_by=CalibrationSource.STORED)
        assert stored.detections == device.stream_clip(0, PCM).detections != ()
        write_calibration(device, STORED, **OF_FIRMWARE)
        assert device.connect().calibration_state is CalibrationState.STORED
