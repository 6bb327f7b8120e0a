"""A model on TFLite Micro as a program for QEMU's Cortex-M7: the glue and the tree, without PlatformIO and the application."""

from __future__ import annotations

import concurrent.futures
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.host_cpp.toolchain import FIRMWARE_LIB
from tinyaudio.core.canonical import fingerprint
from tinyaudio.core.errors import ToolError
from tinyaudio.core.tools import cache_dir
from tinyaudio.deploy.tflm import TflmModel, find_tree

GLUE = FIRMWARE_LIB / "tinyaudio_tflm"
TARGET = Path(__file__).parent / "compiler" / "target"
MACHINE = ("-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard")
FLAGS = ("-O2", "-ffunction-sections", "-fdata-sections", "-DTF_LITE_STATIC_MEMORY", "-DNDEBUG")
CXX_FLAGS = ("-std=c++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-fno-use-cxa-atexit")
RUNNER = """
#include <stdint.h>
#include "generated/model.h"
void print(const char* text);
extern "C" void (*__init_array_start[])();
extern "C" void (*__init_array_end[])();
static volatile uint32_t* const kTimer = reinterpret_cast<volatile uint32_t*>(0x40000000);
static void print_number(uint32_t value) {{
    char text[12];
    char* end = text + sizeof(text) - 1;
    *end = 0;
    do {{ *--end = static_cast<char>('0' + value % 10); value /= 10; }} while (value != 0);
    print(end); print(" ");
}}
static void print_bytes(const int8_t* values, uint32_t count) {{
    for (uint32_t index = 0; index < count; ++index) {{
        const uint8_t value = static_cast<uint8_t>(values[index]);
        const char text[3] = {{"0123456789abcdef"[value >> 4], "0123456789abcdef"[value & 15], 0}};
        print(text);
    }}
    print(" ");
}}
void run_cases() {{
    using namespace tinyaudio_model;
    for (auto constructor = __init_array_start; constructor != __init_array_end; ++constructor) (*constructor)();
    const char* const fault = start();
    if (fault != nullptr) {{ print("fault: "); print(fault); print("\\n"); return; }}
    const void* const ends[] = {{input(), output(), logits()}};
    for (const void* end : ends) {{
        if (reinterpret_cast<uintptr_t>(end) % 16 != 0) {{ print("fault: an end of the model is not 16-byte aligned\\n"); return; }}
    }}
    print_number(arena_used_bytes());
    print(kernels());
    print("\\n");
    kTimer[2] = 0xffffffffu;
    kTimer[1] = 0xffffffffu;
    kTimer[0] = 1;
    uint32_t state = {seed}u;
    for (int count = 0; count < {inputs}; ++count) {{
        for (uint32_t index = 0; index < kInputElements; ++index) {{
            state = state * 1664525u + 1013904223u;
            input()[index] = static_cast<int8_t>(state >> 24);
        }}
        const uint32_t begin = kTimer[1];
        invoke();
        print_number((begin - kTimer[1]) * 40);
        print_bytes(output(), kOutputElements);
        print_bytes(logits(), kLogitsElements);
        print(fault == nullptr && tinyaudio_model::fault() == nullptr ? "ok\\n" : "fault\\n");
    }}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the program printed."""

    fault: str  # empty: it ran
    arena_used_bytes: int
    kernels: str
    instructions: tuple[int, ...]  # an inference each
    outputs: np.ndarray
    logits: np.ndarray
    text_bytes: int


def tree(kernel_library: str) -> Path:
    """Return the tree for `kernel_library`; skip the test if there is none."""
    root = os.environ.get("TINYAUDIO_TFLM_ROOT")
    if not root:
        pytest.skip("TINYAUDIO_TFLM_ROOT names no tree of TFLite Micro (made by its create_tflm_tree.py)")
    try:
        return find_tree(Path(root), kernel_library).root
    except ToolError as error:
        pytest.skip(f"no tree for {kernel_library or 'reference kernels'}: {error}")


def generated_inputs(elements: int, count: int, *, seed: int = 1) -> np.ndarray:
    """Return the inputs that the program makes for itself."""
    state, values = seed, []
    for _ in range(count * elements):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values.append(state >> 24)
    return np.array(values, np.uint8).view(np.int8).reshape(count, elements)


def kept_objects(root: Path, kernel_library: str) -> Path:
    """Return the folder of the tree's objects in the cache: compiled once, for a minute or two, and found again by whoever tests next."""
    compiler = _run([_tool("arm-none-eabi-gcc"), "--version"]).splitlines()[0]
    key = fingerprint((str(root), find_tree(root, kernel_library).fingerprint, compiler, *MACHINE, *FLAGS, *CXX_FLAGS))
    return cache_dir() / "tflm_objects" / f"tests-{key[:16]}"


def build_and_run(model: TflmModel, *, root: Path, kernel_library: str, directory: Path, objects: Path, inputs: int, seed: int = 1) -> Outcome:
    """Build the program in `directory`, keep the tree's objects in `objects`, run it."""
    for path, text in {**model.files, "runner.cc": RUNNER.format(inputs=inputs, seed=seed)}.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text, encoding="utf-8")
    sources = choose_sources().choose_sources(root, operators=list(model.kinds), kernel_library=kernel_library)
    includes = [f"-I{path}" for path in (*sources.include_dirs, GLUE / "include", FIRMWARE_LIB / "tinyaudio_placement" / "include", directory)]
    theirs = [root / name for name in sources.runtime] + list(sources.kernel_library)
    ours = [
        *(directory / name for name in ("generated/model.cc", "generated/model_weights.cc", "runner.cc")),
        GLUE / "src" / "runtime.cc",
        GLUE / "src" / "log.cc",
        TARGET / "startup.cc",
    ]
    jobs = [
        (path, objects / (path.relative_to(root).as_posix().replace("/", "_") + ".o"), ["-w", *(f"-D{name}" for name in sources.defines)])
        for path in theirs
    ]
    strict = ["-Wall", "-Wextra", "-Wno-unused-parameter", '-DTINYAUDIO_TFLM_VERSION="test-tree"']
    own_jobs = [(path, directory / f"{path.name}.o", strict) for path in ours]
    for _, target, _ in own_jobs:
        target.unlink(missing_ok=True)
    objects.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda job: _compile(*job, includes=includes), [*jobs, *own_jobs]))
    image = directory / "image.elf"
    link = [_tool("arm-none-eabi-g++"), *MACHINE, "-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", "-Wl,--gc-sections"]
    _run(
        [*link, f"-Wl,-T,{Path(__file__).parent / 'tflm_target.ld'}", *(str(target) for _, target, _ in [*own_jobs, *jobs]), "-lm", "-o", str(image)]
    )
    return _parse(_emulate(image), text_bytes=int(_run([_tool("arm-none-eabi-size"), str(image)]).splitlines()[1].split()[0]))


def choose_sources() -> ModuleType:
    """Return the module that PlatformIO's script uses."""
    spec = spec_from_file_location("choose_sources", GLUE / "choose_sources.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _compile(source: Path, target: Path, flags: list[str], *, includes: list[str]) -> None:
    if not target.is_file():
        compiler = [_tool("arm-none-eabi-gcc"), "-std=gnu11"] if source.suffix == ".c" else [_tool("arm-none-eabi-g++"), *CXX_FLAGS]
        new = target.with_name(f"{target.name}.{os.getpid()}")  # others may compile the same
        _run([*compiler, *MACHINE, *FLAGS, *flags, *includes, "-c", str(source), "-o", str(new)])
        new.replace(target)


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _run(command: list[str]) -> str:
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr[-3000:]
    return completed.stdout


def _emulate(image: Path) -> list[str]:
    machine = ["-M", "mps2-an500", "-display", "none", "-monitor", "none", "-serial", "null", "-icount", "shift=0,sleep=off", "-kernel", str(image)]
    semihosting = ["-semihosting", "-semihosting-config", "enable=on,target=native"]
    ran = subprocess.run([_tool("qemu-system-arm"), *machine, *semihosting], capture_output=True, text=True, timeout=600, check=False)
    return (ran.stdout + ran.stderr).splitlines()


def _parse(lines: list[str], *, text_bytes: int) -> Outcome:
    empty = np.zeros(0, np.int8)
    if lines[0].startswith("fault: "):
        fault = lines[0].removeprefix("fault: ")
        return Outcome(fault=fault, arena_used_bytes=0, kernels="", instructions=(), outputs=empty, logits=empty, text_bytes=text_bytes)
    used, _, kernels = lines[0].partition(" ")
    rows = [line.split() for line in lines[1:]]
    assert all(row[3] == "ok" for row in rows), lines
    return Outcome(
        fault="",
        arena_used_bytes=int(used),
        kernels=kernels,
        instructions=tuple(int(row[0]) for row in rows),
        outputs=np.array([np.frombuffer(bytes.fromhex(row[1]), np.int8) for row in rows]),
        logits=np.array([np.frombuffer(bytes.fromhex(row[2]), np.int8) for row in rows]),
        text_bytes=text_bytes,
    )
