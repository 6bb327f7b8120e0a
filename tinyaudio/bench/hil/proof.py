"""The proof of a whole firmware: stream clips to it, compare every stage and every output of the model, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinyaudio.bench.device import ClipRun, Device, check_identity
from tinyaudio.bench.hil.comparison import Comparison, median_frame_ticks
from tinyaudio.bench.hil.decisions import DECISION_STAGES, device_decisions, expected_decisions, label_sets
from tinyaudio.core.artifacts import Calibration, Cost, Evaluation, ExpectedOutputs, HilReport, Percentiles, QuantizedModel
from tinyaudio.core.board import Board, CounterScale, Depth
from tinyaudio.core.errors import ManifestError, StageError
from tinyaudio.core.evaluation import multi_label_evaluation
from tinyaudio.core.metrics import accuracy, confusion_matrix
from tinyaudio.core.spec import STAGES, FrontendSpec
from tinyaudio.dsp.frontend import FeatureQuantization, FrontendTables, design_feature_quantization
from tinyaudio.wire.messages import Log

MODEL_STAGES = ("logits", "outputs")

#: Opens a device that calls its argument with every line of its log.
OpenDevice = Callable[[Callable[[Log], None]], Device]


@dataclass(frozen=True, slots=True, kw_only=True)
class HilClip:
    """A clip to stream."""

    filename: str
    label_index: int  # the truth, an index of the model's labels; -1 where `truth` tells it
    pcm: NDArray[np.int16]  # [samples], mono, at the front end's sample rate
    truth: NDArray[np.bool_] | None = None  # [labels], of a clip that may have several; None: exactly one


@dataclass(frozen=True, slots=True, kw_only=True)
class HilExpectation:
    """What the device should be and compute."""

    board: Board
    firmware_fingerprint: str
    tables: FrontendTables
    quantized: QuantizedModel
    calibration: Calibration
    outputs: ExpectedOutputs  # clips in the order they are streamed

    @property
    def quantization(self) -> FeatureQuantization:
        """The last step of the front end."""
        model = self.quantized
        return design_feature_quantization(
            model.input_scale,
            model.input_zero_point,
            log_fraction_bits=self.tables.log_fraction_bits,
            log_scale=self.tables.spec.log_scale,
        )


def run_hil(
    open_device: OpenDevice,
    clips: Sequence[HilClip],
    *,
    expected: HilExpectation,
    depth: Depth,
    link: str,
    on_clip: Callable[[ClipRun], None] | None = None,
) -> HilReport:
    """Stream `clips` to a device and compare everything it says with what is expected.

    Parameters
    ----------
    open_device
        Opens the device; it is closed here. A clip's id is its position in `clips`.
    clips
        The clips of ``expected.outputs``, in that order.
    expected
        Identity, front end, model and outputs.
    depth, link
        For the report: how deep, and over what, this ran.
    on_clip
        Called with all that the device said of a clip, when it is done.

    Raises
    ------
    IdentityError
        If another firmware answers; nothing is streamed to it.
    StageError
        If `clips` are not those of ``expected.outputs``.
    ManifestError
        If a clip is shorter than a patch: it would have no result.
    DeviceError
        If the device dies, hangs or breaks the protocol (`TransportError`, `ProtocolError`).
    """
    _require_same_clips(clips, expected)
    log: list[str] = []
    with open_device(lambda line: log.append(f"{line.level.name.lower()}: {line.text}")) as device:
        identity = check_identity(
            device.connect(),
            board=expected.board.id,
            frontend_fingerprint=expected.tables.fingerprint,
            model_sha256=expected.quantized.sha256,
            firmware_fingerprint=expected.firmware_fingerprint,
        )
        comparison = Comparison(device=device, tables=expected.tables, quantization=expected.quantization, log=log)
        for index, clip in enumerate(clips):
            run = comparison.stream(clip.filename, clip.pcm)
            _compare_outputs(comparison, index, clip, run, expected)
            if on_clip is not None:
                on_clip(run)
        statistics = device.statistics
    stages = comparison.stage_comparisons()
    return HilReport(
        board=expected.board.id,
        depth=depth,
        link=link,
        identity=identity,
        clips=len(clips),
        frames=sum(run.result.frames for run in comparison.runs),
        patches=sum(run.result.patches for run in comparison.runs),
        frontend_mismatches=sum(stage.mismatches for stage in stages if stage.stage in STAGES),
        model_mismatches=sum(stage.mismatches for stage in stages if stage.stage in MODEL_STAGES),
        decision_mismatches=sum(stage.mismatches for stage in stages if stage.stage in DECISION_STAGES),
        stages=stages,
        first_mismatches=tuple(comparison.mismatches),
        evaluation=_evaluate(clips, comparison.runs, expected.quantized),
        detected=label_sets((run.result.detected for run in comparison.runs), len(expected.quantized.labels)).astype(np.bool_),
        cost=None if depth == "fake" else _cost(comparison.runs, expected.board.counter_scale(depth), expected.tables.spec),
        dropped_frames=statistics.malformed_frames + statistics.retransmitted_frames,
        resumed=sum(run.resumed for run in comparison.runs),
        overruns=sum(run.result.overruns for run in comparison.runs),
        log=tuple(log),
    )


def _compare_outputs(comparison: Comparison, index: int, clip: HilClip, run: ClipRun, expected: HilExpectation) -> None:
    outputs = expected.outputs
    rows = slice(int(outputs.patch_offsets[index]), int(outputs.patch_offsets[index + 1]))
    comparison.compare("logits", clip.filename, outputs.logits[rows], _patch_values(run, "logits"))
    comparison.compare("outputs", clip.filename, outputs.outputs[rows], _patch_values(run, "scores"))
    actual = device_decisions(run, expected.tables.spec)
    for stage, values in expected_decisions(outputs.outputs[rows], expected.calibration).items():
        comparison.compare(stage, clip.filename, values, actual[stage])


def _patch_values(run: ClipRun, name: Literal["logits", "scores"]) -> NDArray[np.int8]:
    return np.array([getattr(patch, name) for patch in run.patches], np.int8)


def _evaluate(clips: Sequence[HilClip], runs: Sequence[ClipRun], quantized: QuantizedModel) -> Evaluation:
    """Return what the device makes of the clips: its sums of scores, its choice of class."""
    sums = np.array([run.result.score_sums for run in runs], np.float64)
    counts = np.array([run.result.patches for run in runs], np.float64)[:, np.newaxis]
    scores = (sums - counts * quantized.score_zero_point) * quantized.score_scale / counts
    filenames, labels = tuple(clip.filename for clip in clips), quantized.labels
    several = [clip.truth for clip in clips if clip.truth is not None]
    if several:
        return multi_label_evaluation("device", split="test", labels=labels, filenames=filenames, truth=np.array(several), scores=scores)
    truths = np.array([clip.label_index for clip in clips], np.int64)
    predicted = np.array([run.result.label_index for run in runs], np.int64)
    confusion = confusion_matrix(truths, predicted, class_count=len(labels))
    return Evaluation(
        predictor="device",
        split="test",
        labels=labels,
        filenames=filenames,
        label_indices=truths,
        scores=scores,
        accuracy=accuracy(confusion),
        confusion=confusion,
    )


def _cost(runs: Sequence[ClipRun], counter: CounterScale, spec: FrontendSpec) -> Cost:
    patch_ticks = np.array([patch.counter_ticks for run in runs for patch in run.patches], np.int64)
    last_frame_ticks = np.concatenate([run.frontend_ticks[spec.patch_frames - 1 :: spec.patch_hop_frames] for run in runs])
    p50, p95, p99 = (counter.units(float(ticks)) for ticks in np.percentile(patch_ticks + last_frame_ticks, (50, 95, 99)))
    return Cost(
        unit=counter.unit,
        frontend_per_frame=counter.units(median_frame_ticks(runs)),
        model_per_inference=counter.units(float(np.median(patch_ticks))),
        latency=Percentiles(p50=p50, p95=p95, p99=p99),
    )


def _require_same_clips(clips: Sequence[HilClip], expected: HilExpectation) -> None:
    outputs, spec = expected.outputs, expected.tables.spec
    if tuple(clip.filename for clip in clips) != outputs.filenames or outputs.model_sha256 != expected.quantized.sha256:
        raise StageError("the expected outputs are of other clips or another model", hint="run `tinyaudio evaluate` again", where="hil")
    if not clips:
        raise StageError("there is no clip to stream", hint="`tinyaudio data check` says what the test split lacks", where="hil")
    for clip in clips:
        if len(clip.pcm) < spec.patch_samples:
            raise ManifestError(
                f"has {len(clip.pcm)} samples, less than the {spec.patch_samples} of one patch, so it would have no result",
                hint="drop it from the manifest, or shorten patch_frames",
                where=clip.filename,
            )
