"""From a folder of recordings to a checked manifest, on the command line."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tinyaudio.cli.app import app
from tinyaudio.cli.data import SHOWN_OF_A_KIND
from tinyaudio.dsp.audio import write_wav


def tinyaudio(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    directory = tmp_path / "my project"
    assert tinyaudio("new", directory).exit_code == 0
    rng = np.random.default_rng(1)
    for label in ("Hund", "Säge"):
        for number in range(6):
            pcm = rng.integers(-3_000, 3_000, 16_000).astype(np.int16)
            write_wav(directory / "sounds" / label / f"{number}.wav", pcm, sample_rate_hz=16_000)
    return directory


def test_a_folder_becomes_a_faultless_manifest(project: Path) -> None:
    result = tinyaudio("data", "import", project / "sounds", "--project", project, "--json")
    facts = json.loads(result.stdout)
    assert (facts["clips"], facts["labels"], facts["groups"], facts["already_listed"]) == (12, {"Hund": 6, "Säge": 6}, 12, 0)
    assert "example" not in (project / "manifest.csv").read_text(encoding="utf-8")
    checked = tinyaudio("data", "check", "--project", project)
    assert checked.exit_code == 0, checked.output
    assert f"next: `tinyaudio run --project '{project}'`" in checked.stdout


def test_what_is_listed_is_not_listed_again(project: Path) -> None:
    tinyaudio("data", "import", project / "sounds", "--project", project)
    manifest = project / "manifest.csv"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("Hund/0.wav,Hund,", "Hund/0.wav,Wolf,"), encoding="utf-8")
    before = manifest.read_text(encoding="utf-8")
    again = tinyaudio("data", "import", project / "sounds", "--project", project)
    assert "nothing added, 12 were listed already" in again.stdout
    assert manifest.read_text(encoding="utf-8") == before
    write_wav(project / "sounds" / "Hund" / "new.wav", np.ones(16_000, dtype=np.int16), sample_rate_hz=16_000)
    assert json.loads(tinyaudio("data", "import", project / "sounds", "--project", project, "--json").stdout)["labels"] == {"Hund": 1}
    assert manifest.read_text(encoding="utf-8").startswith(before)


def test_the_split_is_asked_for_where_the_manifest_has_that_column(project: Path) -> None:
    (project / "manifest.csv").write_text("filename,label,group,split\nmine.wav,Hund,g,train\n")
    missing = tinyaudio("data", "import", project / "sounds", "--project", project)
    assert (missing.exit_code, "--split train" in missing.stderr) == (1, True)
    assert tinyaudio("data", "import", project / "sounds", "--project", project, "--split", "test").exit_code == 0
    assert (project / "manifest.csv").read_text(encoding="utf-8").splitlines()[-1] == "sounds/Säge/5.wav,Säge,Säge/5.wav,test"


def test_a_header_in_quotes_is_a_header(project: Path) -> None:
    (project / "manifest.csv").write_text('"filename","label","group","split"\n"mine.wav","Hund","g","train"\n')
    missing = tinyaudio("data", "import", project / "sounds", "--project", project)
    assert (missing.exit_code, "--split train" in missing.stderr) == (1, True)
    assert tinyaudio("data", "import", project / "sounds", "--project", project, "--split", "test").exit_code == 0
    empty = tinyaudio("data", "import", project / "sounds", "--project", project, "--split", " ")
    assert (empty.exit_code, "--split is empty" in empty.stderr) == (1, True)


def test_a_header_without_rows_stays(project: Path) -> None:
    (project / "manifest.csv").write_text("group,note,label,filename\n")
    assert tinyaudio("data", "import", project / "sounds", "--project", project).exit_code == 0
    lines = (project / "manifest.csv").read_text(encoding="utf-8").splitlines()
    assert (lines[0], lines[1]) == ("group,note,label,filename", "Hund/0.wav,,Hund,sounds/Hund/0.wav")


def test_a_manifest_elsewhere_is_not_written_to(project: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("filename,label,group\n")
    (project / "tinyaudio.toml").write_text('[project]\nname = "x"\n[data]\nmanifest = "../list.csv"\n')
    result = tinyaudio("data", "import", project / "sounds", "--project", project)
    assert (result.exit_code, "not part of the project" in result.stderr) == (1, True)


def test_faults_are_lines_that_an_editor_finds_and_many_alike_are_counted(project: Path) -> None:
    many = SHOWN_OF_A_KIND + 7
    rows = "".join(f"nowhere/{number}.wav,dog,g{number}\n" for number in range(many))
    (project / "manifest.csv").write_text(f"filename,label,group\n{rows}")
    result = tinyaudio("data", "check", "--project", project)
    assert result.exit_code == 3
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"{project / 'manifest.csv'}:2: error: nowhere/0.wav: there is no such file")
    assert sum("nowhere/" in line for line in lines) == SHOWN_OF_A_KIND
    assert sum("and 7 more like this" in line for line in lines) == 1
    everything = tinyaudio("data", "check", "--project", project, "--verbose").stdout.splitlines()
    assert sum("nowhere/" in line for line in everything) == many
    assert len([item for item in json.loads(tinyaudio("data", "check", "--project", project, "--json").stdout)["problems"] if item["file"]]) == many


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ("sounds/Hund/0.WAV", "did you mean '0.wav'?"),
        (unicodedata.normalize("NFD", "sounds/Bär.wav"), "accents are coded otherwise (NFC)"),
        ("sounds/Hund", "it is a folder"),
        ("sounds/link.wav", "it is a link to a file that is not there"),
        ("sounds/empty.wav", "the file is empty (0 bytes)"),
    ],
)
def test_a_file_that_is_nearly_there_is_told_apart(project: Path, listed: str, message: str) -> None:
    (project / "sounds" / "Bär.wav").write_bytes((project / "sounds" / "Hund" / "0.wav").read_bytes())
    (project / "sounds" / "link.wav").symlink_to("nowhere.wav")
    (project / "sounds" / "empty.wav").touch()
    (project / "manifest.csv").write_text(f"filename,label,group\n{listed},dog,g\n", encoding="utf-8")
    result = tinyaudio("data", "check", "--project", project, "--json")
    assert message in json.loads(result.stdout)["problems"][0]["message"]
