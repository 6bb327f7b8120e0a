"""Keras models as bytes that depend on nothing but the model."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from tinyaudio.core.errors import StageError
from tinyaudio.learn.training.runtime import import_tensorflow

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a ZIP file can hold


def keras_bytes(model: Any) -> bytes:
    """Return `model` as a ``.keras`` file without its times, so that equal models have equal bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        buffer = io.BytesIO()
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
            for name in sorted(source.namelist()):
                target.writestr(zipfile.ZipInfo(name, _EPOCH), _without_date(name, source.read(name)), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def load_keras_model(data: bytes) -> Any:
    """Return the Keras model of a ``.keras`` file.

    Raises
    ------
    StageError
        If Keras cannot read it.
    """
    import_tensorflow()
    import keras

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        path.write_bytes(data)
        try:
            return keras.models.load_model(path, compile=False)
        except (ValueError, OSError, KeyError, TypeError) as error:
            raise StageError(f"the trained model cannot be read: {error}", hint="train again with `tinyaudio train`", where="train") from error


def _without_date(name: str, content: bytes) -> bytes:
    if name != "metadata.json":
        return content
    metadata = json.loads(content)
    metadata.pop("date_saved", None)
    return json.dumps(metadata, sort_keys=True).encode()
