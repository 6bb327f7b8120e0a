from __future__ import annotations

import re
from pathlib import Path

import tinyaudio
from tinyaudio.core.code_version import COMPUTING, LIBRARIES, code_version, source_digest


def package(directory: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


def test_it_is_one_fingerprint_and_its_parts_are_there() -> None:
    assert re.fullmatch("[0-9a-f]{64}", code_version())
    assert all((Path(tinyaudio.__file__).parent / part).is_dir() for part in COMPUTING)
    assert "numpy" in LIBRARIES


def test_it_follows_what_computes_and_nothing_else(tmp_path: Path) -> None:
    root = package(tmp_path, {"dsp/mel.py": "A = 1\n", "dsp/presets.toml": "a = 1\n", "dsp/notes.txt": "x", "cli/app.py": "B = 1\n"})

    def digest(versions: dict[str, str] | None = None) -> str:
        return source_digest(root, ("dsp",), versions or {"numpy": "2.0"})

    first = digest()
    package(root, {"cli/app.py": "B = 2\n", "dsp/notes.txt": "y"})
    assert digest() == first
    assert digest({"numpy": "2.1"}) != first
    package(root, {"dsp/mel.py": "A = 2\n"})
    second = digest()
    assert second != first
    package(root, {"dsp/presets.toml": "a = 2\n"})
    third = digest()
    assert third not in (first, second)
    (root / "dsp/mel.py").rename(root / "dsp/bark.py")
    assert digest() not in (first, second, third)
