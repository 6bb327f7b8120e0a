"""Where a build of the runtime `tflm` takes TFLite Micro from: a local tree, or packages that PlatformIO fetches."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from tinyaudio.core.artifacts import FirmwareProject
from tinyaudio.core.errors import BuildError
from tinyaudio.deploy.tflm import LOCAL_CONFIGURATION, OPERATORS_FILE, ROOT_VARIABLE, find_tree, packages, packages_version, refuse_known_defects

_VERSION_VARIABLE = "TINYAUDIO_TFLM_VERSION"  # what the firmware reports; build_tflite_micro.py compiles it in


@dataclass(frozen=True, slots=True, kw_only=True)
class TfliteMicroSource:
    """What PlatformIO is told."""

    version: str = ""  # "": the project has no TFLite Micro
    variables: dict[str, str] = field(default_factory=dict)  # of its environment
    arguments: tuple[str, ...] = ()  # of `platformio run`


def tflite_micro_source(directory: Path, project: FirmwareProject, *, board_id: str, offline: bool) -> TfliteMicroSource:
    """Return where `project`, written to `directory`, gets TFLite Micro from; nothing for other runtimes.

    Raises
    ------
    ToolError
        If ``TINYAUDIO_TFLM_ROOT`` names no tree with the kernels that the project wants.
    BuildError
        If a component is known to compute the model wrongly; or without a network, if there is no tree and no package.
    """
    if OPERATORS_FILE not in project.files:
        return TfliteMicroSource()
    wanted = json.loads(project.files[OPERATORS_FILE])
    kernel_library, operators = wanted["kernel_library"], wanted["operators"]
    folder = os.environ.get(ROOT_VARIABLE)
    if folder:
        tree = find_tree(Path(folder), kernel_library)
        for component, version in tree.components:
            refuse_known_defects(component, version, operators)
        local = ("--project-conf", str(directory / LOCAL_CONFIGURATION))
        return TfliteMicroSource(version=tree.version, variables={ROOT_VARIABLE: str(tree.root), _VERSION_VARIABLE: tree.version}, arguments=local)
    missing = [package.name for package in packages(kernel_library) if not (directory / ".pio" / "libdeps" / board_id / package.name).is_dir()]
    if offline and missing:
        raise BuildError(
            f"the runtime tflm needs {', '.join(missing)}, which PlatformIO would fetch, and the network is not to be used",
            hint=f"build once without --offline, name a local tree with {ROOT_VARIABLE}, or use --runtime aot, which needs nothing",
            where="TFLite Micro",
        )
    version = packages_version(kernel_library)
    return TfliteMicroSource(version=version, variables={_VERSION_VARIABLE: version})
