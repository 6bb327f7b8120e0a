"""The firmware computes what the twin computes, and a difference of one is found and named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from hil_tests.rigs import Rig, golden_outputs
from tests.golden_fixture import SIGNALS, SPEC, golden_vectors
from tinyaudio.bench.hil import comparison
from tinyaudio.bench.transport import Transport
from tinyaudio.core.artifacts import HilReport
from tinyaudio.core.errors import IdentityError
from tinyaudio.core.spec import STAGES
from tinyaudio.dsp.frontend import FeatureQuantization, FrontendStages, FrontendTables, compute_stages, quantize_features


@pytest.fixture(scope="module")
def report(rig: Rig) -> HilReport:
    return rig.run()


def test_every_stage_of_every_signal_is_exact(report: HilReport) -> None:
    frames = sum(SPEC.frames_of(len(pcm)) for pcm in golden_vectors().pcm.values())
    patches = sum(len(outputs) for outputs in golden_vectors().outputs.values())
    assert report.first_mismatches == ()
    assert (report.frontend_mismatches, report.model_mismatches, report.decision_mismatches) == (0, 0, 0)
    assert (report.clips, report.frames, report.patches) == (len(SIGNALS), frames, patches)
    elements = {stage.stage: stage.elements for stage in report.stages}
    assert list(elements) == [*STAGES, "logits", "outputs", "smoothed_scores", "decisions", "detections", "clip_scores", "clip_detections"]
    assert elements["window"] == frames * SPEC.fft_samples
    assert elements["features"] == patches * SPEC.patch_frames * SPEC.mel_bands
    assert elements["outputs"] == patches * len(golden_vectors().model.labels)


def test_hello_says_what_was_rendered(rig: Rig, report: HilReport) -> None:
    identity = report.identity
    assert identity.board == rig.board.id
    assert identity.firmware_fingerprint == rig.project.fingerprint
    assert identity.model_sha256 == golden_vectors().model.sha256
    assert identity.frontend_fingerprint == rig.golden.model.frontend_fingerprint
    assert (identity.runtime, identity.kernel) == (rig.board.default_runtime, rig.board.fft_kernel)


def test_the_device_decides_as_the_oracle_does(rig: Rig, report: HilReport) -> None:
    model, outputs = rig.golden.model, rig.golden.outputs
    means = np.array([(outputs[name].astype(float) - model.output_zero_point).mean(axis=0) for name in SIGNALS]) * model.output_scale
    np.testing.assert_array_equal(report.evaluation.scores, means)
    assert report.evaluation.confusion.sum() == len(SIGNALS)
    assert report.evaluation.accuracy == pytest.approx(np.mean(means.argmax(axis=1) == report.evaluation.label_indices))


@pytest.mark.needs("instruction_counter")
def test_instructions_are_the_same_each_time(rig: Rig, report: HilReport) -> None:
    assert report.cost is not None
    assert report.cost.unit == "instructions"
    assert report.cost.frontend_per_frame > 1_000
    assert report.cost.model_per_inference > 10_000
    assert rig.run(signals=("chirp", "noise")).cost == rig.run(signals=("chirp", "noise")).cost


class _InPieces:
    """A line whose host hands over its bytes by and by, so that they come at other instructions."""

    def __init__(self, line: Transport) -> None:
        self._line = line

    def write(self, data: bytes) -> None:
        for start in range(0, len(data), 701):
            self._line.write(data[start : start + 701])

    def read(self, max_bytes: int, *, timeout_seconds: float) -> bytes:
        return self._line.read(min(max_bytes, 333), timeout_seconds=timeout_seconds)

    def close(self) -> None:
        self._line.close()


@pytest.mark.needs("instruction_counter")
def test_instructions_do_not_depend_on_when_the_host_sends(rig: Rig) -> None:
    assert rig.run(signals=("chirp",), wrap=_InPieces).cost == rig.run(signals=("chirp",)).cost


@pytest.mark.needs("uart")
def test_the_uart_carries_the_same_results(rig: Rig) -> None:
    report = rig.run(signals=("chirp",), link="uart")
    assert report.link.startswith("emulated UART, /dev/")
    assert (report.frontend_mismatches, report.model_mismatches, report.dropped_frames) == (0, 0, 0)


def test_a_foreign_firmware_is_refused_before_any_clip(rig: Rig) -> None:
    with pytest.raises(IdentityError, match=rf"firmware {rig.project.fingerprint[:8]}.* instead of 0000") as caught:
        rig.run(firmware_fingerprint="0" * 64)
    assert "tinyaudio build" in caught.value.hint


@pytest.mark.parametrize(("stage", "frame", "element"), [("window", 0, 399), ("fft", 53, 17), ("energy", 2, 3), ("mel", 31, 63), ("log", 17, 5)])
def test_a_frontend_value_that_is_off_by_one_is_found(rig: Rig, monkeypatch: pytest.MonkeyPatch, stage: str, frame: int, element: int) -> None:
    def planted(tables: FrontendTables, pcm: npt.NDArray[np.int16]) -> FrontendStages:
        stages = compute_stages(tables, pcm)
        array = getattr(stages, stage).copy()
        array[frame, element] += 1
        return replace(stages, **{stage: array})

    with monkeypatch.context() as patch:
        patch.setattr(comparison, "compute_stages", planted)
        report = rig.run(signals=("chirp",))
    found = [mismatch for mismatch in report.first_mismatches if mismatch.stage == stage]
    assert [(item.filename, item.frame_index, item.element_index, item.expected - item.actual, item.elements) for item in found] == [
        ("chirp", frame, element, 1, 1)
    ]
    assert {item.stage for item in report.first_mismatches} <= {stage, "features"}  # a log off by one may round to another feature
    assert report.model_mismatches == 0


def test_a_feature_that_is_off_by_one_is_found_in_every_patch_that_holds_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def planted(log_mel: npt.NDArray[np.int32], quantization: FeatureQuantization) -> npt.NDArray[np.int8]:
        features = quantize_features(log_mel, quantization)
        features[20, 7] ^= 1
        return features

    with monkeypatch.context() as patch:
        patch.setattr(comparison, "quantize_features", planted)
        report = rig.run(signals=("clicks",))
    (found,) = report.first_mismatches
    assert (found.stage, found.frame_index, found.element_index) == ("features", 0, 20 * SPEC.mel_bands + 7)
    assert found.elements == report.frontend_mismatches == 2  # patches of 32 frames, 16 apart, share frame 20
    assert abs(found.expected - found.actual) == 1


@pytest.mark.parametrize("tensor", ["logits", "outputs"])
def test_an_output_that_is_off_by_one_is_found(rig: Rig, tensor: str) -> None:
    outputs = golden_outputs(rig.golden, ("chirp", "tone"))
    spoiled = getattr(outputs, tensor).copy()
    spoiled[3, 2] ^= 1
    # The fake device of every other test answers from the true outputs, and so does this one: only the expectation is spoiled.
    report = rig.run(signals=("chirp", "tone"), outputs=replace(outputs, **{tensor: spoiled}))
    found = [(item.stage, item.filename, item.frame_index, item.element_index, item.elements) for item in report.first_mismatches]
    assert found[0] == (tensor, "tone", 1, 2, 1)
    assert (report.frontend_mismatches, report.model_mismatches) == (0, 1)
    # A spoiled output spoils the sums that are expected of it, too.
    assert {stage for stage, *_ in found[1:]} == (set() if tensor == "logits" else {"smoothed_scores", "clip_scores"})
