"""The self-test on a device: build the image with golden vectors, let it run them, name the first operator that is wrong."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyaudio.bench.device import Device, SelfTestRun, check_identity
from tinyaudio.core.artifacts import GoldenTensors, faults_in
from tinyaudio.core.board import CounterScale
from tinyaudio.core.errors import InputError
from tinyaudio.core.kernel_checks import OperatorCheck, OperatorDifference, SelfTestReport
from tinyaudio.deploy.tflm import read_outline
from tinyaudio.pipeline.data import project_board
from tinyaudio.pipeline.device_line import choose_depth, open_serial_line, open_virtual_line
from tinyaudio.pipeline.firmware import USUAL_FIRMWARE, FirmwareRequest, board_directory, board_frontend, build_stage, golden_vectors
from tinyaudio.pipeline.learning import quantize_stage
from tinyaudio.pipeline.line import Line
from tinyaudio.report import self_test_facts, write_self_test_page
from tinyaudio.wire.messages import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """The outcome of a self-test."""

    report: SelfTestReport
    facts: dict[str, Any]  # as the command line's JSON shows it
    page: Path
    passed: bool  # every operator computed its golden vectors, no fault was told, and the image fits its board


def self_test_stage(
    line: Line, board_id: str, *, depth: str | None = None, port: str | None = None, request: FirmwareRequest = USUAL_FIRMWARE
) -> SelfTest:
    """Run every operator of the model on its golden vectors, on the device, and write ``report.html`` and ``report.json``.

    Raises
    ------
    InputError
        If the depth does not exist, runs no firmware, or does not go with the board or the port.
    IdentityError
        If the device runs another firmware than this self-test image.
    DeviceError
        If the device dies in an operator, hangs or breaks the protocol.
    """
    board = project_board(line.project, board_id)
    chosen = choose_depth(board, depth=depth, port=port)
    if chosen == "fake":
        raise InputError("at depth fake no kernel runs that could be tested", hint="use --depth virtual or serial", where="--depth")
    request = dataclasses.replace(request, self_test=True)
    build = build_stage(line, board.id, request=request)
    golden, log = golden_vectors(line, board), list[str]()

    def take_log(message: Log) -> None:
        log.append(f"{message.level.name.lower()}: {message.text}")

    opened = open_serial_line(board, port) if port else open_virtual_line(board, Path(build.elf), work_dir=board_directory(line, board.id))
    with (
        line.progress.task(f"running the operators on {board.id}, each on {len(golden.inputs)} golden inputs"),
        opened as device_line,
        Device(device_line.transport, name=board.id, clock=device_line.clock, silence_seconds=device_line.silence_seconds, on_log=take_log) as device,
    ):
        identity = check_identity(
            device.connect(),
            board=board.id,
            frontend_fingerprint=board_frontend(line, board).fingerprint,
            model_sha256=quantize_stage(line).value.sha256,
            firmware_fingerprint=build.firmware_fingerprint,
        )
        run = device.run_self_test()
    counter = board.counter_scale(chosen)
    report = SelfTestReport(
        board=board.id,
        depth=chosen,
        link=device_line.description,
        identity=identity,
        oracle=golden.oracle,
        inputs=golden.inputs,
        unit=counter.unit,
        operators=_checks(run, counter),
        first=_first_difference(run, golden, quantize_stage(line).value.tflite),
        elf_sha256=build.elf_sha256,
        log=tuple(log),
    )
    page = write_self_test_page(report, board, line.project.name, board_directory(line, board.id) / request.report_folder)
    return SelfTest(
        report=report,
        facts={**self_test_facts(report), "flash_bytes": build.flash_bytes, "budget_ok": build.budget_ok, "report": str(page)},
        page=page,
        passed=report.first is None and not faults_in(report.log) and build.budget_ok,
    )


def _checks(run: SelfTestRun, counter: CounterScale) -> tuple[OperatorCheck, ...]:
    checks = []
    for index in sorted({operator.operator_index for operator in run.operators}):
        outcomes = [operator for operator in run.operators if operator.operator_index == index]
        checks.append(
            OperatorCheck(
                index=index,
                name=outcomes[0].operator_name,
                elements=outcomes[0].elements,
                mismatches=tuple(outcome.mismatches for outcome in outcomes),
                cost=counter.units(float(np.median([outcome.counter_ticks for outcome in outcomes]))),
            )
        )
    return tuple(checks)


def _first_difference(run: SelfTestRun, golden: GoldenTensors, tflite: bytes) -> OperatorDifference | None:
    first = run.first_difference
    if first is None:
        return None
    shape = _output_shape(golden, tflite, first.operator_index, first.elements)
    return OperatorDifference(
        operator_index=first.operator_index,
        operator=first.operator_name,
        vector_index=first.vector_index,
        vector=golden.inputs[first.vector_index],
        element_index=first.first_element,
        place=tuple(int(index) for index in np.unravel_index(first.first_element, shape)) if shape else (),
        shape=shape,
        expected=first.expected,
        actual=first.actual,
        mismatches=first.mismatches,
        elements=first.elements,
    )


def _output_shape(golden: GoldenTensors, tflite: bytes, operator_index: int, elements: int) -> tuple[int, ...]:
    """Return the shape of what an operator writes; empty if the runtime joined it with one that writes another size."""
    outputs = read_outline(tflite).operators[operator_index].outputs
    shapes = dict(zip(golden.tensors, golden.shapes, strict=True))
    shape = shapes.get(outputs[0], ()) if outputs else ()
    return shape if int(np.prod(shape)) == elements else ()
