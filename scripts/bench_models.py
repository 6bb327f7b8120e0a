"""Prove and measure the models of ``$TINYAUDIO_DATA/models``, beside TFLite Micro's figures; write them into docs/performance.md.

Where ``TINYAUDIO_TFLM_ROOT`` names a tree of TFLite Micro, the models run on that as well, and compiled with its CMSIS-NN;
without one, these figures on the page stay those of the last time. Ends with 3 if what the compiler makes differs from the
reference interpreter, or a bound is broken.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fit_model_costs import fitted_costs
from vendor_section import vendor_section

from tinyaudio.core.files import write_text_atomically
from tinyaudio.core.tools import run_tool
from tinyaudio.deploy.tflm import ROOT_VARIABLE

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"
COSTS = ROOT / "tinyaudio" / "pipeline" / "model_costs.toml"
TITLE = "## Models"
SPEED_TITLE = "## The same models with `--optimize speed`"
RAM_TITLE = "## The same models with `--optimize ram`"
TFLM_TITLE = "## The same models on TFLite Micro"
BOARD = "mps2_an500"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A model, where real sounds for it lie, and what TFLite Micro with CMSIS-NN takes for it (same compiler and emulator)."""

    path: str  # below models/
    preset: str  # its front end, or one with the same number of features
    audio: str  # folder of recordings below the data folder
    instructions: int
    arena_bytes: int
    code_bytes: int  # text and rodata
    at_most_instructions: int | None = None  # None: the reference's
    at_most_arena_bytes: int | None = None
    at_most_code_bytes: int | None = None
    at_most_instructions_for_speed: int | None = None  # with `--optimize speed`
    at_most_arena_bytes_for_ram: int | None = None  # with `--optimize ram`


MODELS = (
    Reference(
        path="bench/mobilenet_v1_025_96x64.tflite",
        preset="yamnet",
        audio="esc10",
        instructions=15_900_000,
        arena_bytes=63_828,
        code_bytes=115_996,
        at_most_instructions=4_700_000,
        at_most_arena_bytes=42_000,
        at_most_code_bytes=36_000,
        at_most_instructions_for_speed=4_700_000,
        at_most_arena_bytes_for_ram=15_000,
    ),
    Reference(
        path="bench/conv_ae_96x64.tflite",
        preset="yamnet",
        audio="esc10",
        instructions=24_950_000,
        arena_bytes=48_820,
        code_bytes=115_996,
        at_most_instructions=4_300_000,
        at_most_arena_bytes=40_000,
        at_most_code_bytes=36_000,
        at_most_instructions_for_speed=4_300_000,
    ),
    Reference(path="mlperf_tiny/ad01_int8.tflite", preset="ad01", audio="machine", instructions=583_408, arena_bytes=2_580, code_bytes=47_480),
    Reference(
        path="mlperf_tiny/kws_ref_model.tflite",
        preset="mfcc",
        audio="models/tflite_micro/testdata",
        instructions=7_644_194,
        arena_bytes=22_820,
        code_bytes=106_012,
    ),
    Reference(
        path="stm32ai/yamnet_256_esc10/yamnet_256_64x96_int8.tflite",
        preset="stm32_yamnet",
        audio="esc10",
        instructions=59_608_482,
        arena_bytes=161_776,
        code_bytes=109_796,
        at_most_arena_bytes_for_ram=60_000,
    ),
    Reference(
        path="tflite_micro/micro_speech_quantized.tflite",
        preset="kws_40",
        audio="models/tflite_micro/testdata",
        instructions=1_489_340,
        arena_bytes=6_836,
        code_bytes=77_596,
    ),
    Reference(
        path="microwakeword_v2/hey_jarvis.tflite",
        preset="kws_40",
        audio="models/tflite_micro/testdata",
        instructions=161_522,
        arena_bytes=17_492,
        code_bytes=120_892,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a model took."""

    reference: Reference
    facts: dict[str, Any]  # of `tinyaudio model bench`, optimized for size
    fast: dict[str, Any]  # the same, optimized for speed
    small: dict[str, Any]  # the same, optimized for RAM
    tflm: dict[str, Any] | None = None  # the same of TFLite Micro; None: there is no tree
    vendor: dict[str, Any] | None = None  # the same of the compiler with CMSIS-NN's kernels; None: there is no tree

    @property
    def broken(self) -> tuple[str, ...]:
        """What is worse than it may be."""
        reference = self.reference
        most = reference.at_most_instructions or reference.instructions
        limits = {
            "mismatches": 0,
            "instructions_per_inference": most,
            "arena_bytes": reference.at_most_arena_bytes or reference.arena_bytes,
            "code_bytes": reference.at_most_code_bytes or reference.code_bytes,
        }
        for_ram = {"mismatches": 0, "arena_bytes": min(self.facts["arena_bytes"], reference.at_most_arena_bytes_for_ram or reference.arena_bytes)}
        for_speed = {**limits, "instructions_per_inference": reference.at_most_instructions_for_speed or most}
        return (
            *(f"{name} {self.facts[name]:,} of at most {limit:,}" for name, limit in limits.items() if self.facts[name] > limit),
            *(f"{name} {self.fast[name]:,} of at most {limit:,} (speed)" for name, limit in for_speed.items() if self.fast[name] > limit),
            *(f"{name} {self.small[name]:,} of at most {limit:,} (ram)" for name, limit in for_ram.items() if self.small[name] > limit),
            *((f"{self.vendor['mismatches']} mismatches with CMSIS-NN",) if self.vendor is not None and self.vendor["mismatches"] else ()),
        )


def data_folder() -> Path:
    """Where models and recordings lie."""
    return Path(os.environ.get("TINYAUDIO_DATA", ROOT.parent / "shared" / "data")).resolve()


def measure(reference: Reference, *, inputs: int, board: str) -> Figures:
    """Measure one model for size, for speed, for RAM, and on TFLite Micro and with CMSIS-NN where there is a tree of it."""
    facts = _bench(reference, "--runtime", "tflm" if has_tree() else "aot", inputs=inputs, board=board)
    fast = _bench(reference, "--runtime", "aot", "--optimize", "speed", inputs=inputs, board=board)
    small = _bench(reference, "--runtime", "aot", "--optimize", "ram", inputs=inputs, board=board)
    if has_tree():
        vendor = _bench(reference, "--runtime", "aot", "--kernels", "vendor", inputs=inputs, board=board)
        return Figures(reference=reference, facts=facts["aot"], fast=fast, small=small, tflm=facts, vendor=vendor)
    return Figures(reference=reference, facts=facts, fast=fast, small=small)


def _bench(reference: Reference, *options: str, inputs: int, board: str) -> dict[str, Any]:
    """Run `tinyaudio model bench` on one model and return what it says."""
    folder = data_folder()
    command: list[str | Path] = [sys.executable, "-m", "tinyaudio", "model", "bench", folder / "models" / reference.path, "--board", board]
    command += ["--inputs", str(inputs), "--preset", reference.preset, "--audio", folder / reference.audio, "--offline", "--json", "--quiet"]
    command += options
    done = run_tool(command, cwd=ROOT, timeout_seconds=3_600, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(f"{reference.path}: {done.stderr.strip()}")
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def has_tree() -> bool:
    """Whether there is a tree of TFLite Micro to build from."""
    return bool(os.environ.get(ROOT_VARIABLE))


def section(figures: Sequence[Figures]) -> str:
    """Return the section of docs/performance.md."""
    rows = []
    for item in figures:
        facts, reference = item.facts, item.reference
        rows.append(
            f"| {facts['model']} | {facts['inputs']} | {facts['mismatches']} | {facts['macs']:,} | **{facts['instructions_per_inference']:,}** "
            f"| {facts['instructions_per_mac']:.2f} | {reference.instructions:,} | {facts['arena_bytes']:,} | {reference.arena_bytes:,} "
            f"| {facts['code_bytes']:,} | {reference.code_bytes:,} | {facts['weights_bytes']:,} | {'; '.join(item.broken)} |"
        )
    return "\n".join(
        (
            TITLE,
            "",
            "Written by `./scripts/bench models`; not by hand. Each model is alone in an image (`tinyaudio model bench`). Inputs: saturating",
            "patterns, features of recordings, random values. Mismatches are elements of the output, and of the tensor in front of a final softmax,",
            "that differ from TFLite Micro's reference kernels. Instructions are QEMU's, medians; they are not cycles. Code is all of the image but",
            "weights: kernels, generated code, C library, the link to the host and the drivers. TFLM stands for TFLite Micro with CMSIS-NN, gcc 12.2",
            "-O2; its code is all of an image but weights, too.",
            "",
            "| model | inputs | mismatches | MACs | instructions | a MAC | of TFLM | arena | of TFLM | code | of TFLM | weights | broken |",
            "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
            *rows,
            "",
        )
    )


def speed_section(figures: Sequence[Figures]) -> str:
    """Return the section of docs/performance.md about the models that are to be quick at the price of flash."""
    told = "`speed`: weights in words that the kernels\nmultiply without unpacking them. Inputs, board and what is compared as above."
    names = ("instructions_per_inference", "weights_bytes", "code_bytes", "arena_bytes")
    return _beside_size(SPEED_TITLE, told, names, [(item.facts, item.fast) for item in figures])


def ram_section(figures: Sequence[Figures]) -> str:
    """Return the section of docs/performance.md about the models that are to need little RAM at the price of some speed."""
    told = (
        "`ram`: convolutions pass\nrows on to one another where that makes the arena smaller, and depthwise ones make no more rows at a time "
        "than the smallest arena\nholds. Inputs, board and what is compared as above."
    )
    names = ("arena_bytes", "instructions_per_inference", "code_bytes")
    return _beside_size(RAM_TITLE, told, names, [(item.facts, item.small) for item in figures])


def _beside_size(title: str, told: str, names: Sequence[str], figures: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> str:
    """Return a section with the figures `names` of each model, for size and for something else; `told` says for what."""
    rows = []
    for facts, other in figures:
        pairs = " | ".join(f"{facts[name]:,} | **{other[name]:,}**" for name in names)
        rows.append(f"| {other['model']} | {other['inputs']} | {other['mismatches']} | {pairs} |")
    heads = " | | ".join(name.partition("_")[0] for name in names)
    return "\n".join(
        (
            title,
            "",
            f"Written by `./scripts/bench models`; not by hand. Left `size`, the default, right in bold {told}",
            "",
            f"| model | inputs | mismatches | {heads} | |",
            "|---" * (3 + 2 * len(names)) + "|",
            *rows,
            "",
        )
    )


def tflm_section(figures: Sequence[Figures]) -> str:
    """Return the section of docs/performance.md about the models on TFLite Micro."""
    rows = []
    kernels = sorted({item.tflm["model_kernels"] for item in figures if item.tflm is not None})
    toolchains = sorted({item.tflm["toolchain"] for item in figures if item.tflm is not None})
    for item in figures:
        assert item.tflm is not None
        facts, compiled, reference = item.tflm, item.facts, item.reference
        ratio = facts["instructions_per_inference"] / compiled["instructions_per_inference"]
        rows.append(
            f"| {facts['model']} | {facts['inputs']} | {facts['mismatches']} "
            f"| **{facts['instructions_per_inference']:,}** | {reference.instructions:,} "
            f"| {compiled['instructions_per_inference']:,} | {ratio:.2f} | {facts['arena_bytes']:,} | {reference.arena_bytes:,} "
            f"| {compiled['arena_bytes']:,} | {facts['code_bytes']:,} | {compiled['code_bytes']:,} |"
        )
    notes = sorted({note for item in figures if item.tflm is not None for note in item.tflm["known_differences"]})
    return "\n".join(
        (
            TFLM_TITLE,
            "",
            f"Written by `./scripts/bench models` with `{ROOT_VARIABLE}`; not by hand. Measured with {', '.join(kernels)},",
            f"{', '.join(toolchains)}, on `{BOARD}`, beside what the compiler made in the same run and the reference figures. Inputs and what is",
            "compared as above: mismatches are against the PyPI interpreter. The arena is what the interpreter says it uses.",
            "",
            "| model | inputs | mismatches | instructions | reference | compiled | ratio | arena | reference | compiled | code | compiled |",
            "|---|---|---|---|---|---|---|---|---|---|---|---|",
            *rows,
            "",
            *(line for note in notes for line in (f"* {note}",)),
            *([""] if notes else []),
        )
    )


def with_section(page: str, text: str) -> str:
    """Return `page` with the section that `text` is replaced, or added at its end."""
    title = text.partition("\n")[0]
    before, found, after = page.partition(title + "\n")
    following = after.find("\n## ") if found else -1
    rest = after[following + 1 :] if following >= 0 else ""
    return before.rstrip("\n") + "\n\n" + text + (f"\n{rest}" if rest else "")


def main() -> int:
    """Run the measurements that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=200, help="inputs of each model (default: %(default)s)")
    parser.add_argument("--board", default=BOARD, help="board that counts instructions (default: %(default)s)")
    parser.add_argument("--model", action="append", help="only models whose path contains this")
    parser.add_argument("--fit", action="store_true", help="write what the operators cost into model_costs.toml, for predictions")
    parser.add_argument("--json", action="store_true", help="print one JSON object and write no page")
    arguments = parser.parse_args()
    chosen = [item for item in MODELS if not arguments.model or any(part in item.path for part in arguments.model)]
    missing = [item.path for item in chosen if not (data_folder() / "models" / item.path).is_file()]
    if missing or not chosen:
        print(f"error: not in TINYAUDIO_DATA: {', '.join(missing) or arguments.model}", file=sys.stderr)
        return 1
    figures = []
    for reference in chosen:
        item = measure(reference, inputs=arguments.inputs, board=arguments.board)
        figures.append(item)
        facts = item.facts
        print(
            f"{facts['model']:24} {facts['mismatches']:3} mismatches {facts['instructions_per_inference']:>12,} instructions "
            f"arena {facts['arena_bytes']:>8,} code {facts['code_bytes']:>7,} "
            f"for speed {item.fast['instructions_per_inference']:>12,} for ram {item.small['arena_bytes']:>8,} "
            f"{'BROKEN: ' if item.broken else ''}{'; '.join(item.broken)}",
            file=sys.stderr,
            flush=True,
        )
        if item.tflm is not None:
            print(
                f"  {item.tflm['model_kernels']}: {item.tflm['mismatches']} mismatches, {item.tflm['instructions_per_inference']:,} instructions",
                file=sys.stderr,
                flush=True,
            )
    if arguments.fit:
        write_text_atomically(COSTS, fitted_costs([facts for item in figures for facts in (item.facts, item.fast)]))
    if arguments.json:
        more = [{"broken": item.broken, "speed": item.fast, "ram": item.small, "tflm": item.tflm, "vendor": item.vendor} for item in figures]
        print(json.dumps({"models": [{**item.facts, **other} for item, other in zip(figures, more, strict=True)]}))
    elif not arguments.model:
        page = PAGE.read_text(encoding="utf-8")
        for text in (section(figures), speed_section(figures), ram_section(figures)):
            page = with_section(page, text)
        if has_tree():
            measured = [item.vendor for item in figures if item.vendor is not None]
            page = with_section(with_section(page, tflm_section(figures)), vendor_section(measured))
        write_text_atomically(PAGE, page)
    return 3 if any(item.broken for item in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
