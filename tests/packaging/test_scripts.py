"""The scripts, against fake tools: what is missing is named, what is broken is repaired, what is done is not done again."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from tinyaudio.core.tools import Completed, run_tool

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ("scripts/setup", "scripts/demo", "scripts/test", "scripts/bench", "scripts/lock", ".ci/run")

PACKAGES = ("git", "g++", "gcc-arm-none-eabi", "libnewlib-arm-none-eabi", "libstdc++-arm-none-eabi-newlib", "qemu-system-arm")

# A Python whose "-m venv" makes an environment of the same kind, and whose "-m pip" only writes down what it was asked.
FAKE_PYTHON = """\
#!/bin/sh
case "$1 $2" in
    "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && echo "venv" >> "{log}" ;;
    "-m pip") shift 2; echo "pip $*" >> "{log}"; [ ! -e "{log}.refuse" ] ;;
    "-c "*) exec "{real}" "$@" ;;
    "- ") cat > /dev/null; echo "prepare" >> "{log}" ;;
esac
"""


class Checkout:
    """A folder that looks like a checkout to `scripts/setup`, and a PATH with nothing but what a test puts there."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "checkout"
        self.bin = directory / "bin"
        self.log = directory / "log"
        (self.root / "scripts").mkdir(parents=True)
        (self.root / "tinyaudio").mkdir()
        self.bin.mkdir()
        shutil.copy(ROOT / "scripts" / "setup", self.root / "scripts" / "setup")
        for name in ("requirements.lock", "pyproject.toml", "tinyaudio/__init__.py"):
            (self.root / name).write_text(f"{name}\n")
        for name in ("bash", "sh", "dirname", "tr", "cat", "mkdir", "rm", "cp", "grep", "true", "touch"):
            found = shutil.which(name)
            assert found
            (self.bin / name).symlink_to(found)
        self.program("id", "echo 1000")
        self.program("uname", "echo Linux")
        self.program("python3.11", FAKE_PYTHON.format(log=self.log, real=sys.executable).partition("\n")[2])

    def program(self, name: str, body: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def install_all_tools(self) -> None:
        for name in ("git", "g++", "qemu-system-arm", "arm-none-eabi-g++"):
            self.program(name, "exit 0")
        self.program("arm-none-eabi-gcc", "echo /usr/lib/libc_nano.a")

    def setup(self, *arguments: str, **extra: str) -> Completed:
        environment = {"PATH": str(self.bin), "HOME": str(self.root), **extra}
        return run_tool([self.root / "scripts" / "setup", *arguments], env=environment, check=False, timeout_seconds=300)

    def logged(self) -> list[str]:
        """What was done since the last call."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return [line for line in lines if line != "pip --version"]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_executable_strict_bash(name: str) -> None:
    path = ROOT / name
    lines = path.read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert path.stat().st_mode & stat.S_IXUSR
    run_tool(["bash", "-n", path])


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_scripts_pass_shellcheck() -> None:
    run_tool(["shellcheck", *(ROOT / name for name in SCRIPTS)])


def test_ci_runs_the_tests() -> None:
    assert "/scripts/test" in (ROOT / ".ci" / "run").read_text()


def test_demo_keeps_standard_output_for_the_command() -> None:
    assert '"$root/scripts/setup" >&2' in (ROOT / "scripts" / "demo").read_text()


def test_without_root_the_missing_debian_packages_are_named(checkout: Checkout) -> None:
    if not Path("/etc/os-release").exists() or "debian" not in Path("/etc/os-release").read_text():
        pytest.skip("not a Debian system")
    checkout.program("apt-get", "echo apt-get must not run >&2; exit 1")
    completed = checkout.setup()
    assert completed.returncode == 1
    assert f"error: missing Debian packages: {' '.join(PACKAGES)}" in completed.stderr
    assert f"hint: sudo apt-get install --no-install-recommends {' '.join(PACKAGES)}" in completed.stderr
    assert not (checkout.root / ".venv").exists()


def test_with_root_apt_installs_exactly_what_is_missing(checkout: Checkout, tmp_path: Path) -> None:
    if not Path("/etc/os-release").exists() or "debian" not in Path("/etc/os-release").read_text():
        pytest.skip("not a Debian system")
    checkout.install_all_tools()
    (checkout.bin / "qemu-system-arm").unlink()
    checkout.program("id", "echo 0")
    for name in ("chmod",):
        (checkout.bin / name).symlink_to(shutil.which(name) or "")
    asked = tmp_path / "asked"
    fake = checkout.bin / "qemu-system-arm"
    checkout.program("apt-get", f'echo "$*" >> {asked}; [ "$1" = update ] || {{ echo "#!/bin/sh" > {fake}; chmod +x {fake}; }}')
    completed = checkout.setup()
    assert completed.returncode == 0, completed.stderr
    assert asked.read_text().splitlines() == ["update --quiet", "install --quiet --yes --no-install-recommends qemu-system-arm"]
    assert "prepare" in checkout.logged()


def test_what_only_tests_use_is_fetched_for_tests_only(checkout: Checkout, tmp_path: Path) -> None:
    if not Path("/etc/os-release").exists() or "debian" not in Path("/etc/os-release").read_text():
        pytest.skip("not a Debian system")
    checkout.install_all_tools()
    checkout.program("id", "echo 0")
    (checkout.bin / "chmod").symlink_to(shutil.which("chmod") or "")
    asked = tmp_path / "asked"
    fakes = " ".join(str(checkout.bin / name) for name in ("chromium", "openocd", "xtensa-lx106-elf-g++", "qemu-system-xtensa"))
    install = f'for fake in {fakes}; do echo "#!/bin/sh" > $fake; chmod +x $fake; done'
    checkout.program("apt-get", f'echo "$*" >> {asked}; [ "$1" = update ] || {{ {install}; }}')
    assert checkout.setup().returncode == 0
    assert not asked.exists()
    assert checkout.setup("--for-tests").returncode == 0
    assert asked.read_text().splitlines()[-1] == "install --quiet --yes --no-install-recommends chromium openocd gcc-xtensa-lx106 qemu-system-misc"


def test_another_linux_is_told_what_to_install(checkout: Checkout) -> None:
    completed = checkout.setup()  # there is no apt-get on this PATH
    assert completed.returncode == 1
    assert "hint: install the packages of your distribution" in completed.stderr


def test_macos_is_told_what_to_install(checkout: Checkout) -> None:
    checkout.program("uname", "echo Darwin")
    completed = checkout.setup()
    assert completed.returncode == 1
    assert "brew install --cask gcc-arm-embedded" in completed.stderr


def test_no_fitting_python_is_said(checkout: Checkout) -> None:
    checkout.install_all_tools()
    checkout.program("python3.11", "exit 1")
    completed = checkout.setup()
    assert completed.returncode == 1
    assert "python3 python3-venv" in completed.stderr


def test_a_wrong_python_that_the_user_names_is_refused(checkout: Checkout) -> None:
    checkout.install_all_tools()
    checkout.program("old-python", "exit 1")
    completed = checkout.setup(PYTHON=str(checkout.bin / "old-python"))
    assert completed.returncode == 1
    assert "is not Python 3.11, 3.12 or 3.13" in completed.stderr


def test_the_first_run_installs_by_hash_and_the_second_does_nothing(checkout: Checkout) -> None:
    checkout.install_all_tools()
    assert checkout.setup().returncode == 0
    first = checkout.logged()
    assert first[0] == "venv"
    assert "--require-hashes --requirement requirements.lock" in first[1]
    assert "--no-deps --no-build-isolation --editable ." in first[2]
    assert first[3:] == ["prepare"]
    prepared(checkout)
    assert checkout.setup().returncode == 0
    assert checkout.logged() == []


def test_a_changed_lock_installs_again_into_the_same_environment(checkout: Checkout) -> None:
    checkout.install_all_tools()
    checkout.setup()
    checkout.logged()
    (checkout.root / "requirements.lock").write_text("something else\n")
    assert checkout.setup().returncode == 0
    again = checkout.logged()
    assert "venv" not in again
    assert any("--require-hashes" in line for line in again)


def test_an_installation_that_failed_is_repeated(checkout: Checkout) -> None:
    checkout.install_all_tools()
    checkout.setup()
    checkout.logged()
    (checkout.root / "requirements.lock").write_text("something else\n")
    refuse = checkout.log.with_name("log.refuse")
    refuse.touch()
    failed = checkout.setup()
    assert failed.returncode == 1
    assert "error:" in failed.stderr
    refuse.unlink()
    checkout.logged()
    assert checkout.setup().returncode == 0
    assert any("--require-hashes" in line for line in checkout.logged())


@pytest.mark.parametrize("damage", ["another version", "broken", "empty"])
def test_an_environment_that_does_not_fit_is_replaced(checkout: Checkout, damage: str) -> None:
    checkout.install_all_tools()
    checkout.setup()
    prepared(checkout)
    checkout.logged()
    python = checkout.root / ".venv" / "bin" / "python"
    if damage == "another version":
        python.write_text("#!/bin/sh\necho '(3, 9, 0) /usr'\n")
    elif damage == "broken":
        python.write_text("#!/bin/sh\nexit 127\n")
    else:
        python.unlink()
    assert checkout.setup().returncode == 0
    assert checkout.logged()[0] == "venv"
    assert os.access(python, os.X_OK)


def test_a_lost_cache_is_prepared_again(checkout: Checkout) -> None:
    checkout.install_all_tools()
    checkout.setup()
    checkout.logged()
    assert checkout.setup().returncode == 0  # the fake "prepare" made nothing
    assert checkout.logged() == ["prepare"]


def prepared(checkout: Checkout) -> None:
    """Put there what the real "prepare" step makes."""
    cache = checkout.root / ".cache"
    (cache / "platformio" / "packages" / "tool-scons").mkdir(parents=True)
    (cache / "platformio" / "packages" / "tool-scons" / "package.json").write_text("{}")
    (cache / "cmsisdsp-1").mkdir()
