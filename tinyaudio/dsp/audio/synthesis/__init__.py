"""A deterministic set of synthetic sound events, hard enough to be worth learning."""

from tinyaudio.dsp.audio.synthesis.background import SCENE_SECONDS, synthesize_background
from tinyaudio.dsp.audio.synthesis.scenes import SYNTHETIC_LABELS, Difficulty, synthesize_clip
from tinyaudio.dsp.audio.synthesis.sets import SyntheticSet, synthesize_set

__all__ = ["Difficulty", "SCENE_SECONDS", "SYNTHETIC_LABELS", "SyntheticSet", "synthesize_background", "synthesize_clip", "synthesize_set"]
