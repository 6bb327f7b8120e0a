"""Get TensorFlow: quietly, or with a clear error."""

from __future__ import annotations

import os
from typing import Any

from tinyaudio.core.errors import ToolError


def import_tensorflow() -> Any:
    """Return the module ``tensorflow``: its C++ log kept to warnings unless ``TF_CPP_MIN_LOG_LEVEL`` says otherwise, its own to errors.

    Raises
    ------
    ToolError
        If it is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # oneDNN's order of summation depends on the processor; without it a seed means more, and these small networks train as fast.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    try:
        import tensorflow
    except ImportError as error:
        raise ToolError("TensorFlow is not installed, and training needs it", hint='pip install "tinyaudio[train]"', where="train") from error
    tensorflow.get_logger().setLevel("ERROR")  # it warns of retracing when batches differ in size, which no user can mend
    return tensorflow


def make_deterministic(seed: int) -> None:
    """Let everything that TensorFlow and Keras draw and sum follow from `seed`.

    Raises
    ------
    ToolError
        If TensorFlow is not installed.
    """
    tensorflow = import_tensorflow()
    import keras

    keras.utils.set_random_seed(seed)
    tensorflow.config.experimental.enable_op_determinism()
