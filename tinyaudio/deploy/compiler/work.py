"""What a call of a kernel does, in numbers that its time grows with: the basis of predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyaudio.deploy.compiler.graph import Kernel
from tinyaudio.deploy.compiler.ops.row_chain import PREFIX


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelWork:
    """One call of a kernel."""

    kernel: str
    byte_macs: int  # multiply-accumulates with weights of one byte
    wide_macs: int  # with weights of two bytes
    plain_macs: int  # with either, but not in blocks that are written for the processor
    values: int  # outputs; of a kernel without weights inputs or outputs, whichever are more
    spread: int  # values that are copied into scratch four at a time, before they are multiplied
    gathered: int  # one at a time: neither the channels nor the rows under a kernel are groups of four


def kernel_work(kernel: Kernel, *, values: int) -> KernelWork:
    """Return the work of `kernel`; `values` that its operator reads or writes, whichever are more."""
    sizes = {name: value for name, value in kernel.shape if isinstance(value, int)}
    names = {name: value.rpartition("::")[2] for name, value in kernel.shape if isinstance(value, str)}
    function = kernel.function.removeprefix(PREFIX)
    moved, by_fours = _moved(function, sizes)
    plain = round(_plain_share(function, sizes, names) * kernel.macs)
    wide = names.get("Weights") == "kWide"
    return KernelWork(
        kernel=function,
        byte_macs=0 if wide else kernel.macs - plain,
        wide_macs=kernel.macs - plain if wide else 0,
        plain_macs=plain,
        values=_outputs(sizes) if kernel.macs and "OutputChannels" in sizes else values,
        spread=moved if by_fours else 0,
        gathered=0 if by_fours else moved,
    )


def _plain_share(function: str, sizes: Mapping[str, int], names: Mapping[str, str]) -> float:
    """Return for which share of the outputs there is no block in assembly: see `kFits` of the kernels, and `Blocks` of columns.h."""
    if function in ("depthwise_conv_2d", "dense") or "OutputChannels" not in sizes:
        return 0.0
    saturates = (sizes.get("ActivationMin"), sizes.get("ActivationMax")) == (-128, 127)
    if not saturates or names.get("Requantization") == "kGeneral" or (sizes["OutputChannels"] % 2 and function != "depthwise_3x3"):
        return 1.0
    pixels = _outputs(sizes) // sizes["OutputChannels"] // sizes.get("ImageRows", 1)  # at a time
    return {1: 1.0, 2: 1.0, 5: 0.2}.get(pixels, 0.0) if function in ("pointwise", "conv_2d") else 0.0


def _outputs(sizes: Mapping[str, int]) -> int:
    if "Pixels" in sizes or "OutputHeight" not in sizes:
        return sizes.get("Pixels", 1) * sizes.get("ImageRows", 1) * sizes["OutputChannels"]
    if "OutputWidth" in sizes:
        return sizes["OutputHeight"] * sizes["OutputWidth"] * sizes["OutputChannels"]
    phases = sizes["OutputRowStep"] // (sizes["OutputColumnStep"] * sizes["InputWidth"])  # of conv_twins
    return phases * sizes["OutputHeight"] * sizes["InputWidth"] * sizes["OutputChannels"]


def _moved(function: str, sizes: Mapping[str, int]) -> tuple[int, bool]:
    """Return how many values the kernel copies into its scratch, padding included, and whether four at a time."""
    channels = sizes.get("InputChannels", 0)
    by_fours = channels % 4 == 0
    if function == "pointwise":
        return sizes["Pixels"] * sizes.get("ImageRows", 1) * channels, True  # what is left over of a pixel is less than four
    if function == "conv_2d":
        row_of_fours = sizes["DilationWidth"] == 1 and sizes["KernelWidth"] * channels % 4 == 0
        return sizes["OutputHeight"] * sizes["OutputWidth"] * sizes["Depth"], by_fours or row_of_fours
    if function == "conv_twins":
        return (sizes["OutputHeight"] - 1 + sizes["KernelHeight"]) * sizes["InputWidth"] * channels, True
    if function in ("conv_rows", "depthwise_3x3", "depthwise_conv_2d"):
        rows, columns = (
            (sizes[f"Output{side}"] - 1) * sizes[f"Stride{side}"] + (sizes.get(f"Kernel{side}", 3) - 1) * sizes.get(f"Dilation{side}", 1) + 1
            for side in ("Height", "Width")
        )
        return rows * columns * channels, by_fours
    return 0, True
