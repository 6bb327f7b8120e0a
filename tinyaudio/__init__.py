"""tinyaudio: from labelled WAV files to proven audio firmware on microcontrollers."""

__version__ = "0.1.0"
