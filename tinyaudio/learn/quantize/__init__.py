"""Full-integer INT8 models.

The public face: `quantize`; `convert_to_int8`, `describe_model` and `make_stride_padding_explicit` are its parts.
"""

from tinyaudio.learn.quantize.autoencoder import quantize_autoencoder, representative_normal_patches
from tinyaudio.learn.quantize.bulk import BulkInterpreter
from tinyaudio.learn.quantize.embedding import embed_int8, quantize_embedding
from tinyaudio.learn.quantize.graph import describe_model, make_stride_padding_explicit
from tinyaudio.learn.quantize.int8 import convert_to_int8, quantize, refuse_unsupported
from tinyaudio.learn.quantize.labelled import FRONTEND_KEY, labelled_model, model_labels
from tinyaudio.learn.quantize.layer_errors import layer_errors
from tinyaudio.learn.quantize.representative import representative_patches, spread_over_classes, spread_over_sounds

__all__ = [
    "BulkInterpreter",
    "FRONTEND_KEY",
    "convert_to_int8",
    "describe_model",
    "embed_int8",
    "labelled_model",
    "layer_errors",
    "make_stride_padding_explicit",
    "model_labels",
    "quantize",
    "quantize_autoencoder",
    "quantize_embedding",
    "refuse_unsupported",
    "representative_normal_patches",
    "representative_patches",
    "spread_over_classes",
    "spread_over_sounds",
]
