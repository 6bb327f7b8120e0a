"""Who calls whom and the stack of each function, as GCC tells with ``-fcallgraph-info=su``: a ``.ci`` file beside each object."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INDIRECT = "__indirect_call"  # GCC's name for what a call through a pointer reaches

_NODE = re.compile(r'^node: \{ title: "(?P<title>[^"]+)" label: "(?P<label>[^"]*)"', re.MULTILINE)
_EDGE = re.compile(r'^edge: \{ sourcename: "(?P<caller>[^"]+)" targetname: "(?P<callee>[^"]+)"', re.MULTILINE)
_STACK = re.compile(r"\\n(?P<bytes>\d+) bytes \((?P<kind>[^)]+)\)")

# Relocations that take a function's address (ELF for the Arm Architecture, IHI 0044, table 4-8 and following).
_TAKES_ADDRESS = frozenset({2, 38, 47})  # R_ARM_ABS32, R_ARM_TARGET1, R_ARM_THM_MOVW_ABS_NC
_TEXT_PREFIX = re.compile(r"^\.text\.(unlikely\.|startup\.|exit\.|hot\.)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function that was compiled."""

    title: str  # GCC's: the symbol; of a static function behind its file: "src/a.cc:_ZL1f"
    name: str  # as a person writes it, without arguments
    frame_bytes: int
    is_bounded: bool  # whether frame_bytes is all that it ever uses by itself
    callees: frozenset[str]  # titles, or `INDIRECT`

    @property
    def symbol(self) -> str:
        """The name in the image's symbol table."""
        return self.title.rpartition(":")[2]


def read_call_graph(files: Iterable[Path]) -> dict[str, Function]:
    """Return {title: function} of the ``.ci`` files `files`.

    A function that several files hold (a template) is there once, with the largest of its frames.
    """
    functions: dict[str, Function] = {}
    for path in files:
        text = path.read_text(encoding="utf-8", errors="replace")
        callees: dict[str, set[str]] = {}
        for edge in _EDGE.finditer(text):
            callees.setdefault(edge["caller"], set()).add(edge["callee"])
        for node in _NODE.finditer(text):
            stack = _STACK.search(node["label"])
            if stack is None:
                continue  # declared here, compiled elsewhere
            title, known = node["title"], functions.get(node["title"])
            functions[title] = Function(
                title=title,
                name=_readable(node["label"].partition("\\n")[0]),
                frame_bytes=max(int(stack["bytes"]), known.frame_bytes if known else 0),
                is_bounded=stack["kind"] != "dynamic" and (known is None or known.is_bounded),
                callees=frozenset(callees.get(title, ())) | (known.callees if known else frozenset()),
            )
    return functions


def address_taken_symbols(objects: Iterable[Path]) -> frozenset[str]:
    """Return the symbols of functions whose address some object file stores: what a call through a pointer may reach."""
    from elftools.elf.elffile import ELFFile

    symbols: set[str] = set()
    for path in objects:
        with path.open("rb") as stream:
            file = ELFFile(stream)
            table = file.get_section_by_name(".symtab")
            symbols.update(_function_symbol(table.get_symbol(relocation["r_info_sym"]), file) for relocation in _stored_addresses(file))
    return frozenset(symbols - {""})


def _stored_addresses(file: Any) -> Iterator[Any]:
    """Yield the relocations of an object file that store an address, but for those of debug information and of the vectors."""
    for section in file.iter_sections():
        if section["sh_type"] in ("SHT_REL", "SHT_RELA") and not section.name.startswith((".rel.debug", ".rel.ARM", ".rel.vectors")):
            yield from (relocation for relocation in section.iter_relocations() if relocation["r_info_type"] in _TAKES_ADDRESS)


def cycles(graph: Mapping[str, frozenset[str]]) -> tuple[frozenset[str], ...]:
    """Return the strongly connected components of `graph`, callees before callers (Tarjan 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[frozenset[str]] = []
    done: set[str] = set()

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for callee in sorted(graph.get(node, ())):
            if callee not in order:
                visit(callee)
            if callee not in done:
                low[node] = min(low[node], low[callee])
        if low[node] == order[node]:
            first = stack.index(node)
            found.append(frozenset(stack[first:]))
            done.update(stack[first:])
            del stack[first:]

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return tuple(found)


def _function_symbol(symbol: object, file: object) -> str:
    kind = symbol["st_info"]["type"]  # type: ignore[index]
    if kind == "STT_FUNC":
        return str(symbol.name)  # type: ignore[attr-defined]
    if kind == "STT_SECTION":  # a static function, by the section that it has to itself
        name = file.get_section(symbol["st_shndx"]).name  # type: ignore[index, attr-defined]
        return _TEXT_PREFIX.sub("", name) if name.startswith(".text.") else ""
    if kind == "STT_NOTYPE" and symbol["st_shndx"] == "SHN_UNDEF":  # type: ignore[index]
        return str(symbol.name)  # type: ignore[attr-defined]
    return ""


def _readable(signature: str) -> str:
    """Return "ns::name" of "int ns::name(const T&, int)"."""
    head = signature.replace("{anonymous}::", "").partition("(")[0]
    return re.sub(r"<.*", "", head).split(" ")[-1]
