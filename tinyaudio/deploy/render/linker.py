"""What an image needs of memory, and the linker script that gives it to it."""

from __future__ import annotations

from typing import Any

from tinyaudio.core.artifacts import Placement
from tinyaudio.core.board import Board
from tinyaudio.core.templating import render_template
from tinyaudio.deploy.compiler import CompiledModel
from tinyaudio.deploy.placement import Demand, Part
from tinyaudio.deploy.tflm import TflmModel
from tinyaudio.dsp.frontend import KERNELS, FrontendTables

# Upper bounds of what the C++ of firmware/lib sets aside; tests compare them with linked images.
_LINK_BUFFER_BYTES = 8_192 + 16_384  # application.h: kReceiveBytes, kRetransmitBytes
_PCM_MESSAGE_SAMPLES = 1_024  # at most wire::Pcm::kMaxSamples
_SCORE_BYTES = 4_096  # application.h: the history of scores
_KERNEL_TABLE_BYTES_PER_POINT = 4  # of the real FFT: twiddles and bit reversal that an FFT library brings along


def memory_demand(tables: FrontendTables, compiled: CompiledModel | TflmModel | None, *, dma_bytes: int) -> Demand:
    """Return what an image needs, `compiled` being None for a front end alone."""
    spec = tables.spec
    words = spec.fft_samples + 2
    pcm_samples = 1 << (spec.window_samples + _PCM_MESSAGE_SAMPLES - 1).bit_length()
    frame_bytes = 2 * spec.window_samples + 4 * spec.mel_bands + max(4 * words, 8 * spec.mel_bands)
    patch_bytes = spec.patch_frames * spec.feature_bands
    return Demand(
        arena_bytes=compiled.arena_bytes if compiled is not None else patch_bytes,
        arena_parts=tuple(Part(name=use.name, bytes=use.bytes) for use in compiled.fullest) if compiled is not None else (),
        weights_bytes=compiled.weights_bytes if compiled is not None else 0,
        weights_parts=_weights_parts(compiled) if compiled is not None else (),
        table_bytes=tables.table_bytes + _KERNEL_TABLE_BYTES_PER_POINT * spec.fft_samples + 1_024,
        buffer_bytes=2 * pcm_samples + frame_bytes + patch_bytes + tables.scratch_bytes + _LINK_BUFFER_BYTES + _SCORE_BYTES,
        dma_bytes=dma_bytes,
    )


def model_demand(compiled: CompiledModel | TflmModel, *, dma_bytes: int) -> Demand:
    """Return what an image of a model alone needs."""
    return Demand(
        arena_bytes=compiled.arena_bytes,
        arena_parts=tuple(Part(name=use.name, bytes=use.bytes) for use in compiled.fullest),
        weights_bytes=compiled.weights_bytes,
        weights_parts=_weights_parts(compiled),
        table_bytes=0,
        buffer_bytes=_LINK_BUFFER_BYTES + 4 * len(compiled.ops),
        dma_bytes=dma_bytes,
    )


def linker_script(board: Board, placement: Placement, tables: FrontendTables | None = None, *, kernel_library: str = "") -> str:
    """Return the linker script of an embedded board; `tables` is None for a model alone."""
    memory = board.memory
    place = {section: item.region for item in placement.items for section in item.sections}
    kernel = KERNELS[tables.kernel].libraries if tables is not None else ()
    context: dict[str, Any] = {
        "items": placement.items,
        "regions": [
            {"name": name, "attributes": region.attributes, "origin": f"0x{region.origin:08x}", "length_bytes": region.length_bytes}
            for name, region in memory.regions.items()
            if region.kind != "settings"
        ],
        "settings": _settings(board),
        "code_region": memory.code,
        "data_region": memory.data,
        "stack_bytes": memory.stack_bytes,
        "hot_region": place[".hot"],
        "table_region": place[".tables"],
        "weights_region": place[".weights"],
        "fast_region": place[".fast"],
        "arena_region": place[".arena"],
        "dma_region": place.get(".dma", ""),
        "hot_files": [
            *_library("tinyaudio_frontend"),
            *(pattern for name in kernel for pattern in _library(name)),
            "*/generated/frontend_tables.o",
            "*/generated/model.o",
            *_library("tinyaudio_nn"),
            *(_library(kernel_library) if kernel_library else ()),
        ],
        "table_files": ["*/generated/frontend_tables.o", *(pattern for name in kernel for pattern in _library(name))],
        "weight_files": ["*/generated/model_weights.o"],
        "copied_sections": [section for section in (".hot", ".tables", ".data") if place[section] != memory.code],
        "cleared_sections": [".bss", ".fast", ".arena", ".dma"],
    }
    return render_template("app/linker.ld.j2", context)


def _settings(board: Board) -> dict[str, Any]:
    """Return where settings are kept and in what units; zeros where the board keeps none."""
    for region in board.memory.regions.values():
        if region.kind == "settings":
            fields = {"length_bytes": region.length_bytes, "sector_bytes": region.sector_bytes, "program_bytes": region.program_bytes}
            return {"origin": f"0x{region.origin:08x}", **fields}
    return {"origin": "0x0", "length_bytes": 0, "sector_bytes": 0, "program_bytes": 0}


def _library(name: str) -> tuple[str, ...]:
    """Return the linker's patterns for the files of a library, whether PlatformIO archives it or not."""
    return (f"*lib{name}.a:*", f"*/{name}/*.o")


def _weights_parts(compiled: CompiledModel | TflmModel) -> tuple[Part, ...]:
    by_size = sorted(compiled.ops, key=lambda op: -op.weights_bytes)
    return tuple(Part(name=f"{op.kind} {op.name}", bytes=op.weights_bytes) for op in by_size if op.weights_bytes)
