"""Where a build of the runtime `tflm` takes TFLite Micro from: a local tree, or packages that it fetches into the cache."""

from __future__ import annotations

import json
import os
import urllib.parse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinyaudio.core.artifacts import FirmwareProject
from tinyaudio.core.canonical import fingerprint
from tinyaudio.core.errors import ToolError
from tinyaudio.core.tools import cache_dir, find_tool
from tinyaudio.deploy.build.esp_components import components_version
from tinyaudio.deploy.build.registry import registry_refusal
from tinyaudio.deploy.render.esp_idf import TFLM_VERSION_FILE
from tinyaudio.deploy.tflm import (
    OPERATORS_FILE,
    ROOT_VARIABLE,
    Package,
    find_tree,
    packages,
    packages_version,
    refuse_known_defects,
)

_VERSION_VARIABLE = "TINYAUDIO_TFLM_VERSION"  # what the firmware reports; build_tflite_micro.py compiles it in
_PACKAGES_VARIABLE = "TINYAUDIO_TFLM_PACKAGES"  # folder of the packages
_OBJECTS_VARIABLE = "TINYAUDIO_TFLM_OBJECTS"  # folder of what was compiled of these sources with this compiler
_KEY_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class LibrarySource:
    """What the build script of a library is told, of firmware/lib/tinyaudio_tflm or tinyaudio_cmsis_nn."""

    version: str = ""  # what the firmware reports; "": the project has no such library
    variables: dict[str, str] = field(default_factory=dict)  # of its environment


def tflite_micro_version(project: FirmwareProject) -> str:
    """Return which TFLite Micro and which kernels a build of `project` would take; "" for other runtimes.

    Raises
    ------
    ToolError
        If ``TINYAUDIO_TFLM_ROOT`` names nothing that the project could be built from.
    """
    if OPERATORS_FILE not in project.files:
        return ""
    if TFLM_VERSION_FILE in project.files:  # ESP-IDF's component manager brings it
        return components_version(project)
    kernel_library = _wanted(project)["kernel_library"]
    folder = os.environ.get(ROOT_VARIABLE)
    return find_tree(Path(folder), kernel_library).version if folder else packages_version(kernel_library)


def tflite_micro_source(project: FirmwareProject, *, board_id: str, toolchain: str, offline: bool) -> LibrarySource:
    """Return where `project` gets TFLite Micro from; nothing for other runtimes.

    What is fetched, and what is compiled of it or of a local tree, is kept in the cache for the next project.

    Raises
    ------
    ToolError
        If ``TINYAUDIO_TFLM_ROOT`` names no tree with the kernels that the project wants;
        if there is neither a tree nor what was fetched before, and it cannot be fetched now, or may not (`offline`).
    BuildError
        If a component is known to compute the model wrongly.
    """
    if OPERATORS_FILE not in project.files:
        return LibrarySource()
    wanted = _wanted(project)
    kernel_library, exposed = wanted["kernel_library"], wanted["exposed"]
    folder = os.environ.get(ROOT_VARIABLE)
    if folder:
        tree = find_tree(Path(folder), kernel_library)
        _refuse_defects(tree.components, exposed)
        variables = {ROOT_VARIABLE: str(tree.root), **_common_variables(tree.version, (str(tree.root), tree.fingerprint, toolchain))}
        return LibrarySource(version=tree.version, variables=variables)
    wanted_packages = packages(kernel_library)
    _refuse_defects([component for package in wanted_packages for component in package.components], exposed)
    folder_of_packages = packages_dir(wanted_packages)
    missing = [package for package in wanted_packages if not (folder_of_packages / package.name).is_dir()]
    if missing:
        instead = f"`--runtime aot` needs neither, and `tinyaudio render --board {board_id} --runtime tflm` works"
        require_network(missing, offline=offline, what="the runtime tflm", instead=instead)
    version = packages_version(kernel_library)
    variables = {_PACKAGES_VARIABLE: str(folder_of_packages), **_common_variables(version, (folder_of_packages.name, toolchain))}
    return LibrarySource(version=version, variables=variables)


def _refuse_defects(components: Iterable[tuple[str, str]], operators: list[str]) -> None:
    for component, component_version in components:
        refuse_known_defects(component, component_version, operators)


def packages_dir(wanted: Sequence[Package]) -> Path:
    """Return the folder in the cache of just these packages."""
    return cache_dir() / "tflite_micro" / fingerprint([package.pin for package in wanted])[:_KEY_DIGITS]


def _common_variables(version: str, sources: tuple[str, ...]) -> dict[str, str]:
    objects = cache_dir() / "tflm_objects" / fingerprint(sources)[:_KEY_DIGITS]
    return {_VERSION_VARIABLE: version, _OBJECTS_VARIABLE: str(objects)}


def _wanted(project: FirmwareProject) -> dict[str, Any]:
    wanted: dict[str, Any] = json.loads(project.files[OPERATORS_FILE])
    return wanted


def require_network(missing: Sequence[Package], *, offline: bool, what: str, instead: str) -> None:
    """Raise unless `missing` can be fetched: asked here, in seconds, for git tries much longer.

    Parameters
    ----------
    missing
        What is not on this computer.
    offline
        Whether nothing may be fetched.
    what
        Needs it.
    instead
        What works without.

    Raises
    ------
    ToolError
        If nothing may be fetched, the authors' hosts do not answer, or git is not installed.
    """
    hosts = sorted({urllib.parse.urlsplit(package.url).netloc for package in missing})
    refusal = "--offline forbids it" if offline else registry_refusal(addresses=[f"https://{host}/" for host in hosts])
    if refusal:
        names = ", ".join(package.name for package in missing)
        raise ToolError(
            f"{what} needs {names}: not on this computer, and not to be fetched ({refusal})",
            hint=(
                f"run the same command once with a network, which fetches them from {', '.join(hosts)}, or name a local tree with {ROOT_VARIABLE} "
                f"(docs/guide/runtimes.md); meanwhile {instead}"
            ),
            where=missing[0].name if len(missing) == 1 else "TFLite Micro",
        )
    find_tool("git")  # fetches them
