"""Train a float model on the features of the integer twin.

The public face: `train`, `FloatPredictor` and, for `learn.quantize`, `load_keras_model`, `build_network` and
`import_tensorflow`.
"""

from tinyaudio.learn.training.architectures import ARCHITECTURES
from tinyaudio.learn.training.autoencoder import ANOMALY_LABELS, FloatAutoencoder, build_autoencoder, normal_patches, train_autoencoder
from tinyaudio.learn.training.backbone import Backbone, read_backbone, require_same_front_end
from tinyaudio.learn.training.embedding import embed, embedding_network
from tinyaudio.learn.training.loop import train
from tinyaudio.learn.training.networks import build_network
from tinyaudio.learn.training.predictor import FloatPredictor
from tinyaudio.learn.training.runtime import import_tensorflow
from tinyaudio.learn.training.storage import load_keras_model
from tinyaudio.learn.training.teacher import ask_teacher

__all__ = [
    "ANOMALY_LABELS",
    "ARCHITECTURES",
    "Backbone",
    "FloatAutoencoder",
    "ask_teacher",
    "FloatPredictor",
    "build_autoencoder",
    "build_network",
    "embed",
    "embedding_network",
    "import_tensorflow",
    "load_keras_model",
    "normal_patches",
    "read_backbone",
    "require_same_front_end",
    "train",
    "train_autoencoder",
]
