"""Placed images run: code copied to instruction memory, what it has no room for in flash, data in three memories."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hil_tests.rigs import Rig, golden_project
from tests.deploy.placed_boards import KIB, cut_board, region, with_memory
from tinyaudio.core.artifacts import BuildArtifact, HilReport
from tinyaudio.core.board import Board, board_ids, load_board
from tinyaudio.core.errors import BuildError
from tinyaudio.deploy.build import build_project
from tinyaudio.deploy.render import write_project


def build(board: Board, folder: Path) -> tuple[Rig, BuildArtifact]:
    project = golden_project(board)
    write_project(project, folder / "firmware")
    artifact = build_project(folder / "firmware", board, project=project)
    rig = Rig(depth="virtual", board=board, project=project, elf=Path(artifact.elf), port=None, work_dir=folder)
    return rig, artifact


def assert_exact(report: HilReport) -> None:
    assert (report.frontend_mismatches, report.model_mismatches, report.decision_mismatches) == (0, 0, 0)
    assert report.patches > 0


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rig, BuildArtifact]:
    return build(cut_board(), tmp_path_factory.mktemp("cut"))


def test_everything_is_measured_where_it_was_planned(cut: tuple[Rig, BuildArtifact]) -> None:
    rig, artifact = cut
    plan = rig.project.placement
    assert plan is not None
    assert artifact.placement is not None
    sizes = {item.sections: item.bytes for item in artifact.placement.items}
    for item in plan.items:
        if item.bytes:
            assert 0 <= sizes[item.sections] <= item.bytes, item.name
    assert sizes[(".arena",)] == plan.items[[item.sections for item in plan.items].index((".arena",))].bytes
    assert sizes[(".hot",)] == artifact.regions["itcm"].used_bytes > 8 * KIB
    for section in ((".fast",), (".tables",), (".data", ".bss")):
        assert sizes[section] > 0
    assert artifact.ram_bytes == sum(artifact.regions[name].used_bytes for name in ("dtcm", "sram", "dma_sram"))


def test_placed_code_and_data_compute_the_same_at_the_same_cost(cut: tuple[Rig, BuildArtifact], tmp_path: Path) -> None:
    plain, _ = build(load_board("mps2_an500"), tmp_path)
    expected, report = plain.run(), cut[0].run()
    assert_exact(expected)
    assert_exact(report)
    assert report.cost is not None
    assert expected.cost is not None
    assert report.cost.frontend_per_frame == pytest.approx(expected.cost.frontend_per_frame, rel=0.02)
    assert report.cost.model_per_inference == pytest.approx(expected.cost.model_per_inference, rel=0.02)


def test_code_that_instruction_memory_has_no_room_for_runs_from_flash(tmp_path: Path) -> None:
    rig, artifact = build(cut_board(itcm_bytes=4 * KIB), tmp_path)
    assert artifact.placement is not None
    hot, rest = artifact.placement.item(".hot"), artifact.placement.item(".hot_rest")
    assert hot is not None
    assert rest is not None
    assert 0 < hot.bytes <= 4 * KIB < rest.bytes
    assert (rest.region, rest.reason) == ("flash", "itcm has no room for it")
    assert artifact.budget_ok
    assert_exact(rig.run())


def test_the_worst_case_stack_is_enough(cut: tuple[Rig, BuildArtifact], tmp_path: Path) -> None:
    # Not a byte more than computed: one too few would fault, the stack is the first of its memory.
    assert cut[1].stack is not None
    worst_case_bytes = cut[1].stack.worst_case_bytes
    rig, artifact = build(cut_board(stack_bytes=(worst_case_bytes + 7) // 8 * 8), tmp_path)
    assert artifact.budget_ok
    assert_exact(rig.run())


def test_a_stack_reserved_too_small_is_a_budget_problem(tmp_path: Path) -> None:
    _, artifact = build(cut_board(stack_bytes=1_024), tmp_path)
    assert artifact.stack is not None
    missing = artifact.stack.worst_case_bytes - 1_024
    assert artifact.budget_problems == (
        f"stack: {artifact.stack.worst_case_bytes} bytes in the worst case, {missing} more than memory.stack_bytes (1024)",
    )


def test_a_memory_too_small_for_an_image_that_may_spill_lists_what_is_in_it(tmp_path: Path) -> None:
    # With the flag for spilling, the linker drops what does not fit and may crash: the error comes from a second, strict link.
    with pytest.raises(BuildError) as caught:
        build(cut_board(flash_bytes=24 * KIB, itcm_bytes=4 * KIB), tmp_path)
    text = str(caught.value)
    assert "does not fit: region flash of mps2_an500 is " in text
    assert "region itcm" not in text
    assert "model.o " in text
    assert "tinyaudio_model::invoke " in text


def test_data_memory_too_small_lists_buffers_and_variables(tmp_path: Path) -> None:
    board = cut_board()
    regions = {**board.memory.regions, "dtcm": region(0x2000_0000, 48 * KIB, "dtcm")}
    project = golden_project(board)  # planned for a larger memory than it is linked for
    small = golden_project(with_memory(board, regions=regions))
    script = project.files["linker.ld"].replace("LENGTH = 131072", "LENGTH = 49152")
    write_project(replace(project, files={**project.files, "linker.ld": script}), tmp_path / "firmware")
    with pytest.raises(BuildError, match=r"region dtcm of mps2_an500 is \d+ bytes too small; largest in it: main\.o \d+ \(\.tinyaudio\.fast"):
        build_project(tmp_path / "firmware", board, project=project)
    assert small.placement is not None
    arena = small.placement.item(".arena")
    assert arena is not None
    assert arena.region == "sram"


def test_dma_buffers_on_a_board_without_a_region_for_them_are_refused(tmp_path: Path) -> None:
    board = load_board("mps2_an500")
    project = golden_project(board)
    buffer = '#include "tinyaudio/placement.h"\nTINYAUDIO_DMA_BUFFER char samples[64];\nextern "C" char* keep_samples() { return samples; }\n'
    entry = (
        project.files["src/main.cc"]
        .replace("int main(", 'extern "C" char* keep_samples();\nint main(')
        .replace("return ", "*keep_samples() = 0;\n    return ")
    )
    write_project(replace(project, files={**project.files, "src/main.cc": entry, "src/samples.cc": buffer}), tmp_path / "firmware")
    with pytest.raises(BuildError, match="there are DMA buffers, but the board file has no region that DMA1 or DMA2 reaches"):
        build_project(tmp_path / "firmware", board, project=project)


# --- the real chip


@pytest.mark.parametrize("board_id", [board_id for board_id in board_ids() if load_board(board_id).family == "stm32h7"])
def test_every_board_of_the_family_builds_and_fills_its_memories_as_planned(board_id: str, tmp_path: Path) -> None:
    rig, artifact = build(load_board(board_id), tmp_path)
    assert artifact.budget_problems == ()
    assert artifact.placement is not None
    assert rig.project.placement is not None
    planned = {item.sections: item.bytes for item in rig.project.placement.items}
    for item in artifact.placement.items:
        assert item.bytes <= planned[item.sections] or not planned[item.sections], f"{item.name}: raise what the planner sets aside"
    places = {section: item for item in artifact.placement.items for section in item.sections}
    dma = rig.board.memory.regions[places[".dma"].region]
    assert (dma.kind, places[".dma"].bytes > 0) == ("sram", True)
    assert artifact.regions["settings"].used_bytes == 0
    assert rig.board.memory.regions[places[".hot"].region].kind == "itcm"
    assert artifact.stack is not None
    assert artifact.stack.interrupt_bytes > 0
    assert artifact.stack.worst_case_bytes < 8 * KIB


def test_the_image_of_the_chip_is_the_same_from_two_folders(tmp_path: Path) -> None:
    board = load_board("stm32h7")
    first, second = (build(board, tmp_path / name)[1] for name in ("one", "another folder"))
    assert {kind: file.sha256 for kind, file in first.files.items()} == {kind: file.sha256 for kind, file in second.files.items()}
    assert set(first.files) == {"elf", "bin", "hex", "map"}
    assert Path(first.elf).with_name("build.json").read_bytes() == Path(second.elf).with_name("build.json").read_bytes()
