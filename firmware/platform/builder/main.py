"""SCons build of one firmware image: flags, linker script and map file. PlatformIO runs this file."""

from __future__ import annotations

import sys
from pathlib import Path

from SCons.Script import Default, DefaultEnvironment

env = DefaultEnvironment()
platform = env.PioPlatform()
board = env.BoardConfig()

on_host = board.get("build.core") == "host"
on_macos_host = on_host and sys.platform == "darwin"
machine_flags = board.get("build.machine_flags")


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
    env.Append(LINKFLAGS=["-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs"])
    env.Replace(LDSCRIPT_PATH=str(Path(env.subst("$PROJECT_DIR")) / "linker.ld"))

image = env.BuildProgram()
if not on_host:
    env.Depends(image, "$LDSCRIPT_PATH")
Default(image)
