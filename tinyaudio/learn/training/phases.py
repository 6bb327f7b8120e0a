"""A training in phases: which layers learn, for how many epochs, how fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tinyaudio.core.project import TrainTable
from tinyaudio.learn.training.backbone import Transferred


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Some epochs with the same layers learning."""

    epochs: int
    learning_rate: float
    trainable: frozenset[str] | None  # names of the backbone's convolutions that learn; None: there is no backbone


def plan_phases(table: TrainTable, transferred: Transferred | None) -> tuple[Phase, ...]:
    """Return the phases of a training.

    Without a backbone there is one. With one the classifier, and what the backbone has nothing for, learns first; then
    the backbone's last ``train.transfer.trainable_blocks`` blocks as well, at a low rate.
    """
    if transferred is None:
        return (Phase(epochs=table.epochs, learning_rate=table.learning_rate, trainable=None),)
    transfer = table.transfer
    last = last_blocks(transferred.mapped, transfer.trainable_blocks)
    head_epochs = min(transfer.head_epochs, table.epochs) if last else table.epochs
    phases = (
        Phase(epochs=head_epochs, learning_rate=table.learning_rate, trainable=frozenset()),
        Phase(epochs=table.epochs - head_epochs, learning_rate=transfer.learning_rate, trainable=last),
    )
    return tuple(phase for phase in phases if phase.epochs)


def last_blocks(mapped: Sequence[str], count: int) -> frozenset[str]:
    """Return the layers of the last `count` blocks among the names `mapped`; a stem is a block, too."""
    blocks = list(dict.fromkeys(name.partition("_")[0] for name in mapped))
    chosen = blocks[len(blocks) - min(count, len(blocks)) :]
    return frozenset(name for name in mapped if name.partition("_")[0] in chosen)


def freeze(model: Any, phase: Phase, transferred: Transferred | None) -> None:
    """Let only the layers of `phase` learn; normalization that came with the backbone keeps its statistics throughout."""
    if transferred is None or phase.trainable is None:
        return
    for name in transferred.mapped:
        model.get_layer(name).trainable = name in phase.trainable
        model.get_layer(f"{name}_norm").trainable = False
