"""``bench.toml``: what is plugged in on this desk. A board's *type* is not *my desk*, so git ignores the file.

::

    [slots.left]                                # any name; `--slot left` chooses it
    board = "stm32h7"                           # a board type, see `tinyaudio boards list`
    serial_number = "003A00353133510F37363734"  # of the debug probe; `tinyaudio flash` lists those that are plugged in
    port = "/dev/ttyACM0"                       # optional: any pyserial URL; default: the serial port of the probe
    unique_id = "3100330032510837363330"        # optional: of the chip; another chip of the same kind is then refused
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tinyaudio.core.errors import BenchFileError

BENCH_FILE = "bench.toml"

#: What a serial number may consist of; nothing that a command line or Tcl would read as more than text.
SERIAL_NUMBER = r"^[0-9A-Za-z][0-9A-Za-z_.:-]*$"


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Slot(_Table):
    """One place of the desk. Field names are the keys of the file."""

    board: str = Field(pattern="^[a-z][a-z0-9_]*$")  # board type
    serial_number: str = Field(pattern=SERIAL_NUMBER, max_length=128)  # of the debug probe
    port: str | None = Field(default=None, min_length=1)  # any pyserial URL; None: the serial port of the probe
    unique_id: str | None = Field(default=None, pattern="^([0-9a-f]{2}){4,16}$")  # of the chip, hexadecimal, as it lies in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A checked ``bench.toml``, or the empty one where there is none."""

    slots: dict[str, Slot]
    path: Path | None = None  # None: there is no file

    def slot(self, name: str) -> Slot:
        """Return the slot `name`.

        Raises
        ------
        BenchFileError
            If there is no such slot; the hint lists those there are.
        """
        if name in self.slots:
            return self.slots[name]
        if self.path is None:
            raise BenchFileError(
                f"there is no slot {name!r}: there is no {BENCH_FILE}",
                hint=f"write one: [slots.{name}] with board and serial_number; docs/guide/flash.md shows it",
                where="--slot",
            )
        raise BenchFileError(f"there is no slot {name!r}", hint=f"slots of {self.path}: {', '.join(self.slots) or 'none'}", where="--slot")

    def slots_of(self, serial_number: str) -> tuple[str, ...]:
        """Return the names of the slots that hold the probe `serial_number`."""
        return tuple(name for name, slot in self.slots.items() if slot.serial_number.lower() == serial_number.lower())


def load_bench(directories: Iterable[Path], *, boards: Iterable[str]) -> Bench:
    """Read and check the first ``bench.toml`` in `directories`; without one, return a bench without slots.

    Parameters
    ----------
    directories
        Where to look, in order: a project's folder, then the current one.
    boards
        The ids of all boards there are.

    Raises
    ------
    BenchFileError
        If the file cannot be read, is not TOML, or breaks a rule (all mistakes in one message).
    """
    for directory in directories:
        path = directory / BENCH_FILE
        try:
            text = path.read_bytes().decode("utf-8")
        except FileNotFoundError:
            continue
        except UnicodeDecodeError as error:
            raise BenchFileError(f"not UTF-8: byte {error.start}", hint="save the file as UTF-8", where=str(path)) from error
        except OSError as error:
            raise BenchFileError(f"cannot read: {error.strerror or error}", hint="check the file and its rights", where=str(path)) from error
        return parse_bench(text, path=path, boards=boards)
    return Bench(slots={})


def parse_bench(text: str, *, path: Path, boards: Iterable[str]) -> Bench:
    """Return the bench that the TOML `text` of the file `path` describes; see `load_bench`."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BenchFileError(f"not TOML: {error}", hint="mend the line it names", where=str(path)) from error
    known = tuple(boards)
    problems = [f"{name}: unknown table (a slot is [slots.NAME])" for name in table if name != "slots"]
    slots: dict[str, Slot] = {}
    for name, problem, slot in _checked_slots(table.get("slots", {})):
        if slot is not None:
            slots[name] = slot
        else:
            problems.append(problem)
    problems += [*_unknown_boards(slots, known), *_shared_probes(slots)]
    if problems:
        raise BenchFileError("; ".join(problems), hint="mend the file; docs/guide/flash.md shows a whole one", where=str(path))
    return Bench(slots=slots, path=path)


def _checked_slots(tables: Any) -> Iterator[tuple[str, str, Slot | None]]:
    """Yield (name, "", slot) for a good slot and (name, what is wrong, None) for each mistake of another."""
    if not isinstance(tables, dict):
        yield "", "slots: must be a table", None
        return
    for name, table in tables.items():
        try:
            yield name, "", Slot.model_validate(table)
        except ValidationError as error:
            for item in error.errors():
                yield name, _sentence(f"slots.{name}", item), None


def _unknown_boards(slots: dict[str, Slot], known: tuple[str, ...]) -> Iterator[str]:
    for name, slot in slots.items():
        if slot.board not in known:
            nearest = difflib.get_close_matches(slot.board, known, n=1, cutoff=0.5)
            suggestion = f"did you mean {nearest[0]!r}?" if nearest else f"boards: {', '.join(known)}"
            yield f"slots.{name}.board: there is no board {slot.board!r} ({suggestion})"


def _shared_probes(slots: dict[str, Slot]) -> Iterator[str]:
    """A probe is in one slot: which board hangs at it would be a guess."""
    seen: dict[str, str] = {}
    for name, slot in slots.items():
        first = seen.setdefault(slot.serial_number.lower(), name)
        if first != name:
            yield f"slots.{name}.serial_number: is that of slots.{first}, too"


def _sentence(slot: str, item: Any) -> str:
    location = ".".join([slot, *map(str, item["loc"])])
    if item["type"] == "extra_forbidden":
        return f"{location}: unknown key"
    if item["type"] == "missing":
        return f"{location}: is missing"
    return f"{location}: {item['msg'][0].lower()}{item['msg'][1:]} (it is {item['input']!r})"
