"""What the bodies are made of: convolution, batch normalization, activation."""

from __future__ import annotations

from typing import Any

from tinyaudio.core.project import ModelTable

_KERNEL = (3, 3)


class BlockBuilder:
    """Appends layers named after their block, so that a backbone's layers find theirs.

    Parameters
    ----------
    table
        ``[model]``: gives the activation and the width multiplier.
    """

    def __init__(self, table: ModelTable) -> None:
        import keras

        self._layers = keras.layers
        self._table = table

    def convolution(
        self, flow: Any, channels: int, *, name: str, kernel: tuple[int, int] = _KERNEL, stride: int | tuple[int, int] = 1, is_linear: bool = False
    ) -> Any:
        """Append a convolution to `channels`; `is_linear` leaves the activation out."""
        flow = self._layers.Conv2D(channels, kernel, strides=stride, padding="same", use_bias=False, name=name)(flow)
        return self._normalized(flow, name, is_linear=is_linear)

    def depthwise(self, flow: Any, *, name: str, kernel: tuple[int, int] = _KERNEL, stride: int | tuple[int, int] = 1) -> Any:
        """Append a depthwise convolution."""
        flow = self._layers.DepthwiseConv2D(kernel, strides=stride, padding="same", use_bias=False, name=name)(flow)
        return self._normalized(flow, name)

    def pointwise(self, flow: Any, channels: int, *, name: str, is_linear: bool = False) -> Any:
        """Append a 1x1 convolution to `channels`."""
        return self.convolution(flow, channels, name=name, kernel=(1, 1), is_linear=is_linear)

    def add(self, flow: Any, other: Any, *, name: str) -> Any:
        """Append the sum of two feature maps."""
        return self._layers.Add(name=name)([flow, other])

    def reshape(self, flow: Any, shape: tuple[int, ...], *, name: str) -> Any:
        """Append another view of the same values."""
        return self._layers.Reshape(shape, name=name)(flow)

    def width(self, channels: int) -> int:
        """Scale by the width multiplier, to a multiple of 4 and at least 4, which suits 32-bit loads."""
        return max(4, 4 * round(channels * self._table.width_multiplier / 4.0))

    def _normalized(self, flow: Any, name: str, *, is_linear: bool = False) -> Any:
        # Statistics follow within ten batches, since small data sets make short epochs.
        flow = self._layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name=f"{name}_norm")(flow)
        if is_linear:
            return flow
        return self._layers.ReLU(6.0 if self._table.activation == "relu6" else None, name=f"{name}_relu")(flow)
