"""The worst-case stack: call graphs as GCC writes them, and what is said of what they do not tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tinyaudio.core.errors import BuildError
from tinyaudio.core.tools import find_tool, run_tool
from tinyaudio.deploy.build.call_graph import INDIRECT, cycles, read_call_graph
from tinyaudio.deploy.build.stack import measure_stack

FLAGS = ("-mcpu=cortex-m7", "-mthumb", "-O1", "-std=gnu++17", "-fno-exceptions", "-ffunction-sections", "-fcallgraph-info=su", "-fno-inline")
FRAME = 4 * 26 + 4

START = """
int main();
extern "C" {
void start() { main(); for (;;) {} }
void fault() { for (;;) {} }
}
"""
VECTORS = """
extern "C" void handler();
extern "C" void other();
__attribute__((section(".vectors"), used)) void (*const vectors[20])() = {
    nullptr, start, fault, fault, fault, fault, fault, nullptr, nullptr, nullptr,
    nullptr, fault, nullptr, nullptr, fault, fault, handler, handler, other, fault};
"""
BURN = """
// Uses `kBytes` of stack, and a little for itself.
template <int kBytes> __attribute__((noinline)) int burn(int value) {
    volatile char block[kBytes];
    block[value & 7] = 1;
    return block[0];
}
"""


def measured(folder: Path, source: str, *, reserved_bytes: int = 4_096) -> dict[str, Any]:
    """Compile and link `source`; return the fields of its stack."""
    compiler = find_tool("arm-none-eabi-gcc").path
    (folder / "case.cc").write_text(source)
    (folder / "case.ld").write_text(
        "SECTIONS { .vectors : { KEEP(*(.vectors)) } .text : { *(.text*) *(.rodata*) } .bss : { *(.bss* .data*) } }\nENTRY(start)\n"
    )
    run_tool([compiler, *FLAGS, "-c", "case.cc", "-o", "case.o"], cwd=folder, timeout_seconds=300)
    link = ["-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", "-Wl,--gc-sections", "-T", "case.ld"]
    run_tool([compiler, *FLAGS, "case.o", *link, "-o", "case.elf"], cwd=folder, timeout_seconds=300)
    use = measure_stack(folder, folder / "case.elf", reserved_bytes=reserved_bytes)
    return {name: getattr(use, name) for name in use.__slots__}


def test_the_deepest_chain_counts_not_the_longest(tmp_path: Path) -> None:
    source = START + BURN + "int shallow(int v) { return burn<8>(v) + 1; }\nint main() { return burn<600>(1) + shallow(2); }\n"
    use = measured(tmp_path, source)
    assert 600 < use["program_bytes"] < 680
    assert use["worst_case_bytes"] == use["program_bytes"]
    assert use["interrupt_bytes"] == 0
    assert use["deepest"] == ("start", "main", "burn")
    assert use["assumptions"] == ()
    assert use["reserved_bytes"] == 4_096


def test_interrupts_come_on_top_each_handler_once_faults_not(tmp_path: Path) -> None:
    handlers = 'extern "C" { void handler() { burn<200>(1); } void other() { burn<100>(1); } }\nint main() { return burn<40>(1); }\n'
    use = measured(tmp_path, START + BURN + VECTORS + handlers)
    assert 300 + 2 * FRAME < use["interrupt_bytes"] < 400 + 2 * FRAME
    assert use["worst_case_bytes"] == use["program_bytes"] + use["interrupt_bytes"]
    assert "all 2 interrupt handlers nested at once" in use["assumptions"][-1]


def test_a_call_through_a_pointer_may_reach_whatever_has_its_address_taken(tmp_path: Path) -> None:
    functions = "int small(int v) { return burn<16>(v); }\nint large(int v) { return burn<900>(v); }\nint unused(int v) { return burn<2000>(v); }\n"
    call = "int (*volatile pointer)(int) = small;\nint main() { pointer = large; unused(1); return 0; }\n"
    source = START + BURN + functions + call.replace("unused(1); return 0;", "return pointer(1);")
    use = measured(tmp_path, source)
    assert 900 < use["program_bytes"] < 1_000
    assert use["assumptions"] == ("calls through pointers in main: each may reach any of the 2 functions whose address is taken",)
    assert "(through a pointer)" in use["deepest"]


def test_recursion_and_library_functions_are_told(tmp_path: Path) -> None:
    source = (
        START
        + "#include <string.h>\nchar text[9];\n"
        + "int down(int v) { volatile char block[64]; block[0] = 1; return v > 0 ? down(v - 1) + block[0] : 0; }\n"
        + "int main() { return down(text[0]) + static_cast<int>(strlen(text)); }\n"
    )
    use = measured(tmp_path, source)
    assert use["assumptions"] == (
        "no stack figures of the library functions strlen: each counts 64 bytes",
        "recursion through down: each counts once",
    )


def test_stack_that_depends_on_arguments_is_told(tmp_path: Path) -> None:
    source = START + "int main() { volatile int count = 9; volatile char* block = static_cast<char*>(__builtin_alloca(count)); return block[0]; }\n"
    assert measured(tmp_path, source)["assumptions"] == ("stack that depends on arguments in main: it does not count",)


def test_without_call_graphs_there_is_no_figure(tmp_path: Path) -> None:
    measured(tmp_path, START + "int main() { return 0; }\n")
    (tmp_path / "case.ci").unlink()
    with pytest.raises(BuildError, match="there is no call graph") as caught:
        measure_stack(tmp_path, tmp_path / "case.elf", reserved_bytes=1)
    assert "remove .pio" in caught.value.hint


def test_an_image_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "case.elf").write_bytes(b"no image")
    with pytest.raises(BuildError, match="the image cannot be read"):
        measure_stack(tmp_path, tmp_path / "case.elf", reserved_bytes=1)


def test_a_function_of_several_files_has_the_larger_frame_and_all_callees(tmp_path: Path) -> None:
    node = r'node: {{ title: "shared" label: "int ns::shared<3>(int)\na.h:1:1\n{0} bytes ({1})" }}'
    edge = 'edge: {{ sourcename: "shared" targetname: "{2}" label: "a.h:2:1" }}'
    for name, values in (("a", (16, "static", "first")), ("b", (48, "dynamic,bounded", INDIRECT))):
        (tmp_path / f"{name}.ci").write_text(f"{node}\n{edge}\n".format(*values))
    graph = read_call_graph(sorted(tmp_path.glob("*.ci")))
    assert list(graph) == ["shared"]
    shared = graph["shared"]
    assert (shared.frame_bytes, shared.is_bounded, shared.name) == (48, True, "ns::shared")
    assert shared.callees == {"first", INDIRECT}


def test_components_come_callees_first() -> None:
    graph = {"a": frozenset({"b"}), "b": frozenset({"c"}), "c": frozenset({"b", "d"}), "e": frozenset({"e"})}
    found = cycles(graph)
    assert set(found) == {frozenset("a"), frozenset("bc"), frozenset("d"), frozenset("e")}
    assert found.index(frozenset("d")) < found.index(frozenset("bc")) < found.index(frozenset("a"))
