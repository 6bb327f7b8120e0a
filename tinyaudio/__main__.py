"""``python -m tinyaudio``."""

from tinyaudio.cli import main

if __name__ == "__main__":
    main()
