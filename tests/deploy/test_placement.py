"""The planner: what goes where, why, and what it says when something does not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.deploy.placed_boards import KIB, cut_board, region, with_memory
from tinyaudio.core.artifacts import Placement
from tinyaudio.core.board import board_ids, load_board
from tinyaudio.core.errors import BuildError, ModelError
from tinyaudio.core.resources import resource_root
from tinyaudio.deploy.placement import Demand, Part, plan_placement

EMBEDDED = [board_id for board_id in board_ids() if load_board(board_id).core == "cortex-m7"]

#: About what the demo needs.
DEMAND = Demand(
    arena_bytes=36_928,
    arena_parts=(Part(name="tensor 'conv1'", bytes=24_576), Part(name="tensor 'conv2'", bytes=12_288)),
    weights_bytes=234_918,
    weights_parts=(Part(name="CONV_2D op31_conv", bytes=65_536), Part(name="CONV_2D op29_conv", bytes=32_768)),
    table_bytes=8_000,
    buffer_bytes=42_000,
    dma_bytes=28_672,
)


def regions_of(placement: Placement) -> dict[str, str]:
    return {section: item.region for item in placement.items for section in item.sections}


@pytest.mark.parametrize("board_id", EMBEDDED)
def test_every_shipped_board_has_a_place_and_a_reason_for_everything(board_id: str) -> None:
    board = load_board(board_id)
    plan = plan_placement(board, DEMAND)
    assert plan == plan_placement(board, DEMAND)
    places = regions_of(plan)
    assert {".stack", ".data", ".bss", ".fast", ".tables", ".arena", ".hot", ".weights", ".vectors", ".text", ".ARM.exidx"} <= set(places)
    assert {board.memory.regions[name].kind for name in places.values()} <= {"flash", "itcm", "dtcm", "sram"}
    assert places[".stack"] == board.memory.data
    assert places[".vectors"] == places[".weights"] == board.memory.code
    for item in plan.items:
        assert item.region in item.reason or item.name in item.reason or "memory" in item.reason
        assert "\n" not in item.reason
    for name, memory in board.memory.regions.items():
        assert sum(item.bytes for item in plan.items if item.region == name) <= memory.length_bytes
    dma = plan.item(".dma")
    if dma is not None:
        assert board.memory.regions[dma.region].kind == "sram"
        assert {"dma1", "dma2"} & set(board.memory.regions[dma.region].dma)
        assert [item.name for item in plan.items if item.region == dma.region] == ["DMA buffers"]


def test_a_chip_with_tight_memory_uses_each_for_what_it_is_good_at() -> None:
    places = regions_of(plan_placement(load_board("stm32h7"), DEMAND))
    assert places[".stack"] == places[".fast"] == places[".tables"] == "dtcm"
    assert (places[".hot"], places[".weights"], places[".dma"]) == ("itcm", "flash", "sram3")


def test_an_arena_too_large_for_tight_memory_goes_to_the_roomiest_sram_and_the_reason_says_so() -> None:
    arena = plan_placement(load_board("stm32h7"), replace(DEMAND, arena_bytes=200_000)).item(".arena")
    assert arena is not None
    assert (arena.region, arena.bytes) == ("axi_sram", 200_000)
    assert arena.reason == "axi_sram has the most room of the memories that are left; dtcm has no room for it"


def test_what_comes_first_is_placed_first() -> None:
    # 80 KiB: stack and variables leave 36,864 bytes, which the arena fills only because the buffers do not fit.
    places = regions_of(plan_placement(cut_board(dtcm_bytes=80 * KIB), replace(DEMAND, arena_bytes=20_000)))
    assert (places[".fast"], places[".arena"]) == ("sram", "dtcm")


def test_a_board_with_one_ram_puts_all_data_there() -> None:
    plan = plan_placement(load_board("mps2_an500"), DEMAND)
    places = regions_of(plan)
    assert places[".stack"] == places[".fast"] == places[".arena"] == places[".bss"] == "ssram23"
    assert places[".hot"] == places[".tables"] == places[".text"] == "ssram1"
    assert plan.item(".dma") is None


# --- DMA buffers


def test_dma_buffers_never_go_where_dma_does_not_reach() -> None:
    board = cut_board()
    regions = {name: memory for name, memory in board.memory.regions.items() if name != "dma_sram"}
    unreachable = with_memory(board, regions={**regions, "sram": region(0x2010_0000, 512 * KIB, "sram", dma=("mdma",))})
    assert plan_placement(unreachable, DEMAND).item(".dma") is None  # the linker script then refuses any DMA buffer


@pytest.mark.parametrize(
    ("origin", "length_bytes"),
    [(0x2020_0000, 48 * KIB), (0x2020_4000, 32 * KIB)],
    ids=["not a power of two", "not aligned to its size"],
)
def test_a_region_that_the_mpu_cannot_cover_exactly_is_not_taken_for_dma(origin: int, length_bytes: int) -> None:
    board = cut_board()
    odd = with_memory(board, regions={**board.memory.regions, "dma_sram": region(origin, length_bytes, "sram", dma=("dma1",))})
    with pytest.raises(BuildError, match="no memory has room for the DMA buffers, 28672 bytes: no region has the properties it needs"):
        plan_placement(odd, DEMAND)


def test_the_board_file_may_name_the_region_of_dma_buffers() -> None:
    board = load_board("stm32h7")
    dma = plan_placement(with_memory(board, dma_buffers="sram4"), DEMAND).item(".dma")
    assert dma is not None
    assert dma.region == "sram4"


def test_more_dma_buffers_than_the_named_region_holds_are_an_error() -> None:
    board = with_memory(load_board("stm32h7"), dma_buffers="sram3")
    with pytest.raises(BuildError, match=r"no memory has room for the DMA buffers, 40000 bytes: sram3 has 32768 left \(7232 too few\)"):
        plan_placement(board, replace(DEMAND, dma_bytes=40_000))


# --- what does not fit


def test_an_arena_that_fits_nowhere_names_tensors_region_and_bytes() -> None:
    with pytest.raises(ModelError) as caught:
        plan_placement(load_board("stm32h7"), replace(DEMAND, arena_bytes=600_000))
    text = str(caught.value)
    assert text.startswith("board stm32h7: no memory has room for the arena of the model, 600000 bytes: axi_sram has 524288 left (75712 too few)")
    assert "sram1 has 131072 left (468928 too few)" in text
    assert "sram3" not in text, "the region of DMA buffers is taken"
    assert text.endswith("the largest of it: tensor 'conv1' 24576, tensor 'conv2' 12288")
    assert "narrower model" in caught.value.hint


def test_weights_that_fit_nowhere_name_operators_region_and_bytes() -> None:
    with pytest.raises(ModelError) as caught:
        plan_placement(load_board("stm32h7"), replace(DEMAND, weights_bytes=2_000_000))
    assert "no memory has room for the weights of the model, 2000000 bytes: flash has 1835008 left (164992 too few); " in str(caught.value)
    assert str(caught.value).endswith("the largest of it: CONV_2D op31_conv 65536, CONV_2D op29_conv 32768")


def test_a_stack_larger_than_its_memory_is_an_error() -> None:
    with pytest.raises(BuildError, match=r"no memory has room for the stack, 200000 bytes: dtcm has 131072 left \(68928 too few\)"):
        plan_placement(cut_board(stack_bytes=200_000), DEMAND)


def test_the_region_of_settings_is_never_used() -> None:
    board = load_board("stm32h7")
    regions = {name: memory for name, memory in board.memory.regions.items() if name in ("flash", "dtcm", "settings", "sram3")}
    plan = plan_placement(with_memory(board, regions=regions), replace(DEMAND, arena_bytes=20_000))
    assert "settings" not in regions_of(plan).values()


def test_no_board_is_named_in_the_planner() -> None:
    package = resource_root("firmware").parent / "tinyaudio" / "deploy" / "placement"
    for path in [*package.glob("*.py"), *package.parent.joinpath("render").glob("*.py")]:
        text = path.read_text(encoding="utf-8")
        assert not [board_id for board_id in board_ids() if board_id != "native" and f'"{board_id}"' in text], path
