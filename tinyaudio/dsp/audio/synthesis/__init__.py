"""A deterministic set of synthetic sound events, hard enough to be worth learning."""

from tinyaudio.dsp.audio.synthesis.scenes import SYNTHETIC_LABELS, Difficulty, synthesize_clip
from tinyaudio.dsp.audio.synthesis.sets import SyntheticSet, synthesize_set

__all__ = ["Difficulty", "SYNTHETIC_LABELS", "SyntheticSet", "synthesize_clip", "synthesize_set"]
