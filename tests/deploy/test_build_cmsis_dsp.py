from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import pytest

from tinyaudio.core.errors import ToolError
from tinyaudio.core.tools.cache import CMSIS_DSP_VERSION
from tinyaudio.deploy.build import cmsis_dsp, ensure_cmsis_dsp

LIBRARY = Path(__file__).resolve().parents[2] / "firmware" / "lib" / "cmsis_dsp"
TOP = f"cmsisdsp-{CMSIS_DSP_VERSION}"
NEEDED = ("Include/dsp/transform_functions.h", "PrivateInclude/arm_compiler_specific.h", *cmsis_dsp.CMSIS_DSP_RFFT_Q31_SOURCES)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path / "cache"
    monkeypatch.setenv("TINYAUDIO_CACHE_DIR", str(cache))
    monkeypatch.delenv("TINYAUDIO_CMSIS_DSP_ROOT", raising=False)
    return cache


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which pip, and nothing else, gets its packages."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")
    return folder


def archive(members: dict[str, bytes], *, links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as target:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            target.addfile(info, io.BytesIO(data))
        for name, to in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type = tarfile.SYMTYPE
            info.linkname = to
            target.addfile(info)
    return buffer.getvalue()


def fill(root: Path) -> None:
    for name in NEEDED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")


def pretend_download(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    def download(scratch: Path) -> Path:
        path = scratch / f"{TOP}.tar.gz"
        path.write_bytes(data)
        return path

    monkeypatch.setattr(cmsis_dsp, "_download", download)


def test_the_library_compiles_the_sources_the_package_names() -> None:
    text = (LIBRARY / "src" / "cmsis_dsp_rfft_q31.c").read_text()
    assert tuple(re.findall(r'#include "(.*)"', text)) == cmsis_dsp.CMSIS_DSP_RFFT_Q31_SOURCES


def test_sources_that_are_there_are_used_as_they_are(own_cache: Path) -> None:
    fill(own_cache / TOP)
    assert ensure_cmsis_dsp() == own_cache / TOP


def test_a_folder_of_ones_own_is_used_and_never_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine"
    fill(mine)
    monkeypatch.setenv("TINYAUDIO_CMSIS_DSP_ROOT", str(mine))
    assert ensure_cmsis_dsp() == mine
    (mine / NEEDED[-1]).unlink()
    with pytest.raises(ToolError, match=f"TINYAUDIO_CMSIS_DSP_ROOT={mine}: has no {NEEDED[-1]}"):
        ensure_cmsis_dsp()
    assert not (mine / NEEDED[-1]).exists()


def test_offline_there_is_one_clear_error_and_nothing_stays(own_cache: Path, shelf: Path) -> None:
    with pytest.raises(ToolError, match="CMSIS-DSP: the sources of CMSIS-DSP could not be fetched") as caught:
        ensure_cmsis_dsp()
    assert "TINYAUDIO_CMSIS_DSP_ROOT" in caught.value.hint
    assert "\n" not in str(caught.value)
    assert not list(own_cache.iterdir())


def test_another_archive_of_that_name_is_refused(own_cache: Path, shelf: Path) -> None:
    (shelf / f"{TOP}.tar.gz").write_bytes(archive({f"{TOP}/{name}": b"" for name in NEEDED}))
    with pytest.raises(ToolError, match=r"could not be fetched: pip ended with code 1: .*HASHES"):
        ensure_cmsis_dsp()
    assert not list(own_cache.iterdir())


def test_an_archive_unpacks_files_only_and_none_outside(own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = {f"{TOP}/{name}": b"/* */" for name in NEEDED}
    members |= {f"{TOP}/Source/../../../outside.c": b"", "/outside.c": b"", f"{TOP}/setup.py": b""}
    pretend_download(monkeypatch, archive(members, links={f"{TOP}/Source/link.c": "/etc/hostname"}))
    root = ensure_cmsis_dsp()
    assert {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()} == set(NEEDED)
    assert not list(tmp_path.rglob("outside.c"))
    assert [path.name for path in own_cache.iterdir()] == [TOP]


def test_half_of_the_sources_is_fetched_again(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(own_cache / TOP)
    (own_cache / TOP / NEEDED[0]).unlink()
    pretend_download(monkeypatch, archive({f"{TOP}/{name}": b"new" for name in NEEDED}))
    root = ensure_cmsis_dsp()
    assert (root / NEEDED[0]).read_text() == "new"
    assert (root / NEEDED[-1]).read_text() == "new"


def test_an_archive_without_a_needed_source_is_refused(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_download(monkeypatch, archive({f"{TOP}/{name}": b"" for name in NEEDED[:-1]}))
    with pytest.raises(ToolError, match=f"has no {NEEDED[-1]}"):
        ensure_cmsis_dsp()
    assert not list(own_cache.iterdir())
