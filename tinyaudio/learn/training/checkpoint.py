"""The state of a training between two epochs, kept in a file, so that an interrupted training goes on from there."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyaudio.core.files import write_bytes_atomically

Weights = list[npt.NDArray[Any]]


@dataclass(slots=True)
class History:
    """What happened so far."""

    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    best_epoch: int = 0  # counted from 1


@dataclass(slots=True)
class Progressed:
    """Where a training stands at the end of an epoch."""

    history: History
    best_weights: Weights
    model_state: Weights = field(default_factory=list)  # weights, and the state of what draws at random
    optimizer_state: Weights = field(default_factory=list)


class Checkpoint:
    """A file that holds the last finished epoch of one training.

    Parameters
    ----------
    path
        The file; need not exist.
    key
        Fingerprint of everything the training is made from; a file with another key counts as none.
    """

    def __init__(self, path: Path, key: str) -> None:
        self._path = path
        self._key = key

    def load(self) -> Progressed | None:
        """Return the stored state, or None if there is none, it is of another training, or it is damaged."""
        try:
            with np.load(io.BytesIO(self._path.read_bytes()), allow_pickle=False) as arrays:
                record = json.loads(str(arrays["record"]))
                if record["key"] != self._key:
                    return None
                groups = {name: [arrays[f"{name}_{index}"] for index in range(count)] for name, count in record["groups"].items()}
                return Progressed(history=History(**record["history"]), **groups)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None

    def save(self, state: Progressed) -> None:
        """Keep `state`, in place of what was kept before."""
        groups = {"best_weights": state.best_weights, "model_state": state.model_state, "optimizer_state": state.optimizer_state}
        record = {"key": self._key, "history": asdict(state.history), "groups": {name: len(group) for name, group in groups.items()}}
        arrays: dict[str, Any] = {f"{name}_{index}": array for name, group in groups.items() for index, array in enumerate(group)}
        buffer = io.BytesIO()
        np.savez(buffer, record=np.array(json.dumps(record)), **arrays)
        write_bytes_atomically(self._path, buffer.getvalue())

    def remove(self) -> None:
        """Forget what was kept."""
        self._path.unlink(missing_ok=True)


def state_of(model: Any, history: History, best_weights: Weights) -> Progressed:
    """Return the state of `model` and its optimizer."""
    return Progressed(
        history=history,
        best_weights=best_weights,
        model_state=[np.asarray(variable) for variable in model.variables],
        optimizer_state=[np.asarray(variable) for variable in model.optimizer.variables],
    )


def restore(model: Any, state: Progressed) -> None:
    """Put `model` and its optimizer back to where `state` was taken."""
    for variable, value in zip(model.variables, state.model_state, strict=True):
        variable.assign(value)
    model.optimizer.build(model.trainable_variables)
    for variable, value in zip(model.optimizer.variables, state.optimizer_state, strict=True):
        variable.assign(value)
