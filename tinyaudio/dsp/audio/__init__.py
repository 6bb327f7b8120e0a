"""Sound files as PCM, and a synthetic set of sound events.

The public face: `read_audio` and `read_pcm` (WAV or FLAC to int16 mono at the project's rate), `write_wav`,
`AudioAugmenter` (random changes for training), `degrade` (noise, level, another microphone), `synthesize_set` with
`SYNTHETIC_LABELS`, and `synthesize_background` (hours without any of them).
"""

from tinyaudio.dsp.audio.augmentation import AudioAugmenter, sound_files
from tinyaudio.dsp.audio.degradation import USUAL_DEGRADATIONS, Degradation, degrade
from tinyaudio.dsp.audio.files import Audio, ChannelPolicy, read_audio, read_pcm, write_wav
from tinyaudio.dsp.audio.synthesis import (
    SCENE_SECONDS,
    SYNTHETIC_LABELS,
    Difficulty,
    SyntheticSet,
    synthesize_background,
    synthesize_clip,
    synthesize_set,
)

__all__ = [
    "SCENE_SECONDS",
    "SYNTHETIC_LABELS",
    "USUAL_DEGRADATIONS",
    "Audio",
    "AudioAugmenter",
    "ChannelPolicy",
    "Degradation",
    "Difficulty",
    "SyntheticSet",
    "degrade",
    "read_audio",
    "read_pcm",
    "sound_files",
    "synthesize_background",
    "synthesize_clip",
    "synthesize_set",
    "write_wav",
]
