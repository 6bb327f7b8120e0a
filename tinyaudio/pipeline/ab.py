"""Fast kernels, ours or the vendor's, against plain ones: two firmwares, the same clips, compared clip by clip."""

from __future__ import annotations

import dataclasses

from tinyaudio.bench.hil.ab import compare_kernels
from tinyaudio.core.artifacts import KernelChoice
from tinyaudio.core.board import Board, Depth
from tinyaudio.core.errors import InputError
from tinyaudio.core.kernel_checks import KernelSide
from tinyaudio.deploy.render import has_fast_kernels
from tinyaudio.pipeline.data import project_board
from tinyaudio.pipeline.device_line import choose_depth
from tinyaudio.pipeline.firmware import USUAL_FIRMWARE, FirmwareRequest
from tinyaudio.pipeline.flashing import FlashRequest, flash_stage
from tinyaudio.pipeline.line import Line
from tinyaudio.pipeline.proof import Proof, Streamed, stream_clips, write_proof


def ab_stage(
    line: Line,
    board_id: str,
    *,
    depth: str | None = None,
    port: str | None = None,
    slot: str | None = None,
    request: FirmwareRequest = USUAL_FIRMWARE,
) -> Proof:
    """Build both firmwares, stream the test split to each, compare them with the twin and with each other, write the report.

    The report is that of the optimized firmware, with a comparison in it. A real board is flashed twice; the optimized
    firmware comes last and stays.

    Parameters
    ----------
    line, board_id, depth, port
        As for `hil_stage`.
    slot
        Of bench.toml, in place of a port: which board of depth ``serial`` is flashed.
    request
        Its runtime is that of both firmwares; its kernels are the fast ones: ours, or the vendor's.

    Raises
    ------
    InputError
        If the board's only kernels are the plain ones, or no firmware runs at this depth; see also `hil_stage` and, at depth
        ``serial``, `flash_stage`.
    """
    board = project_board(line.project, board_id)
    chosen: Depth = "serial" if slot is not None else choose_depth(board, depth=depth, port=port)
    if chosen == "fake":
        raise InputError("at depth fake no kernel runs that could be compared", hint="use --depth virtual or serial", where="--depth")
    fast: KernelChoice = "vendor" if request.kernels == "vendor" else "optimized"
    if fast == "optimized" and not has_fast_kernels(board, request.runtime or board.default_runtime):
        raise InputError(
            f"{board.id} has plain kernels only, so there is nothing to compare",
            hint="use a board with a Cortex-M7 or an ESP32-S3, or another --runtime",
            where="--ab",
        )
    choices: tuple[KernelChoice, ...] = ("reference", fast)
    reference, optimized = (
        _stream(line, board, depth=chosen, flashing=FlashRequest(board_id=board.id, slot=slot, port=port, firmware=_with(request, kernels)))
        for kernels in choices
    )
    comparison = compare_kernels(
        [clip.filename for clip in optimized.clips],
        (_side(optimized, fast), optimized.runs),
        (_side(reference, "reference"), reference.runs),
        spec=line.project.frontend,
    )
    return write_proof(line, optimized, kernel_comparison=comparison)


def _with(request: FirmwareRequest, kernels: KernelChoice) -> FirmwareRequest:
    return dataclasses.replace(request, kernels=kernels, self_test=False)


def _stream(line: Line, board: Board, *, depth: Depth, flashing: FlashRequest) -> Streamed:
    line.progress.note(f"the {flashing.firmware.kernels} kernels:")
    port = flash_stage(line, flashing).port if depth == "serial" else None
    return stream_clips(line, board, depth=depth, port=port, request=flashing.firmware)


def _side(streamed: Streamed, kernels: KernelChoice) -> KernelSide:
    build, report = streamed.build, streamed.report
    assert build is not None and report.cost is not None  # only depth "fake" is without
    return KernelSide(
        kernels=kernels,
        identity=report.identity,
        elf_sha256=build.elf_sha256,
        flash_bytes=build.flash_bytes,
        cost=report.cost,
        mismatches=report.mismatches,
    )
