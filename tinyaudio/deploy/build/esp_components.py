"""The components that ESP-IDF's component manager brings to a project: the pinned ones, those that are here, local ones in their place."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from tinyaudio.core.artifacts import FirmwareProject
from tinyaudio.core.errors import ToolError
from tinyaudio.core.files import write_text_if_changed
from tinyaudio.deploy.render.esp_idf import TFLM_VERSION_FILE, VENDOR_OPERATORS_FILE, VENDOR_VERSION_FILE, vendor_version
from tinyaudio.deploy.tflm import OPERATORS_FILE, ROOT_VARIABLE, describe, refuse_known_defects

_MANIFEST_FILE = "src/idf_component.yml"
_CMAKE_FILE = "src/CMakeLists.txt"  # a change of it makes PlatformIO ask the component manager again; one of the manifest does not
_TFLITE_MICRO, _ESP_NN = "espressif/esp-tflite-micro", "espressif/esp-nn"

_PIN = re.compile(r'^  (?P<name>\w[\w-]*/[\w-]+): "(?P<version>[^"]*)"$', flags=re.MULTILINE)
_VERSION = re.compile(r"^version:\s*[\"']?([^\s\"'#]+)", flags=re.MULTILINE)


def missing_components(directory: Path) -> tuple[str, ...]:
    """Return the pinned components that the folder of a project lacks, or has in another version, in words."""
    try:
        manifest = (directory / _MANIFEST_FILE).read_text(encoding="utf-8")
    except OSError:
        return ()
    managed = directory / "managed_components"
    pins = [(pin["name"], pin["version"]) for pin in _PIN.finditer(manifest)]
    return tuple(f"the component {name} {version}" for name, version in pins if component_version(managed / name.replace("/", "__")) != version)


def component_version(folder: Path) -> str:
    """Return the version that a component in `folder` has of itself; "" if there is none."""
    try:
        found = _VERSION.search((folder / "idf_component.yml").read_text(encoding="utf-8"))
    except OSError:
        return ""
    return found[1] if found else ""


def use_local_components(directory: Path, project: FirmwareProject) -> None:
    """Put the components of ``TINYAUDIO_TFLM_ROOT``, if it is set, in the place of those that a registry would send.

    The folder holds ``esp-tflite-micro`` and ``esp-nn``, as a checkout or the component manager makes them; a compiled model
    takes the latter alone. Only the files in `directory` change; the next rendering brings the pins back.

    Raises
    ------
    ToolError
        If the folder has not those that the project takes.
    StorageError
        If the project's files cannot be written.
    BuildError
        If their version is known to compute the model wrongly.
    """
    root = os.environ.get(ROOT_VARIABLE)
    if not root:
        return
    if OPERATORS_FILE in project.files:
        wanted = json.loads(project.files[OPERATORS_FILE])
        folders, version_file = _local_folders(root), TFLM_VERSION_FILE
        operators, version = wanted["operators"], _local_version(folders, wanted["kernel_library"])
    elif VENDOR_OPERATORS_FILE in project.files:
        folders, version_file = {_ESP_NN: _folder(Path(root), _ESP_NN)}, VENDOR_VERSION_FILE
        operators, version = json.loads(project.files[VENDOR_OPERATORS_FILE]), vendor_version(component_version(folders[_ESP_NN]))
    else:
        return
    for name, folder in folders.items():
        refuse_known_defects(name, component_version(folder), operators)

    def local(pin: re.Match[str]) -> str:
        if pin["name"] not in folders:
            return pin[0]
        return f'  {pin["name"]}:\n    version: "*"\n    override_path: {json.dumps(str(folders[pin["name"]]))}'

    write_text_if_changed(directory / _MANIFEST_FILE, _PIN.sub(local, project.files[_MANIFEST_FILE]))
    write_text_if_changed(directory / _CMAKE_FILE, f"{project.files[_CMAKE_FILE]}# {ROOT_VARIABLE}: {version}\n")
    write_text_if_changed(directory / version_file, re.sub('"[^"]*"', json.dumps(version), project.files[version_file]))


def components_version(project: FirmwareProject) -> str:
    """Return what firmware made of `project`, which takes TFLite Micro as a component, would report of whose kernels compute.

    Raises
    ------
    ToolError
        If ``TINYAUDIO_TFLM_ROOT`` names a folder without the components.
    """
    root = os.environ.get(ROOT_VARIABLE)
    if root:
        return _local_version(_local_folders(root), json.loads(project.files[OPERATORS_FILE])["kernel_library"])
    found = re.search('"([^"]*)"', project.files[TFLM_VERSION_FILE])
    return found[1] if found else ""


def linked_kernels(directory: Path, project: FirmwareProject) -> str:
    """Return what the project in `directory` reports of whose kernels compute its model; "": those of tinyaudio."""
    for file, prefix in ((TFLM_VERSION_FILE, ""), (VENDOR_VERSION_FILE, "tinyaudio + ")):
        found = re.search('"([^"]*)"', (directory / file).read_text(encoding="utf-8")) if file in project.files else None
        if found:
            return prefix + found[1]
    return ""


def _local_folders(root: str) -> dict[str, Path]:
    return {name: _folder(Path(root), name) for name in (_TFLITE_MICRO, _ESP_NN)}


def _local_version(folders: dict[str, Path], kernel_library: str) -> str:
    versions = {name: component_version(folder) for name, folder in folders.items()}
    return describe(versions[_TFLITE_MICRO], "esp_nn", versions[_ESP_NN] + ("" if kernel_library else " in ANSI C"))


def _folder(root: Path, name: str) -> Path:
    """Return the folder of a component in `root`, under its own name or the component manager's."""
    for folder in (root / name.partition("/")[2], root / name.replace("/", "__")):
        if component_version(folder):
            return folder.resolve()
    raise ToolError(
        f"has no component {name}",
        hint=f"for this board: check out {name.partition('/')[2]} and the other one of esp-tflite-micro and esp-nn into this folder, "
        "or build with a network and without the variable",
        where=f"{ROOT_VARIABLE}={root}",
    )
