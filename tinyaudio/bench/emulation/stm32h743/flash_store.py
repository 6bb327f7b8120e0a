"""What the settings sectors hold, word by word, and the file that keeps it over restarts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.errors import StorageError
from tinyaudio.core.files import write_bytes_atomically

WORD_BYTES = 32
_ERASED, _PROGRAMMED, _BROKEN = 0, 1, 2
_HALF_DONE_SEED = 0x7431


class FlashStore:
    """Flash words of 256 bits, each with its error correction code.

    The file holds the content, and behind it a byte a word: 0 erased, 1 programmed, 2 unreadable.

    Parameters
    ----------
    content
        The memory of the sectors; changed in place.
    sector_bytes
        What is erased at once.
    path
        The file; ``None`` keeps nothing.

    Raises
    ------
    StorageError
        If the file is there and is not one of these.
    """

    def __init__(self, content: NDArray[np.uint8], *, sector_bytes: int, path: Path | None) -> None:
        self._content = content
        self._sector_bytes = sector_bytes
        self._path = path
        self._states = np.zeros(len(content) // WORD_BYTES, np.uint8)
        if path is not None and path.exists():
            stored = np.frombuffer(path.read_bytes(), np.uint8)
            if len(stored) != len(content) + len(self._states):
                raise StorageError(
                    f"holds {len(stored)} bytes, not the {len(content) + len(self._states)} of these settings sectors",
                    hint="give another file, or remove this one to begin with erased sectors",
                    where=str(path),
                )
            self._content[:] = stored[: len(content)]
            self._states[:] = stored[len(content) :]

    @property
    def has_broken_words(self) -> bool:
        """Whether a word cannot be read."""
        return bool((self._states == _BROKEN).any())

    def is_broken(self, offset: int) -> bool:
        """Whether the word that holds `offset` has an error that its code cannot correct."""
        return bool(self._states[offset // WORD_BYTES] == _BROKEN)

    def program(self, offset: int, word: bytes) -> None:
        """Program an erased word. One that was programmed before has a code that fits neither content from then on."""
        index = offset // WORD_BYTES
        self._states[index] = _PROGRAMMED if self._states[index] == _ERASED else _BROKEN
        self._content[offset : offset + WORD_BYTES] &= np.frombuffer(word, np.uint8)
        self._save()

    def erase(self, sector: int) -> None:
        """Erase the sector with this index."""
        first = sector * self._sector_bytes
        self._content[first : first + self._sector_bytes] = 0xFF
        self._states[first // WORD_BYTES : (first + self._sector_bytes) // WORD_BYTES] = _ERASED
        self._save()

    def cut_program(self, offset: int, word: bytes) -> None:
        """The power goes while a word is programmed: some of its bits are written, its code fits nothing."""
        done = np.random.default_rng(_HALF_DONE_SEED + offset).integers(0, 256, WORD_BYTES, dtype=np.uint8)
        self._content[offset : offset + WORD_BYTES] &= np.frombuffer(word, np.uint8) | done
        self._states[offset // WORD_BYTES] = _BROKEN
        self._save()

    def cut_erase(self, sector: int) -> None:
        """The power goes while a sector is erased: a third of it is, a third is neither, a third is as it was."""
        first, third = sector * self._sector_bytes, self._sector_bytes // 3 // WORD_BYTES * WORD_BYTES
        self._content[first : first + third] = 0xFF
        self._states[first // WORD_BYTES : (first + third) // WORD_BYTES] = _ERASED
        middle = slice(first + third, first + 2 * third)
        self._content[middle] |= np.random.default_rng(_HALF_DONE_SEED + sector).integers(0, 256, third, dtype=np.uint8)
        self._states[middle.start // WORD_BYTES : middle.stop // WORD_BYTES] = _BROKEN
        self._save()

    def _save(self) -> None:
        if self._path is not None:
            write_bytes_atomically(self._path, self._content.tobytes() + self._states.tobytes())
