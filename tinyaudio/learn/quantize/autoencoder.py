"""Full-integer INT8 autoencoders that keep what the float model knows.

What it takes, measured in docs/anomaly_quantization.md: residuals between dequantized values, and ranges from more than a
handful of patches. Headroom keeps the scores of loud faults, which would be clipped to something more normal, near those of the
float model.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tinyaudio.core.artifacts import FeatureSet, QuantizedModel, TrainedModel
from tinyaudio.core.errors import StageError
from tinyaudio.core.project import AnomalyTable, QuantizeTable
from tinyaudio.learn.quantize.graph import make_stride_padding_explicit
from tinyaudio.learn.quantize.int8 import convert_to_int8
from tinyaudio.learn.quantize.labelled import labelled_model
from tinyaudio.learn.training import load_keras_model, normal_patches

Progress = Callable[[int, int], None]

#: How much louder than normal sound a fault may be before the model's ranges clip it.
HEADROOM_DB = 12.0
_DB_A_NEPER = 20.0 / np.log(10.0)  # of a magnitude; of a power spectrum it is half as much headroom


def quantize_autoencoder(
    trained: TrainedModel, features: FeatureSet, table: AnomalyTable, quantize_table: QuantizeTable, *, on_progress: Progress | None = None
) -> QuantizedModel:
    """Convert the float autoencoder to full-integer INT8, int8 input and output, batch 1.

    Parameters
    ----------
    trained
        The float model.
    features
        What it was trained on.
    table, quantize_table
        ``[anomaly]`` and ``[quantize]`` of the project.
    on_progress
        Called with (representative patches fed, patches in all).

    Raises
    ------
    StageError
        If model and features are of different front ends.
    ModelError
        If the conversion gives anything but int8 at its ends.
    """
    if trained.frontend_fingerprint != features.frontend_fingerprint:
        raise StageError("the model was trained on other features", hint="train again with `tinyaudio train`", where="quantize")
    patches = representative_normal_patches(features, table, quantize_table)
    plain = convert_to_int8(load_keras_model(trained.keras), patches, on_progress=on_progress)
    return labelled_model(make_stride_padding_explicit(plain), trained, is_autoencoder=True)


def representative_normal_patches(features: FeatureSet, table: AnomalyTable, quantize_table: QuantizeTable) -> npt.NDArray[np.float32]:
    """Return patches of normal training clips, each once as it is and once `HEADROOM_DB` louder, drawn by seed.

    There are as many of a kind as ``quantize.representative_clips`` clips have.
    """
    patches = normal_patches(features, "train", table)
    clips = sum(clip.split == "train" for clip in features.dataset.clips)
    wanted = max(1, round(len(patches) * min(1.0, quantize_table.representative_clips / clips)))
    chosen = np.random.default_rng([quantize_table.seed, 0]).permutation(len(patches))[:wanted]
    usual = patches[np.sort(chosen)]
    return np.concatenate([usual, usual + np.float32(HEADROOM_DB / _DB_A_NEPER * features.spec.log_scale)])
