"""What HIL refuses, and how it counts; the proof itself is in hil_tests/."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hil_tests.rigs import CALIBRATION, Rig, golden_clips, golden_outputs, golden_tables, make_rig
from tests.golden_fixture import SPEC, golden_vectors
from tinyaudio.bench.device import ClipRun, Device
from tinyaudio.bench.hil import HilClip, HilExpectation, comparison, run_hil
from tinyaudio.bench.hil.decisions import expected_decisions
from tinyaudio.core.artifacts import Calibration
from tinyaudio.core.errors import DeviceError, ManifestError, ProtocolError, StageError
from tinyaudio.wire.messages import Stage

SIGNALS = ("chirp", "clicks")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return make_rig("fake", board_id="mps2_an500", port=None, work_dir=tmp_path_factory.mktemp("rig"))


def expectation(rig: Rig, **changes: Any) -> HilExpectation:
    golden = golden_vectors()
    whole = HilExpectation(
        board=rig.board,
        firmware_fingerprint=rig.project.fingerprint,
        tables=golden_tables(),
        quantized=golden.model,
        calibration=CALIBRATION,
        outputs=golden_outputs(golden, SIGNALS),
    )
    return replace(whole, **changes)


def refuse_to_open(_: object) -> Device:
    raise AssertionError("nothing may be opened for a request that is wrong")


def test_other_clips_than_those_expected_are_refused(rig: Rig) -> None:
    clips = golden_clips(golden_vectors(), SIGNALS)
    outputs = golden_outputs(golden_vectors(), SIGNALS)
    for wrong_clips, wrong_outputs in (
        (clips[::-1], outputs),
        (clips[:1], outputs),
        (clips, replace(outputs, model_sha256="0" * 64)),
        ([], replace(outputs, filenames=())),
    ):
        with pytest.raises(StageError):
            run_hil(refuse_to_open, wrong_clips, expected=expectation(rig, outputs=wrong_outputs), depth="fake", link="none")


def test_a_clip_without_a_whole_patch_is_refused_by_name(rig: Rig) -> None:
    first, second = golden_clips(golden_vectors(), SIGNALS)
    short = HilClip(filename=second.filename, label_index=0, pcm=second.pcm[: SPEC.patch_samples - 1])
    with pytest.raises(ManifestError, match=r"clicks: has 5359 samples, less than the 5360 of one patch"):
        run_hil(refuse_to_open, [first, short], expected=expectation(rig), depth="fake", link="none")


def test_progress_is_told_clip_by_clip(rig: Rig) -> None:
    done: list[int] = []
    with rig.open_line() as line:
        assert line.clock is not None
        device = Device(line.transport, clock=line.clock)
        run_hil(
            lambda _: device,
            golden_clips(golden_vectors(), SIGNALS),
            expected=expectation(rig),
            depth="fake",
            link=line.description,
            on_clip=lambda run: done.append(run.clip_id),
        )
    assert done == [0, 1]


class _TamperingDevice(Device):
    """Changes what the device said about the first clip."""

    calls = 0

    def stream_clip(self, *arguments: Any, **options: Any) -> ClipRun:
        run = super().stream_clip(*arguments, **options)
        self.calls += 1
        return self.tamper(run)

    def tamper(self, run: ClipRun) -> ClipRun:
        raise NotImplementedError


class _UnsteadyDevice(_TamperingDevice):
    """A CRC that is wrong once; computed again, the array is right."""

    def tamper(self, run: ClipRun) -> ClipRun:
        if self.calls > 1:
            return run
        crcs = run.stage_crc32.copy()
        crcs[9, Stage.MEL] ^= 1
        return replace(run, stage_crc32=crcs)


def test_a_device_that_does_not_compute_the_same_twice_fails(rig: Rig) -> None:
    report = rig.run(signals=SIGNALS, device=_UnsteadyDevice)
    (found,) = report.first_mismatches
    assert (found.stage, found.filename, found.frame_index, found.elements) == ("mel", "chirp", 9, 1)
    assert report.frontend_mismatches == 1
    assert any("chirp: mel 9 differed by its CRC" in line for line in report.log)


class _ShortArrayDevice(_TamperingDevice):
    """A wrong CRC, and then an array of the wrong size."""

    def tamper(self, run: ClipRun) -> ClipRun:
        crcs = run.stage_crc32.copy()
        crcs[9, Stage.MEL] ^= 1
        return replace(run, stage_crc32=crcs, stage_data={key: data[:-8] for key, data in run.stage_data.items()})


def test_an_array_of_another_size_is_no_comparison(rig: Rig) -> None:
    with pytest.raises(ProtocolError, match="mel has 504 bytes on the device, 512 in the twin"):
        rig.run(signals=SIGNALS, device=_ShortArrayDevice)


class _FewLogitsDevice(_TamperingDevice):
    def tamper(self, run: ClipRun) -> ClipRun:
        return replace(run, patches=tuple(replace(patch, logits=patch.logits[:2]) for patch in run.patches))


def test_tensors_of_another_shape_are_no_comparison(rig: Rig) -> None:
    with pytest.raises(ProtocolError, match=r"logits of shape \(2, 2\) came where \(2, 4\)"):
        rig.run(signals=SIGNALS, device=_FewLogitsDevice)


def test_many_mismatches_are_counted_by_element(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    original = comparison.compute_stages  # type: ignore[attr-defined]  # the name there is what is replaced

    def planted(*arguments: Any) -> Any:
        stages = original(*arguments)
        mel = stages.mel.copy()
        mel[[3, 4, 40], [0, 5, 63]] += np.uint64(1)
        mel[40, :10] += np.uint64(1)
        return replace(stages, mel=mel)

    with monkeypatch.context() as patch:
        patch.setattr(comparison, "compute_stages", planted)
        report = rig.run(signals=SIGNALS)
    assert [(item.filename, item.frame_index, item.element_index, item.elements) for item in report.first_mismatches] == [
        ("chirp", 3, 0, 13),
        ("clicks", 3, 0, 13),
    ]
    assert {stage.stage: stage.mismatches for stage in report.stages if stage.mismatches} == {"mel": 26}
    assert report.frontend_mismatches == 26


def test_the_device_is_closed_after_an_error(rig: Rig) -> None:
    with rig.open_line() as line:
        assert line.clock is not None
        device = Device(line.transport, clock=line.clock)
        with pytest.raises(DeviceError):
            run_hil(
                lambda _: device,
                golden_clips(golden_vectors(), SIGNALS),
                expected=expectation(rig, firmware_fingerprint="0" * 64),
                depth="fake",
                link="loopback",
            )
        with pytest.raises(DeviceError, match="closed"):
            line.transport.write(b"?")


def test_decisions_follow_from_the_scores() -> None:
    outputs = np.array([[10, 20], [90, -30], [-40, 80], [-40, 80]], np.int8)
    decided = expected_decisions(outputs, Calibration(smoothing_patches=2, detection_threshold=45))
    assert decided["smoothed_scores"].tolist() == [[10, 20], [100, -10], [50, 50], [-80, 160]]
    assert decided["decisions"].tolist() == decided["detections"].tolist() == [[0, 0], [1, 0], [0, 0], [0, 1]]
    assert decided["clip_scores"].tolist() == [[20, 150]]
    assert decided["clip_detections"].tolist() == [[1, 1]]


@pytest.mark.parametrize(
    ("changed", "stage"),
    [
        (Calibration(smoothing_patches=1, detection_threshold=64), "smoothed_scores"),
        (Calibration(smoothing_patches=3, detection_threshold=-128), "decisions"),  # the golden silence is below 64
    ],
)
def test_another_smoothing_or_threshold_is_found(rig: Rig, changed: Calibration, stage: str) -> None:
    """The device smooths over three patches with the threshold 64; an expectation with another rule must not pass."""
    report = rig.run(calibration=changed)
    mismatches = {item.stage: item.mismatches for item in report.stages}
    assert mismatches[stage] > 0
    assert mismatches["logits"] == mismatches["outputs"] == mismatches["clip_scores"] == 0
    assert report.model_mismatches == 0
    assert report.decision_mismatches > 0


def test_the_suite_of_the_bench_also_runs_for_boards_with_another_fft(tmp_path: Path) -> None:
    rig = make_rig("fake", board_id="esp32s3", port=None, work_dir=tmp_path)
    report = rig.run(signals=("chirp", "noise"))
    assert (report.frontend_mismatches, report.model_mismatches, report.decision_mismatches) == (0, 0, 0)
    assert (report.identity.runtime, report.identity.kernel) == ("tflm", "esp_sc16")
