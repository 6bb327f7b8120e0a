"""A small but complete set of report inputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyaudio.core.artifacts import (
    BuildArtifact,
    Calibration,
    Clip,
    Cost,
    Dataset,
    DeviceIdentity,
    Evaluation,
    HilReport,
    LinkedComponent,
    Mismatch,
    Percentiles,
    PlacedItem,
    Placement,
    QuantizedModel,
    RegionUse,
    StackUse,
    StageComparison,
)
from tinyaudio.core.board import load_board
from tinyaudio.core.clip_decisions import ClipDecisions
from tinyaudio.core.kernel_checks import KernelComparison, KernelDifference, KernelSide, OperatorCheck, OperatorDifference, SelfTestReport
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.report import ArenaBuffer, ArenaTimeline, ExampleClip, KernelDistance, ReportInputs

#: By the thresholds: the first clip right, the second nothing.
DETECTED = np.array([[True, False, False], [False, False, False]])
LABELS = ("birdsong <chirps>", "knocking", "siren")


def evaluation(predictor: str, confusion: list[list[int]]) -> Evaluation:
    counts = np.array(confusion, dtype=np.int64)
    return Evaluation(
        predictor=predictor,  # type: ignore[arg-type]
        split="test",
        labels=LABELS,
        filenames=tuple(f"{index}.wav" for index in range(counts.sum())),
        label_indices=np.repeat(np.arange(3), counts.sum(axis=1)),
        scores=np.full((counts.sum(), 3), 1 / 3),
        accuracy=float(np.trace(counts) / counts.sum()),
        confusion=counts,
    )


def report_inputs(*, failed: bool = False) -> ReportInputs:
    int8 = evaluation("int8", [[4, 0, 0], [1, 3, 0], [0, 0, 4]])
    spec = FrontendSpec()
    identity = DeviceIdentity(
        board="mps2_an500",
        chip_id="an500",
        runtime="aot",
        kernel="cmsis_q31",
        protocol_version=1,
        frontend_fingerprint="1" * 64,
        model_sha256="2" * 64,
        firmware_fingerprint="3" * 64,
        counter_unit="instructions",
        counter_frequency_hz=25_000_000,
        arena_bytes=40_000,
        arena_used_bytes=40_000,
        model_kernels="tinyaudio Armv7E-M",
    )
    mismatch = Mismatch(stage="mel", filename="knock.wav", frame_index=17, element_index=5, expected=100, actual=101, elements=3)
    hil = HilReport(
        board="mps2_an500",
        depth="virtual",
        link="semihosting FIFOs",
        identity=identity,
        clips=12,
        frames=2_000,
        patches=30,
        frontend_mismatches=3 if failed else 0,
        model_mismatches=0,
        decision_mismatches=0,
        stages=(
            StageComparison(stage="mel", elements=128_000, mismatches=3 if failed else 0),
            StageComparison(stage="logits", elements=90, mismatches=0),
        ),
        first_mismatches=(mismatch,) if failed else (),
        evaluation=replace(int8, predictor="device"),
        detected=DETECTED,
        cost=Cost(
            unit="instructions",
            frontend_per_frame=50_000,
            model_per_inference=12_000_000,
            latency=Percentiles(p50=12_050_000, p95=12_050_040, p99=12_050_080),
        ),
        dropped_frames=0,
        resumed=0,
        overruns=0,
    )
    build = BuildArtifact(
        board="mps2_an500",
        runtime="aot",
        elf="firmware.elf",
        elf_sha256="4" * 64,
        firmware_fingerprint="3" * 64,
        flash_bytes=300_000,
        ram_bytes=90_000,
        regions={"ssram1": RegionUse(used_bytes=300_000, length_bytes=4_194_304), "ssram23": RegionUse(used_bytes=90_000, length_bytes=4_194_304)},
        budget_problems=(),
        toolchain="arm-none-eabi-gcc 12.2.1",
        seconds=3.0,
        placement=Placement(
            items=(
                PlacedItem(name="arena of the model", sections=(".arena",), region="ssram23", bytes=36_928, reason="it has room for <it>"),
                PlacedItem(name="weights of the model", sections=(".weights",), region="ssram1", bytes=220_000, reason="constants stay in flash"),
                PlacedItem(name="tables", sections=(".tables",), region="ssram1", bytes=0, reason="there are none"),
            )
        ),
        stack=StackUse(
            worst_case_bytes=2_104,
            program_bytes=1_800,
            interrupt_bytes=304,
            reserved_bytes=16_384,
            deepest=("main", "tinyaudio::run_application"),
            assumptions=("Nothing is recursive.",),
        ),
        components=(LinkedComponent(name="CMSIS-DSP", version="1.16.2", licence="Apache-2.0", bytes=9_000),),
    )
    quantized = QuantizedModel(
        tflite=b"TFL3" * 100,
        sha256="2" * 64,
        labels=LABELS,
        spec=spec,
        kernel="cmsis_q31",
        frontend_fingerprint="1" * 64,
        input_scale=0.05,
        input_zero_point=10,
        output_scale=1 / 256,
        output_zero_point=-128,
        ops=("CONV_2D",),
    )
    clip = Clip(filename="siren.wav", label="siren", group="1", split="test", samples=16_000, pcm_sha256="5" * 64)
    generator = np.random.default_rng(1)
    example = ExampleClip(
        title="classified right",
        filename="siren.wav",
        label="siren",
        predicted="siren",
        pcm=generator.integers(-3000, 3000, 16_000).astype(np.int16),
        log_mel=generator.normal(size=(98, 64)),
        scores=np.array([0.1, 0.2, 0.7]),
    )
    return ReportInputs(
        project_name="doorbell & co",
        board=load_board("mps2_an500"),
        dataset=Dataset(labels=LABELS, sample_rate_hz=16_000, clips=(clip,)),
        quantized=quantized,
        parameters=200_000,
        float_evaluation=evaluation("float", [[4, 0, 0], [0, 4, 0], [0, 0, 4]]),
        int8_evaluation=int8,
        hil=hil,
        build=build,
        kernel_distances=(KernelDistance(kernel="esp_sc16", clips=12, steps={0: 900, 1: 95, 2: 5}),),
        examples=(example,),
        arena=ArenaTimeline(
            title="doorbell",
            arena_bytes=3_000,
            steps=("op0_conv", "op1_dense"),
            buffers=(
                ArenaBuffer(name="image", offset_bytes=0, bytes=2_000, first=-1, last=0),
                ArenaBuffer(name="scratch", offset_bytes=2_000, bytes=1_000, first=0, last=0, is_scratch=True),
            ),
        ),
        decisions=tuple(
            ClipDecisions(predictor=name, labels=LABELS, filenames=("a.wav", "<b>.wav"), truth=np.eye(3, dtype=np.bool_)[:2], detected=DETECTED)
            for name in ("float", "int8", "device")
        ),
        calibration=Calibration(smoothing_patches=3, detection_threshold=0, class_thresholds=(-28, 40, 128), is_exclusive=False),
        fingerprints={"front end": "1" * 64, "model": "2" * 64},
    )


def kernel_comparison(*, differs: bool) -> KernelComparison:
    """Fast kernels against plain ones, with the device of `report_inputs`."""
    hil = report_inputs().hil
    assert hil.cost is not None
    side = KernelSide(
        kernels="optimized", identity=hil.identity, elf_sha256="4" * 64, flash_bytes=300_000, cost=hil.cost, mismatches=5 if differs else 0
    )
    plain = replace(
        side,
        kernels="reference",
        identity=replace(hil.identity, model_kernels="tinyaudio plain C++"),
        cost=replace(hil.cost, model_per_inference=60_000_000),
        mismatches=0,
    )
    first = KernelDifference(filename="<knock>.wav", stage="logits", patch_index=2, element_index=1, optimized=-7, reference=9, elements=3)
    differences = (first, replace(first, stage="outputs", elements=2)) if differs else ()
    return KernelComparison(optimized=side, reference=plain, clips=12, elements=8_000, differences=differences)


def self_test_report(*, failed: bool) -> SelfTestReport:
    """Two operators on two golden inputs."""
    first = OperatorDifference(
        operator_index=4,
        operator="CONV_2D op4_<b>",
        vector_index=1,
        vector="ramp",
        element_index=250,
        place=(0, 15, 5, 0),
        shape=(1, 16, 8, 2),
        expected=-128,
        actual=127,
        mismatches=16,
        elements=256,
    )
    return SelfTestReport(
        board="mps2_an500",
        depth="virtual",
        link="semihosting FIFOs",
        identity=report_inputs().hil.identity,
        oracle="tflite-micro 1",
        inputs=("noise", "ramp"),
        unit="instructions",
        operators=(
            OperatorCheck(index=1, name="PAD op1", elements=300, mismatches=(0, 0), cost=1_000),
            OperatorCheck(index=4, name="CONV_2D op4_<b>", elements=256, mismatches=(0, 16) if failed else (0, 0), cost=3_000),
        ),
        first=first if failed else None,
        elf_sha256="4" * 64,
        log=("info: <hello>",),
    )
