"""From recordings to a proven INT8 model: data, training, quantization, calibration, evaluation."""
