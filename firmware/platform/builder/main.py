"""SCons build of one firmware image: flags, linker script and map file. PlatformIO runs this file."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from SCons.Script import Default, DefaultEnvironment

env = DefaultEnvironment()
platform = env.PioPlatform()
board = env.BoardConfig()

on_host = board.get("build.core") == "host"
on_macos_host = on_host and sys.platform == "darwin"
machine_flags = board.get("build.machine_flags")
# With them the linker goes on elsewhere where a memory is full. It cannot say then what does not fit at all; the variable asks for that.
spill_flags = [] if os.environ.get("TINYAUDIO_STRICT_REGIONS") else board.get("build.spill_flags", [])


def tool(name: str) -> str:
    """Return the program `name` of the toolchain: on PATH, or in PlatformIO's package if that is there."""
    if on_host:
        return name
    package = platform.get_package_dir("toolchain-gccarmnoneeabi")
    program = f"arm-none-eabi-{name}"
    return str(Path(package) / "bin" / program) if package else program


# The same text must give the same image wherever the project lies: no absolute paths in strings or debug information, no build id.
env.Replace(
    AR=tool("ar"),
    AS=tool("gcc"),
    CC=tool("gcc"),
    CXX=tool("g++"),
    LINK=tool("g++" if on_host else "gcc"),  # the C driver: firmware uses nothing of the C++ library
    RANLIB=tool("ranlib"),
    PROGNAME="firmware",
    PROGSUFFIX=".elf",
)
env.Append(
    ASFLAGS=machine_flags,
    ASPPFLAGS=["-x", "assembler-with-cpp"],
    CFLAGS=["-std=gnu11"],
    CCFLAGS=[
        *machine_flags,
        "-O2",
        "-Wall",
        "-Wextra",
        "-ffunction-sections",
        "-fdata-sections",
        f"-ffile-prefix-map={env.subst('$PROJECT_DIR')}=.",
    ],
    CXXFLAGS=["-std=gnu++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-fno-use-cxa-atexit"],
    LINKFLAGS=[*machine_flags],
    LIBS=["m"],  # for the stand-in of ESP-DSP, whose tables come from cosf; the C driver does not bring it
)
if on_macos_host:
    env.Append(LINKFLAGS=["-Wl,-dead_strip"])
else:
    env.Append(LINKFLAGS=["-Wl,--gc-sections", "-Wl,--build-id=none", f"-Wl,-Map,{env.subst('$BUILD_DIR')}/firmware.map"])
if not on_host:
    # newlib-nano; the port brings vectors, reset handler and system calls of its own.
    env.Append(
        CCFLAGS=["-fcallgraph-info=su"],  # beside each object: who calls whom, and the stack of each function
        LINKFLAGS=["-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", *spill_flags],
    )
    env.Replace(LDSCRIPT_PATH=str(Path(env.subst("$PROJECT_DIR")) / "linker.ld"))

image = env.BuildProgram()
outputs = [image]
if not on_host:
    env.Depends(image, "$LDSCRIPT_PATH")
    for suffix, form in (("bin", "binary"), ("hex", "ihex")):
        action = f"{tool('objcopy')} -O {form} $SOURCE $TARGET"
        outputs.append(env.Command(f"$BUILD_DIR/firmware.{suffix}", image, env.VerboseAction(action, "Writing $TARGET")))
Default(outputs)

# What the C++ was compiled with, for build.json; without the one flag that names this folder.
flags = [str(flag) for flag in [*env["CXXFLAGS"], *env["CCFLAGS"]] if not str(flag).startswith("-ffile-prefix-map")]
flags_file = Path(env.subst("$BUILD_DIR")) / "flags.json"
flags_file.parent.mkdir(parents=True, exist_ok=True)
flags_file.write_text(json.dumps(flags) + "\n", encoding="utf-8")
