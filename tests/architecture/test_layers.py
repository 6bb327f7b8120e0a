"""The house keeps its shape: who may import whom, and who owns which outside library.

Function-level and ``TYPE_CHECKING`` imports count: a cycle hidden behind either is a cycle.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "tinyaudio"

#: Inside a wing a place imports itself and the places in front of it.
WINGS = {
    "learn": ("dataset", "training", "oracle", "quantize", "calibrate", "evaluate", "anomaly", "tuning"),
    "deploy": ("compiler", "tflm", "placement", "chip_config", "render", "build"),
    "bench": ("transport", "emulation", "flash", "instruments", "device", "fake_device", "hil", "power", "monitor"),
}
GROUND = {"core": (), "dsp": ("core",), "wire": ("core",)}
HOUSE = {
    "report": ("core", "dsp"),
    "pipeline": ("report", *WINGS, "dsp", "wire", "core"),
    "cli": ("pipeline", "report", *WINGS, "dsp", "wire", "core"),
}
DSP = ("audio", "frontend")

#: Outside library -> the only places that may import it.
OWNERS = {
    "tensorflow": ("learn.training", "learn.quantize"),
    "keras": ("learn.training", "learn.quantize"),
    "tflite_micro": ("learn.oracle",),
    "sklearn": ("learn.anomaly",),
    "serial": ("bench.transport",),
    "jinja2": ("core.templating",),
    "subprocess": ("core.tools",),
    "unicorn": ("bench.emulation",),
    "pyocd": ("bench.flash",),
    "esptool": ("bench.flash",),
    "matplotlib": ("report",),
    "typer": ("cli",),
    "rich": ("cli",),
    "tflite": ("core.tflite_metadata", "deploy.compiler", "deploy.tflm"),
    "soundfile": ("dsp.audio",),
    "soxr": ("dsp.audio",),
    "audiomentations": ("dsp.audio",),
    "mlflow": ("pipeline.tracking",),
    "optuna": ("learn.tuning",),
    "sqlalchemy": ("learn.tuning",),
    "cobs": ("wire",),
}


def _modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        if name not in ("", "__main__"):
            yield name, path


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def _place(dotted: str) -> tuple[str, str]:
    """Return (room, place), such as ("learn", "dataset"), of a module name without the package."""
    room, _, rest = dotted.partition(".")
    return room, rest.partition(".")[0]


def _stands_lower(importer: tuple[str, str], imported: tuple[str, str]) -> bool:
    room, place = importer
    other_room, other_place = imported
    if room == other_room:
        order = WINGS.get(room) or (DSP if room == "dsp" else None)
        if order is None or other_place == "" or place == "":
            return True
        return order.index(other_place) <= order.index(place)
    if room in WINGS:
        return other_room in GROUND
    return other_room in GROUND.get(room, ()) or other_room in HOUSE.get(room, ())


MODULES = dict(_modules())


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_downwards(module: str) -> None:
    ours = {name.removeprefix("tinyaudio.") for name in _imports(MODULES[module]) if name.startswith("tinyaudio.")} - {"__version__"}
    wrong = sorted(name for name in ours if not _stands_lower(_place(module), _place(name)))
    assert not wrong, f"tinyaudio.{module} imports what does not stand below it: {wrong}"


@pytest.mark.parametrize("module", MODULES)
def test_outside_libraries_have_one_owner(module: str) -> None:
    tops = {name.partition(".")[0] for name in _imports(MODULES[module])}
    for library in tops & set(OWNERS):
        assert any(module == owner or module.startswith(owner + ".") for owner in OWNERS[library]), (
            f"tinyaudio.{module} imports {library}; its owner is {OWNERS[library]}"
        )


@pytest.mark.parametrize("module", MODULES)
def test_every_place_is_in_the_picture(module: str) -> None:
    room, place = _place(module)
    assert room in {*GROUND, *WINGS, *HOUSE}, f"tinyaudio.{room} is not a room of the house"
    if room in WINGS and place:
        assert place in WINGS[room], f"tinyaudio.{room}.{place} is not a place of that wing"


def test_print_only_in_the_command_line() -> None:
    for module, path in MODULES.items():
        if module.startswith("cli"):
            continue
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        assert not any(isinstance(call.func, ast.Name) and call.func.id == "print" for call in calls), f"tinyaudio.{module} prints"


def test_the_rules_can_fail() -> None:
    assert not _stands_lower(("learn", "training"), ("deploy", "build"))
    assert not _stands_lower(("bench", "transport"), ("bench", "hil"))
    assert not _stands_lower(("core", "spec"), ("dsp", "frontend"))
    assert _stands_lower(("pipeline", ""), ("bench", "hil"))
