"""The arena of a model on TFLite Micro: searched once, kept for whoever has the same model, kernels and core."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hil_tests.rigs import CALIBRATION, golden_tables
from tests.golden_fixture import golden_vectors
from tests.pipeline.small_project import line_of
from tinyaudio.core.artifacts import BuildArtifact, DeviceIdentity, FirmwareProject, KernelChoice, MeasuredArena
from tinyaudio.core.board import Board, load_board
from tinyaudio.core.errors import BuildError, ToolError
from tinyaudio.deploy.build.facts import build_json
from tinyaudio.deploy.render import RenderInputs, RuntimeChoice, render_project
from tinyaudio.deploy.tflm import ROOT_VARIABLE, tight_arena_bytes
from tinyaudio.dsp.frontend import design_frontend
from tinyaudio.pipeline import arena
from tinyaudio.pipeline.line import Line

BOARD = load_board("mps2_an500")
USED_BYTES = 20_000
ESTIMATE_BYTES = 80_000


@pytest.fixture(autouse=True)
def no_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ROOT_VARIABLE, raising=False)


@pytest.fixture
def line(tmp_path: Path) -> Line:
    (tmp_path / "tinyaudio.toml").write_text('[project]\nname = "doorbell"\n', encoding="utf-8")
    return line_of(tmp_path)


def firmware(
    board: Board = BOARD, arena_bytes: int | None = ESTIMATE_BYTES, used_bytes: int | None = None, *, kernels: KernelChoice = "optimized"
) -> FirmwareProject:
    choice = RuntimeChoice(runtime="tflm", kernels=kernels, arena_bytes=arena_bytes, arena_used_bytes=used_bytes)
    model = golden_vectors().model
    tables = design_frontend(model.spec, kernel=board.fft_kernel)
    return render_project(RenderInputs(board=board, tables=tables, quantized=model, calibration=CALIBRATION, choice=choice))


def image(project: FirmwareProject) -> BuildArtifact:
    return BuildArtifact(
        board=project.board,
        runtime=project.runtime,
        elf="firmware.elf",
        elf_sha256="",
        firmware_fingerprint=project.fingerprint,
        flash_bytes=0,
        ram_bytes=0,
        regions={},
        budget_problems=(),
        toolchain="",
        seconds=0.0,
        arena_bytes=project.arena_bytes,
        arena_used_bytes=project.arena_used_bytes,
    )


class Target:
    """A board on which the model starts in `least_bytes`, and which counts how often it was built for and started."""

    def __init__(self, least_bytes: int) -> None:
        self.least_bytes = least_bytes
        self.built: list[int] = []

    def build(self, arena_bytes: int | None, used_bytes: int | None) -> tuple[FirmwareProject, BuildArtifact]:
        project = firmware(BOARD, arena_bytes, used_bytes)
        self.built.append(project.arena_bytes)
        return project, image(project)

    def start(self, _: Board, artifact: BuildArtifact) -> int:
        if artifact.arena_bytes < self.least_bytes:
            raise BuildError("too small")
        return USED_BYTES


def search(target: Target, line: Line, monkeypatch: pytest.MonkeyPatch) -> BuildArtifact:
    monkeypatch.setattr(arena, "_start", target.start)
    return arena.search_arena(line, BOARD, (firmware(), image(firmware())), kernels="optimized", build=target.build)


def test_the_image_gets_what_the_model_uses(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target(USED_BYTES)
    artifact = search(target, line, monkeypatch)
    assert target.built == [tight_arena_bytes(USED_BYTES)]
    assert (artifact.arena_bytes, artifact.arena_used_bytes, artifact.arena_measured) == (target.built[0], USED_BYTES, True)
    kept = arena.kept_arena(line.store, BOARD, firmware(), kernels="optimized")
    assert kept == MeasuredArena(used_bytes=USED_BYTES, arena_bytes=target.built[0], measured_on="mps2_an500, virtual")


@pytest.mark.parametrize(("least_bytes", "tried"), [(tight_arena_bytes(USED_BYTES) + 1, 2), (ESTIMATE_BYTES, 3)])
def test_an_arena_in_which_the_model_does_not_start_is_not_kept(least_bytes: int, tried: int, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target(least_bytes)
    artifact = search(target, line, monkeypatch)
    assert len(target.built) == tried
    assert artifact.arena_bytes == target.built[-1] >= least_bytes
    kept = arena.kept_arena(line.store, BOARD, firmware(), kernels="optimized")
    assert kept is not None
    assert kept.arena_bytes == artifact.arena_bytes


def test_no_arena_is_tried_that_is_larger_than_the_one_that_had_room(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.USED_BYTES", ESTIMATE_BYTES - 1_024)
    target = Target(ESTIMATE_BYTES)
    artifact = search(target, line, monkeypatch)
    assert target.built == [tight_arena_bytes(USED_BYTES), ESTIMATE_BYTES]
    assert (artifact.arena_bytes, artifact.arena_used_bytes) == (ESTIMATE_BYTES, USED_BYTES)


def test_an_estimate_that_is_too_small_gives_way_to_all_that_the_board_has(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target(ESTIMATE_BYTES + 1)
    artifact = search(target, line, monkeypatch)
    placement = firmware().placement
    assert placement is not None
    others = sum(item.bytes for item in placement.items if item.region == "ssram23" and ".arena" not in item.sections)
    largest = BOARD.memory.regions["ssram23"].length_bytes - others
    assert target.built[0] == largest // 16 * 16
    assert artifact.arena_bytes == target.built[-1]
    assert artifact.arena_measured


def test_a_model_that_fits_no_arena_is_an_error_and_nothing_is_kept(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BuildError, match="too small"):
        search(Target(1 << 30), line, monkeypatch)
    assert arena.kept_arena(line.store, BOARD, firmware(), kernels="optimized") is None


def test_without_an_emulator_the_estimate_stays(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_emulator(*_: object) -> int:
        raise ToolError("is not installed", where="qemu-system-arm")

    target = Target(USED_BYTES)
    monkeypatch.setattr(target, "start", no_emulator)
    artifact = search(target, line, monkeypatch)
    assert (artifact.arena_bytes, artifact.arena_measured, target.built) == (ESTIMATE_BYTES, False, [])


def test_rendering_asks_for_sources_only_where_something_was_measured(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROOT_VARIABLE, "/nowhere")
    assert arena.kept_arena(line.store, BOARD, firmware(), kernels="optimized") is None
    monkeypatch.delenv(ROOT_VARIABLE)
    search(Target(USED_BYTES), line, monkeypatch)
    monkeypatch.setenv(ROOT_VARIABLE, "/nowhere")
    with pytest.raises(ToolError, match="is no tree of TFLite Micro"):
        arena.kept_arena(line.store, BOARD, firmware(), kernels="optimized")


def test_what_was_measured_holds_for_the_same_core_model_and_kernels_and_for_no_others(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    search(Target(USED_BYTES), line, monkeypatch)
    disco = load_board("stm32h747i_disco")  # not emulated here
    assert arena.kept_arena(line.store, disco, firmware(disco), kernels="optimized") is not None
    assert arena.kept_arena(line.store, BOARD, firmware(kernels="reference"), kernels="reference") is None
    native = load_board("native")
    assert arena.kept_arena(line.store, native, firmware(native), kernels="optimized") is None
    other = replace(firmware(), files={**firmware().files, "src/generated/model_weights.cc": "another model"})
    assert arena.kept_arena(line.store, BOARD, other, kernels="optimized") is None
    monkeypatch.setattr(arena, "tflite_micro_version", lambda _: "another version")
    assert arena.kept_arena(line.store, BOARD, firmware(), kernels="optimized") is None


def identity(project: FirmwareProject, *, used_bytes: int = USED_BYTES, fingerprint: str | None = None) -> DeviceIdentity:
    return DeviceIdentity(
        board=project.board,
        chip_id="0123",
        runtime="tflm",
        kernel="cmsis_q31",
        protocol_version=4,
        frontend_fingerprint="",
        model_sha256="",
        firmware_fingerprint=project.fingerprint if fingerprint is None else fingerprint,
        counter_unit="cycles",
        counter_frequency_hz=1,
        arena_bytes=project.arena_bytes,
        arena_used_bytes=used_bytes,
        model_kernels="",
    )


def test_the_first_device_that_answers_measures_what_no_emulator_could(line: Line) -> None:
    board = load_board("stm32h747i_disco")
    project = firmware(board)
    assert (
        arena.keep_measured_arena(line.store, board, project, identity(project, fingerprint="ab" * 32), kernels="optimized") is None
    )  # another firmware
    assert arena.keep_measured_arena(line.store, board, project, identity(project, used_bytes=0), kernels="optimized") is None  # it did not start
    measured = arena.keep_measured_arena(line.store, board, project, identity(project), kernels="optimized")
    assert measured is not None
    assert tight_arena_bytes(USED_BYTES) < measured.arena_bytes < ESTIMATE_BYTES  # nobody has tried yet that it starts in the tight one
    assert measured.measured_on == "stm32h747i_disco 0123"
    assert arena.kept_arena(line.store, board, firmware(board), kernels="optimized") == measured
    next_project = firmware(board, measured.arena_bytes, measured.used_bytes)
    assert arena.keep_measured_arena(line.store, board, next_project, identity(next_project), kernels="optimized") is None  # known already


def test_a_board_whose_components_another_program_fetches_knows_their_versions(line: Line) -> None:
    board = load_board("esp32s3")
    project = firmware(board, None)
    assert arena.keep_measured_arena(line.store, board, project, identity(project), kernels="optimized") is not None
    assert arena.kept_arena(line.store, board, firmware(board, None), kernels="optimized") is not None
    version = "src/generated/tflm_version.h"
    other = replace(project, files={**project.files, version: project.files[version].replace("ESP-NN 1.", "ESP-NN 9.")})
    assert other.files != project.files
    assert arena.kept_arena(line.store, board, other, kernels="optimized") is None


def test_build_json_says_whether_the_arena_was_measured() -> None:
    estimated, known = image(firmware()), image(firmware(BOARD, 272, 1))
    assert '"arena_measured": false' in build_json(estimated)
    assert '"arena_used_bytes": null' in build_json(estimated)
    assert '"arena_measured": true' in build_json(known)
    compiled = render_project(RenderInputs(board=BOARD, tables=golden_tables(), quantized=golden_vectors().model, calibration=CALIBRATION))
    assert compiled.arena_used_bytes == compiled.arena_bytes  # the compiler's plan is exact
