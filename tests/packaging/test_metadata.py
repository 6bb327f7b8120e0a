"""pyproject.toml, requirements.lock, the licence and PlatformIO's pins agree with each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tinyaudio.deploy.build.platformio import tool_version_of_scons

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11.2", "3.12.0", "3.13.0")
LINUX = {"sys_platform": "linux", "platform_machine": "x86_64", "platform_system": "Linux", "os_name": "posix"}
MACOS = {"sys_platform": "darwin", "platform_machine": "arm64", "platform_system": "Darwin", "os_name": "posix"}


def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def lock_text() -> str:
    return (ROOT / "requirements.lock").read_text(encoding="utf-8")


def locked() -> list[tuple[Requirement, list[str]]]:
    """Every requirement of the lock with its hashes."""
    logical = [line for line in lock_text().replace("\\\n", " ").splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [(Requirement(line.partition(" --hash=")[0].strip()), re.findall(r"--hash=(\S+)", line)) for line in logical]


def environment(system: dict[str, str], python: str) -> dict[str, str]:
    return {**default_environment(), **system, "python_full_version": python, "python_version": ".".join(python.split(".")[:2])}  # type: ignore[dict-item]


def declared() -> list[Requirement]:
    table = project()
    return [Requirement(text) for text in (*table["dependencies"], *table["optional-dependencies"]["train"], *table["optional-dependencies"]["dev"])]


def test_the_lock_names_no_place() -> None:
    text = lock_text()
    for forbidden in ("://", "--index-url", "--extra-index-url", "--find-links", "--trusted-host", "file:", "@ ", "-e "):
        assert forbidden not in text, forbidden


def test_every_locked_package_is_exact_and_has_hashes() -> None:
    requirements = locked()
    assert len(requirements) > 50
    for requirement, hashes in requirements:
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), requirement


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", [LINUX, MACOS], ids=["linux", "macos"])
def test_the_lock_has_one_fitting_version_of_every_declared_package(system: dict[str, str], python: str) -> None:
    here = environment(system, python)
    versions: dict[str, list[Version]] = {}
    for requirement, _ in locked():
        if requirement.marker is None or requirement.marker.evaluate(here):
            exact = Version(next(iter(requirement.specifier)).version)
            versions.setdefault(canonicalize_name(requirement.name), []).append(exact)
    assert not {name: found for name, found in versions.items() if len(found) != 1}
    for requirement in declared():
        if requirement.marker is None or requirement.marker.evaluate(here):
            (version,) = versions[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version, prereleases=True), f"{requirement} is locked to {version}"


def test_tensorflow_is_an_extra() -> None:
    names = {canonicalize_name(Requirement(text).name) for text in project()["dependencies"]}
    assert not names & {"tensorflow", "tensorflow-cpu", "keras", "tflite-micro"}


def test_the_python_versions_agree() -> None:
    table = project()
    allowed = SpecifierSet(table["requires-python"])
    classified = {text.rpartition(" ")[2] for text in table["classifiers"] if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", text)}
    assert classified == {".".join(python.split(".")[:2]) for python in PYTHONS}
    assert all(python in allowed for python in PYTHONS)
    assert "3.10.14" not in allowed
    assert "3.14.0" not in allowed


def test_the_licence_is_apache() -> None:
    assert project()["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text


def test_scons_is_the_one_that_the_pinned_platformio_wants() -> None:
    from platformio import __version__ as platformio_version
    from platformio.dependencies import get_core_dependencies

    pins = {requirement.name: next(iter(requirement.specifier)).version for requirement in declared() if requirement.name in ("platformio", "scons")}
    assert pins["platformio"] == platformio_version
    assert get_core_dependencies()["tool-scons"] == f"~{tool_version_of_scons(pins['scons'])}"
