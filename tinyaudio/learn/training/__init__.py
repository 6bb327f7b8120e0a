"""Train a float model on the features of the integer twin.

The public face: `train`, `FloatPredictor` and, for `learn.quantize`, `load_keras_model`, `build_network` and
`import_tensorflow`.
"""

from tinyaudio.learn.training.architectures import ARCHITECTURES
from tinyaudio.learn.training.backbone import Backbone, read_backbone, require_same_front_end
from tinyaudio.learn.training.loop import train
from tinyaudio.learn.training.networks import build_network
from tinyaudio.learn.training.predictor import FloatPredictor
from tinyaudio.learn.training.runtime import import_tensorflow
from tinyaudio.learn.training.storage import load_keras_model
from tinyaudio.learn.training.teacher import ask_teacher

__all__ = [
    "ARCHITECTURES",
    "Backbone",
    "ask_teacher",
    "FloatPredictor",
    "build_network",
    "import_tensorflow",
    "load_keras_model",
    "read_backbone",
    "require_same_front_end",
    "train",
]
