from __future__ import annotations

from pathlib import Path

import jinja2
import pytest

from tests.host_cpp.toolchain import compile_host, run_host
from tinyaudio.core.templating import c_bytes, c_string, c_values, environment


@pytest.fixture
def templates(tmp_path: Path) -> jinja2.Environment:
    (tmp_path / "name.j2").write_text("{{ name }}\n")
    (tmp_path / "clock.j2").write_text("{{ lipsum() }}\n")
    return environment(tmp_path)


def test_an_undefined_name_is_an_error(templates: jinja2.Environment) -> None:
    assert templates.get_template("name.j2").render(name="x") == "x\n"
    with pytest.raises(jinja2.UndefinedError):
        templates.get_template("name.j2").render()


def test_there_is_no_randomness(templates: jinja2.Environment) -> None:
    with pytest.raises(jinja2.UndefinedError):
        templates.get_template("clock.j2").render()


def test_integers_are_wrapped() -> None:
    assert c_values([1, -2, 3], per_line=2) == "1, -2,\n    3"
    assert c_values([2**63], suffix="ull") == "9223372036854775808ull"


def test_bytes_of_a_fingerprint() -> None:
    assert c_bytes("00ff") == "0x00, 0xff"


def test_literals_mean_the_same_to_a_compiler(tmp_path: Path) -> None:
    text = 'a "quoted" back\\slash ??/ trigraph, new\nline, \x7f, Grüße, 1\x011'
    source = tmp_path / "literal.cc"
    source.write_text(
        "#include <stdio.h>\n#include <stdint.h>\n"
        f"static const char kText[] = {c_string(text)};\n"
        f"static const int32_t kValues[] = {{{c_values([-(2**31), 2**31 - 1])}}};\n"
        'int main() { fwrite(kText, 1, sizeof(kText) - 1, stdout); printf("|%d %d", static_cast<int>(kValues[0]), static_cast<int>(kValues[1])); }\n'
    )
    output = run_host(compile_host(tmp_path / "literal", [source]))
    assert output.decode() == f"{text}|{-(2**31)} {2**31 - 1}"


def test_the_compiler_is_real(tmp_path: Path) -> None:
    source = tmp_path / "broken.cc"
    source.write_text("int main() { return missing; }\n")
    with pytest.raises(AssertionError, match="missing"):
        compile_host(tmp_path / "broken", [source])
