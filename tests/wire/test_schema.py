"""The definition: its rules, its golden layout, and the files generated from it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tinyaudio.core.errors import InputError
from tinyaudio.wire.generate import render_protocol
from tinyaudio.wire.schema import DEFINITION, layout, read_protocol

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "wire_layout.json"
OVERWRITE = "TINYAUDIO_OVERWRITE_GOLDEN"


def layout_verdict(*, version: int, now: object, golden_version: int, golden: object) -> str:
    """Return what is wrong with the layout, "" if nothing."""
    if now == golden and version == golden_version:
        return ""
    if version <= golden_version:
        return f"the wire layout changed, but version is still {version}: raise it in tinyaudio/wire/protocol.toml"
    return f"version was raised to {version}: accept the new layout with {OVERWRITE}=1"


def test_the_layout_changes_only_with_the_version() -> None:
    protocol = read_protocol()
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    verdict = layout_verdict(version=protocol.version, now=layout(protocol), golden_version=golden["version"], golden=golden["layout"])
    if verdict and protocol.version > golden["version"] and os.environ.get(OVERWRITE):
        text = json.dumps({"version": protocol.version, "layout": layout(protocol)}, indent=1)
        GOLDEN.write_text(text + "\n", encoding="utf-8")
        return
    assert not verdict, verdict


def test_a_changed_layout_of_the_same_version_is_refused() -> None:
    protocol = read_protocol()
    changed = layout(protocol)
    changed["messages"]["Pcm"]["fields"].reverse()
    verdict = layout_verdict(version=protocol.version, now=changed, golden_version=protocol.version, golden=layout(protocol))
    assert "raise it" in verdict
    assert "accept" in layout_verdict(version=protocol.version + 1, now=changed, golden_version=protocol.version, golden=layout(protocol))


def test_documentation_is_no_part_of_the_layout(tmp_path: Path) -> None:
    text = DEFINITION.read_text(encoding="utf-8")
    other = tmp_path / "protocol.toml"
    other.write_text(text.replace('doc = "Mono PCM."', 'doc = "Samples."'), encoding="utf-8")
    assert layout(read_protocol(other)) == layout(read_protocol())


def test_the_generated_files_are_those_of_the_definition() -> None:
    for path, text in render_protocol(read_protocol()).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is stale: python -m tinyaudio.wire.generate"


def test_rendering_twice_gives_the_same_bytes() -> None:
    assert render_protocol(read_protocol()) == render_protocol(read_protocol())


MESSAGE = 'version = 1\n[[messages]]\nname = "A"\nid = 1\ndirection = "to_host"\ndoc = "d"\nfields = [{fields}]\n'
FIELD = '{ name = "x", type = "u8", doc = "d" }'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("version = ", "not a protocol definition"),
        ("version = 1\n", "messages"),
        (MESSAGE.replace("{fields}", '{ name = "x", type = "u8", doc = "d", size = 3 }'), "size"),
        (MESSAGE.replace("{fields}", f"{FIELD}, {FIELD}"), "A.x is used twice"),
        (MESSAGE.replace("{fields}", FIELD) * 2, "not a protocol definition"),
        (MESSAGE.replace("{fields}", FIELD) + MESSAGE.replace("{fields}", FIELD).partition("\n")[2], "the id 1 is used twice"),
        (MESSAGE.replace("{fields}", FIELD.replace("u8", "u7")), "A.x has the type 'u7'"),
        (MESSAGE.replace("{fields}", FIELD.replace("u8", "string")), "string without max_length"),
        (MESSAGE.replace("{fields}", FIELD.replace('"u8"', '"u8", length = 2, max_length = 3')), "both length and max_length"),
        (MESSAGE.replace("{fields}", FIELD.replace('"u8"', '"u8", enum = "E"')), "refers to E"),
        (MESSAGE.replace("{fields}", FIELD.replace('"u8"', '"u32", max_length = 300')), "A takes up to 1202 bytes"),
        (MESSAGE.replace("{fields}", FIELD.replace('"x"', '"X y"')), "must be written in snake_case"),
        (MESSAGE.replace("{fields}", FIELD).replace('"A"', '"a_b"'), "must be written in CamelCase"),
        (MESSAGE.replace("{fields}", FIELD).replace("id = 1", "id = 256"), "1 to 255"),
        (MESSAGE.replace("{fields}", FIELD).replace("to_host", "up"), "direction 'up'"),
        (MESSAGE.replace("{fields}", ""), "has no fields"),
        (
            MESSAGE.replace("{fields}", FIELD) + '[[enums]]\nname = "E"\ntype = "u8"\ndoc = "d"\nvalues = [{ name = "v", value = 1, doc = "d" }]\n',
            "must count up from 0",
        ),
    ],
)
def test_a_bad_definition_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "protocol.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"^protocol\.toml: ") as caught:
        read_protocol(path)
    assert sentence in str(caught.value)


def test_all_violations_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "protocol.toml"
    path.write_text(MESSAGE.replace("{fields}", FIELD.replace("u8", "u7")).replace("id = 1", "id = 0"), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_protocol(path)
    assert "u7" in str(caught.value)
    assert "1 to 255" in str(caught.value)
