"""Sound files as PCM, and synthetic sets: sound events, and a machine with faults.

The public face: `read_audio` and `read_pcm` (WAV or FLAC to int16 mono at the project's rate), `write_wav`,
`AudioAugmenter` (random changes for training), `degrade` (noise, level, another microphone), `synthesize_set` with
`SYNTHETIC_LABELS`, `synthesize_background` (hours without any of them), and `synthesize_machine_set` with `MACHINE_LABELS`.
"""

from tinyaudio.dsp.audio.augmentation import AudioAugmenter, sound_files
from tinyaudio.dsp.audio.degradation import USUAL_DEGRADATIONS, Degradation, degrade
from tinyaudio.dsp.audio.files import Audio, ChannelPolicy, read_audio, read_pcm, write_wav
from tinyaudio.dsp.audio.synthesis import (
    FAULTS,
    MACHINE_LABELS,
    NORMAL_LABEL,
    SCENE_SECONDS,
    SYNTHETIC_LABELS,
    Difficulty,
    MachineDifficulty,
    MachineSet,
    SyntheticSet,
    synthesize_background,
    synthesize_clip,
    synthesize_machine_clip,
    synthesize_machine_set,
    synthesize_set,
)

__all__ = [
    "FAULTS",
    "MACHINE_LABELS",
    "NORMAL_LABEL",
    "SCENE_SECONDS",
    "SYNTHETIC_LABELS",
    "USUAL_DEGRADATIONS",
    "Audio",
    "AudioAugmenter",
    "ChannelPolicy",
    "Degradation",
    "Difficulty",
    "MachineDifficulty",
    "MachineSet",
    "SyntheticSet",
    "degrade",
    "read_audio",
    "read_pcm",
    "sound_files",
    "synthesize_background",
    "synthesize_clip",
    "synthesize_machine_clip",
    "synthesize_machine_set",
    "synthesize_set",
    "write_wav",
]
