"""The worst-case stack of an image: the deepest chain of calls of the program, and every interrupt on top of it.

Calls through pointers are bounded, not resolved: each may reach every function whose address is taken somewhere, and each
function of a cycle that closes this way counts once. So the result is an upper bound, as long as no function is on the
stack twice. What no ``.ci`` file tells (the C library) counts as an allowance, and the result says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tinyaudio.core.artifacts import StackUse
from tinyaudio.core.errors import BuildError
from tinyaudio.deploy.build.call_graph import INDIRECT, Function, address_taken_symbols, cycles, read_call_graph

_LIBRARY_FRAME_BYTES = 64  # memcpy, memset, strcmp and the like of newlib push 4 to 32 bytes and call nothing
# Armv7-M (DDI 0403), B1.5.6: r0 to r3, r12, lr, pc, xpsr, s0 to s15, FPSCR and a reserved word, and a word for alignment.
_EXCEPTION_FRAME_BYTES = 4 * 26 + 4
_FAULT_VECTORS = range(2, 7)  # NMI, hard fault, memory management, bus and usage fault: they end the run
_FIRST_INTERRUPT_VECTOR = 11  # SVCall, PendSV, SysTick, and from 16 on the chip's own

_NAMED = 8


def measure_stack(build_directory: Path, elf: Path, *, reserved_bytes: int) -> StackUse:
    """Return the worst-case stack of the image `elf`, whose objects and ``.ci`` files lie below `build_directory`.

    Raises
    ------
    BuildError
        If the image has no symbols, or there are no ``.ci`` files.
    """
    symbols, vectors = _read_image(elf)
    files = sorted(path for path in build_directory.rglob("*.ci") if path.with_suffix(".o").is_file())
    functions = {title: function for title, function in read_call_graph(files).items() if function.symbol in symbols}
    if not functions:
        raise BuildError("there is no call graph beside the objects", hint="remove .pio and build again", where=str(build_directory))
    handlers = frozenset(vectors[_FIRST_INTERRUPT_VECTOR:]) - {vectors[index] for index in _FAULT_VECTORS if index < len(vectors)} - {""}
    taken = address_taken_symbols(path.with_suffix(".o") for path in files) - handlers - {"main"}
    graph = _resolved(functions, symbols)
    graph[INDIRECT] = frozenset(title for title, function in functions.items() if function.symbol in taken)
    depths = _depths(graph, functions)
    starts = [title for title, function in functions.items() if "main" in function.callees] or ["main"]
    start = max(starts, key=lambda title: depths.get(title, 0))
    interrupts = sum(_EXCEPTION_FRAME_BYTES + _depth_of_symbol(handler, functions, depths) for handler in sorted(handlers))
    return StackUse(
        worst_case_bytes=depths.get(start, 0) + interrupts,
        program_bytes=depths.get(start, 0),
        interrupt_bytes=interrupts,
        reserved_bytes=reserved_bytes,
        deepest=_deepest(start, graph, functions, depths),
        assumptions=_assumptions(graph, functions, len(handlers)),
    )


def _resolved(functions: Mapping[str, Function], addresses: Mapping[str, int]) -> dict[str, frozenset[str]]:
    """Return {title: titles of callees}. GCC folds equal functions into one: a call of the other name goes to the same address."""
    title_at = {addresses[function.symbol]: title for title, function in functions.items()}

    def resolve(callee: str) -> str:
        symbol = callee.rpartition(":")[2]
        return callee if callee in functions else title_at.get(addresses.get(symbol, -1), callee)

    return {title: frozenset(resolve(callee) for callee in function.callees) for title, function in functions.items()}


def _depths(graph: Mapping[str, frozenset[str]], functions: Mapping[str, Function]) -> dict[str, int]:
    """Return {title: bytes from its own frame to the end of its deepest chain}."""
    depths: dict[str, int] = {}
    for component in cycles(graph):
        below = {callee for title in component for callee in graph.get(title, ())} - component
        own = sum(_frame(title, functions) for title in component)
        depth = own + max((depths[callee] for callee in below), default=0)
        depths |= dict.fromkeys(component, depth)
    return depths


def _frame(title: str, functions: Mapping[str, Function]) -> int:
    if title in functions:
        return functions[title].frame_bytes
    return 0 if title == INDIRECT else _LIBRARY_FRAME_BYTES


def _depth_of_symbol(symbol: str, functions: Mapping[str, Function], depths: Mapping[str, int]) -> int:
    return max((depths[title] for title, function in functions.items() if function.symbol == symbol), default=_LIBRARY_FRAME_BYTES)


def _deepest(start: str, graph: Mapping[str, frozenset[str]], functions: Mapping[str, Function], depths: Mapping[str, int]) -> tuple[str, ...]:
    """Return the names along the deepest chain. Within a cycle, whose members are equally deep, each is named once."""
    chain = [start]
    while callees := sorted(graph.get(chain[-1], frozenset()) - set(chain)):
        chain.append(max(callees, key=lambda title: depths[title]))
    return tuple("(through a pointer)" if title == INDIRECT else functions[title].name if title in functions else title for title in chain)


def _assumptions(graph: Mapping[str, frozenset[str]], functions: Mapping[str, Function], handlers: int) -> tuple[str, ...]:
    sentences = []
    callers = sorted(functions[title].name for title, callees in graph.items() if INDIRECT in callees)
    if callers:
        targets = len(graph[INDIRECT])
        sentences.append(f"calls through pointers in {_listed(callers)}: each may reach any of the {targets} functions whose address is taken")
    unknown = sorted({callee for callees in graph.values() for callee in callees} - set(functions) - {INDIRECT})
    if unknown:
        sentences.append(f"no stack figures of the library functions {_listed(unknown)}: each counts {_LIBRARY_FRAME_BYTES} bytes")
    direct = {title: callees - {INDIRECT} for title, callees in graph.items() if title != INDIRECT}
    recursive = sorted(
        functions[title].name for part in cycles(direct) for title in part if title in functions and (len(part) > 1 or title in direct[title])
    )
    if recursive:
        sentences.append(f"recursion through {_listed(recursive)}: each counts once")
    unbounded = sorted(function.name for function in functions.values() if not function.is_bounded)
    if unbounded:
        sentences.append(f"stack that depends on arguments in {_listed(unbounded)}: it does not count")
    if handlers:
        sentences.append(f"all {handlers} interrupt handlers nested at once, each with {_EXCEPTION_FRAME_BYTES} bytes that the processor pushes")
    return tuple(sentences)


def _listed(names: Iterable[str]) -> str:
    unique = list(dict.fromkeys(names))
    more = f" and {len(unique) - _NAMED} more" if len(unique) > _NAMED else ""
    return ", ".join(unique[:_NAMED]) + more


def _read_image(elf: Path) -> tuple[Mapping[str, int], tuple[str, ...]]:
    """Return {symbol: address} of all functions, and the symbol that each word of the vector table names ("" for none)."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with elf.open("rb") as stream:
            file = ELFFile(stream)
            table: Any = file.get_section_by_name(".symtab")
            functions = {symbol.name: symbol["st_value"] & ~1 for symbol in table.iter_symbols() if symbol["st_info"]["type"] == "STT_FUNC"}
            section = file.get_section_by_name(".vectors")
            data = section.data() if section is not None else b""
    except (OSError, ELFError, AttributeError) as error:
        raise BuildError(f"the image cannot be read: {error}", hint="build it again", where=str(elf)) from error
    by_address = {address: name for name, address in functions.items()}
    words = (int.from_bytes(data[start : start + 4], "little") for start in range(0, len(data), 4))
    return functions, tuple(by_address.get(word & ~1, "") for word in words)
