"""Write files whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from tinyaudio.core.errors import StorageError


def write_bytes_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` through a temporary name in the same folder, then rename.

    Raises
    ------
    StorageError
        If the disk is full or refuses; neither a half-written file nor the temporary one remains.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise storage_error(path, error) from error


def write_text_atomically(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with Unix line ends; see `write_bytes_atomically`."""
    write_bytes_atomically(path, text.encode("utf-8"))


def write_text_if_changed(path: Path, text: str) -> bool:
    """Write `text` only if `path` does not hold it already, so that builds stay warm. Return whether it was written."""
    try:
        if path.read_bytes() == text.encode("utf-8"):
            return False
    except OSError:
        pass
    write_text_atomically(path, text)
    return True


def storage_error(path: Path, error: OSError) -> StorageError:
    """Turn an operating-system error into one clear line."""
    hints = {
        errno.ENOSPC: "free some space on that disk and run the command again; finished stages are kept",
        errno.EDQUOT: "your disk quota is used up; free some space and run the command again",
        errno.EROFS: "that file system is read-only; choose another --project folder",
        errno.EACCES: "you have no right to write there; choose another folder or change its rights",
    }
    return StorageError(f"cannot write: {error.strerror or error}", hint=hints.get(error.errno or 0, "check the path and the disk"), where=str(path))
