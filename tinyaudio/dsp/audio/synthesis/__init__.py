"""Deterministic synthetic sets: sound events hard enough to be worth learning, and a machine with faults."""

from tinyaudio.dsp.audio.synthesis.background import SCENE_SECONDS, synthesize_background
from tinyaudio.dsp.audio.synthesis.machine_sets import MachineSet, synthesize_machine_set
from tinyaudio.dsp.audio.synthesis.machines import FAULTS, MACHINE_LABELS, NORMAL_LABEL, MachineDifficulty, synthesize_machine_clip
from tinyaudio.dsp.audio.synthesis.scenes import SYNTHETIC_LABELS, Difficulty, synthesize_clip
from tinyaudio.dsp.audio.synthesis.sets import SyntheticSet, synthesize_set

__all__ = [
    "Difficulty",
    "FAULTS",
    "MACHINE_LABELS",
    "MachineDifficulty",
    "MachineSet",
    "NORMAL_LABEL",
    "SCENE_SECONDS",
    "SYNTHETIC_LABELS",
    "SyntheticSet",
    "synthesize_background",
    "synthesize_clip",
    "synthesize_machine_clip",
    "synthesize_machine_set",
    "synthesize_set",
]
