"""The command line: it parses, calls one function of the pipeline, prints."""

from tinyaudio.cli.app import main

__all__ = ["main"]
