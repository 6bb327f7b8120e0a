"""``[train]``: the training, what it starts from, what it learns from besides the labels, and how its recordings are changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from tinyaudio.core.project.frontend import OtherFrontend, frontend_problems
from tinyaudio.core.project.section import Section


class TransferTable(Section):
    """``[train.transfer]``: start from the convolutions of another model."""

    backbone: str = ""  # .keras, .h5 or .tflite, relative to the project's folder; "": start from random weights
    frontend: OtherFrontend = None  # what the backbone was trained on: a preset, and what differs from it
    classifier_l2: float = Field(default=1e-3, gt=0.0, le=10.0)  # first the classifier is fitted, with this penalty on its weights
    trainable_blocks: int = Field(default=0, ge=0, le=13)  # then it and the last so many blocks are trained; 0: neither
    learning_rate: float = Field(default=1e-4, gt=0.0, le=1.0)  # in place of train.learning_rate


class DistillationTable(Section):
    """``[train.distillation]``: learn what a larger network says, also of recordings without labels."""

    teacher: str = ""  # backbone file of a mobilenet_v1 such as YAMNet, relative to the project's folder; "": none
    frontend: OtherFrontend = None  # what the teacher hears by
    width_multiplier: float = Field(default=1.0, ge=0.05, le=1.0)  # of the teacher, as in [model]
    blocks: int = Field(default=13, ge=1, le=13)
    activation: Literal["relu6", "relu"] = "relu"
    classifier_l2: float = Field(default=1e-3, gt=0.0, le=10.0)  # its classifier is fitted to the training split, with this penalty
    share: float = Field(default=0.7, ge=0.0, le=1.0)  # of the teacher in the targets of labelled clips; the rest are the labels
    unlabelled: str = ""  # folder of recordings without labels, relative to the project's folder


class AugmentationTable(Section):
    """``[train.augmentation]``: random changes of the training patches; 0 switches one off."""

    time_shift_frames: int = Field(default=24, ge=0)  # a patch may start this many frames earlier or later
    gain_db: float = Field(default=10.0, ge=0.0, le=60.0)  # louder or softer by up to this
    time_mask_frames: int = Field(default=12, ge=0)  # longest stretch that is blanked
    frequency_mask_bands: int = Field(default=8, ge=0)  # most neighbouring bands that are blanked
    mixup: float = Field(default=0.0, ge=0.0, le=10.0)  # patches are mixed in pairs, labels too, in shares drawn from Beta(mixup, mixup)


class AudioTable(Section):
    """``[train.audio]``: random changes of the recordings themselves, in front of the integer front end; 0 and "" switch one off."""

    versions: int = Field(default=0, ge=0, le=32)  # changed copies of each training clip, besides the clip itself
    noise_snr_db: float = Field(default=5.0, ge=-20.0, le=60.0)  # the worst; the best is 25 dB better
    backgrounds: str = ""  # folder of recordings to take the noise from, relative to the project's folder; "": noise of random colour
    gain_db: float = Field(default=6.0, ge=0.0, le=60.0)  # louder or softer by up to this
    shift_seconds: float = Field(default=0.5, ge=0.0, le=60.0)  # earlier or later by up to this; what falls out comes in again
    pitch_semitones: float = Field(default=1.0, ge=0.0, le=12.0)  # higher or lower by up to this
    stretch: float = Field(default=0.1, ge=0.0, le=0.5)  # faster or slower by up to this share
    rooms: str = ""  # folder of impulse responses
    microphone_db: float = Field(default=6.0, ge=0.0, le=24.0)  # gain of each of seven bands, as if another microphone had heard it


class TrainTable(Section):
    """``[train]``: the training."""

    epochs: int = Field(default=40, ge=1, le=10_000)
    batch_size: int = Field(default=32, ge=1, le=4_096)
    learning_rate: float = Field(default=5e-3, gt=0.0, le=1.0)
    patience: int = Field(default=12, ge=1)  # epochs without a better validation loss before it stops
    seed: int = Field(default=1, ge=0, lt=2**32)
    class_balance: bool = True  # classes with few patches weigh more
    label_smoothing: float = Field(default=0.05, ge=0.0, lt=1.0)
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"  # "focal": what is nearly right already counts less
    focal_gamma: float = Field(default=2.0, ge=0.0, le=10.0)
    silence: Literal["drop", "uniform"] = "drop"  # patches in which next to nothing is heard: left out, or all classes alike
    validation: Literal["select", "include"] = "select"  # the validation split picks the epoch, or is trained on as well and the last epoch is kept
    temperature_scaling: bool = False  # divide the classifier's weights by the number that makes the validation split's scores honest
    transfer: TransferTable = TransferTable()
    distillation: DistillationTable = DistillationTable()
    audio: AudioTable = AudioTable()
    augmentation: AugmentationTable = AugmentationTable()


def train_problems(table: TrainTable) -> Iterator[str]:
    """Yield what contradicts itself, or what a teacher or a backbone lacks."""
    if table.temperature_scaling and table.validation == "include":
        yield 'temperature_scaling: is fitted to the validation split, which validation = "include" trains on; one of the two must go'
    if table.transfer.frontend is not None:
        yield from (f"transfer.frontend.{problem}" for problem in frontend_problems(table.transfer.frontend))
    if table.distillation.frontend is not None:
        yield from (f"distillation.frontend.{problem}" for problem in frontend_problems(table.distillation.frontend))
    if table.distillation.teacher and table.distillation.frontend is None:
        yield 'distillation.frontend: must say what front end the teacher was trained on, as preset = "yamnet"'
    if table.distillation.unlabelled and not table.distillation.teacher:
        yield "distillation.unlabelled: says nothing without train.distillation.teacher"
