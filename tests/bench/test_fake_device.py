"""The fake device with the integer twin behind it: what `--depth fake` runs on."""

from __future__ import annotations

import dataclasses
import zlib

import numpy as np
from numpy.typing import NDArray

from tests.bench.hop_device import HELLO
from tests.dsp.frontend_options import OPTIONS
from tinyaudio.bench.device import Capture, Device
from tinyaudio.bench.fake_device import FakeDevice, TwinComputer, expected_outputs_model
from tinyaudio.bench.transport import LoopbackTransport
from tinyaudio.core.artifacts import Calibration, ExpectedOutputs
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.dsp.frontend import (
    LOG_FRACTION_BITS,
    compute_stages,
    design_feature_quantization,
    design_frontend,
    patches,
    quantize_features,
)
from tinyaudio.wire.messages import Hello, Stage

SPEC = FrontendSpec(patch_frames=20, patch_hop_frames=7)
TABLES = design_frontend(SPEC, kernel="cmsis_q31")
QUANTIZATION = design_feature_quantization(0.05, -3, log_fraction_bits=LOG_FRACTION_BITS)
PCM = (8_000 * np.sin(np.arange(9_000) ** 1.5 / 500)).astype(np.int16)
FRAMES = SPEC.frames_of(len(PCM))
PATCHES = SPEC.patches_of(FRAMES)
OUTPUTS = np.random.default_rng(1).integers(-128, 128, (2 * PATCHES, 3)).astype(np.int8)
EXPECTED = ExpectedOutputs(
    model_sha256="",
    oracle="made up",
    filenames=("first.wav", "second.wav"),
    logits=OUTPUTS[:, ::-1],
    outputs=OUTPUTS,
    patch_offsets=np.array([0, PATCHES, 2 * PATCHES]),
)


def hello() -> Hello:
    fields = {name: getattr(HELLO, name) for name in HELLO.__slots__}
    fields |= {"window_samples": SPEC.window_samples, "hop_samples": SPEC.hop_samples}
    fields |= {"patch_frames": SPEC.patch_frames, "patch_hop_frames": SPEC.patch_hop_frames, "label_count": 3}
    return Hello(**fields)


def twin_device(calibration: Calibration = Calibration(smoothing_patches=4, detection_threshold=0)) -> Device:  # noqa: B008
    computer = TwinComputer(TABLES, QUANTIZATION, expected_outputs_model(EXPECTED), label_count=3, calibration=calibration)
    line = LoopbackTransport(FakeDevice(hello(), computer))
    return Device(line, clock=line.now_seconds)


def test_every_stage_is_that_of_the_whole_clip_though_it_came_in_pieces() -> None:
    run = twin_device().stream_clip(1, PCM)
    stages = compute_stages(TABLES, PCM)
    for index, stage in enumerate((stages.window, stages.fft, stages.energy, stages.mel, stages.log, stages.post)):
        assert run.stage_crc32[:, index].tolist() == [zlib.crc32(row.tobytes()) for row in stage]
    features = patches(quantize_features(stages.log, QUANTIZATION), SPEC)
    assert [patch.features_crc32 for patch in run.patches] == [zlib.crc32(np.ascontiguousarray(patch).tobytes()) for patch in features]


def test_the_outputs_are_those_expected_of_the_clip() -> None:
    run = twin_device(Calibration(smoothing_patches=2, detection_threshold=0)).stream_clip(1, PCM)
    own = OUTPUTS[PATCHES:].astype(int)
    assert [patch.scores for patch in run.patches] == [tuple(row) for row in own.tolist()]
    assert [patch.logits for patch in run.patches] == [tuple(row[::-1]) for row in own.tolist()]
    assert run.result.score_sums == tuple(own.sum(axis=0).tolist())
    assert run.result.label_index == own.sum(axis=0).argmax()
    assert run.patches[2].smoothed_score_sums == tuple((own[1] + own[2]).tolist())
    assert [patch.smoothing_count for patch in run.patches[:3]] == [1, 2, 2]


def test_a_detection_comes_when_the_smoothed_label_changes() -> None:
    run = twin_device(Calibration(smoothing_patches=1, detection_threshold=20)).stream_clip(0, PCM)
    labels = [int(row.argmax()) if row.max() >= 20 else -1 for row in OUTPUTS[:PATCHES]]
    changes = [
        (index, changed, is_detected)
        for index, (label, before) in enumerate(zip(labels, [-1, *labels], strict=False))
        for changed, is_detected in ((before, 0), (label, 1))  # what ends comes first
        if label != before and changed >= 0
    ]
    assert len(changes) > 2
    frame_of = [SPEC.patch_frames - 1 + index * SPEC.patch_hop_frames for index in range(PATCHES)]
    assert [(found.frame_index, found.label_index, found.is_detected) for found in run.detections] == [
        (frame_of[index], label, is_detected) for index, label, is_detected in changes
    ]
    assert [patch.detected for patch in run.patches] == [bytes([1 << label if label >= 0 else 0]) for label in labels]
    assert run.result.detected == bytes([sum(1 << label for label in {*labels} - {-1})])


def test_several_labels_are_told_one_by_one() -> None:
    calibration = Calibration(smoothing_patches=1, detection_threshold=0, class_thresholds=(-10, 20, 128), is_exclusive=False)
    run = twin_device(calibration).stream_clip(0, PCM)
    detected = OUTPUTS[:PATCHES] >= np.array(calibration.class_thresholds)
    assert not detected[:, 2].any()
    assert detected[:, :2].all(axis=1).any()
    assert [patch.detected[0] for patch in run.patches] == (detected @ np.array([1, 2, 4])).tolist()
    before = np.concatenate([np.zeros((1, 3), np.bool_), detected[:-1]])
    assert len(run.detections) == (detected != before).sum()
    held = dict.fromkeys(range(3), False)
    for detection in run.detections:
        assert held[detection.label_index] != detection.is_detected
        held[detection.label_index] = bool(detection.is_detected)
    assert list(held.values()) == detected[-1].tolist()


def test_captured_arrays_are_the_stages() -> None:
    run = twin_device().stream_clip(0, PCM, capture=Capture(stages=frozenset(Stage), first_frame=5, frame_count=2))
    stages = compute_stages(TABLES, PCM)
    assert run.stage_data[6, Stage.FFT] == stages.fft[6].tobytes()
    assert run.stage_data[5, Stage.FEATURES] == quantize_features(stages.log, QUANTIZATION)[5].tobytes()
    assert run.stage_data[5, Stage.POST] == stages.post[5].tobytes()
    assert len(run.stage_data) == 2 * len(Stage)


def test_a_clip_shorter_than_a_patch_has_no_label() -> None:
    silence: NDArray[np.int16] = np.zeros(SPEC.window_samples + 1, np.int16)
    result = twin_device().stream_clip(0, silence).result
    assert (result.frames, result.patches, result.label_index, result.score_sums) == (1, 0, -1, (0, 0, 0))


def test_options_go_on_from_piece_to_piece() -> None:
    spec = dataclasses.replace(OPTIONS["everything"], patch_frames=6, patch_hop_frames=4)
    tables = design_frontend(spec, kernel="cmsis_q31")
    zeros: NDArray[np.int8] = np.zeros(3, np.int8)
    shapes = set()

    def model(clip_id: int, patch_index: int, features: NDArray[np.int8]) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        shapes.add(features.shape)
        return zeros, zeros

    own = dataclasses.replace(hello(), patch_frames=spec.patch_frames, patch_hop_frames=spec.patch_hop_frames)
    line = LoopbackTransport(FakeDevice(own, TwinComputer(tables, QUANTIZATION, model, label_count=3)))
    device = Device(line, clock=line.now_seconds)
    for clip_id in (0, 1):  # the second starts afresh
        run = device.stream_clip(clip_id, PCM)
        stages = compute_stages(tables, PCM)
        assert run.stage_crc32[:, Stage.POST].tolist() == [zlib.crc32(row.tobytes()) for row in stages.post]
        features = patches(quantize_features(stages.post, QUANTIZATION), spec)
        assert len(features) > 2
        assert [patch.features_crc32 for patch in run.patches] == [zlib.crc32(np.ascontiguousarray(patch).tobytes()) for patch in features]
    assert shapes == {(20, 6)}
