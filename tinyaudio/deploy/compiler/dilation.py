"""Dilated convolutions that a file spells out: SPACE_TO_BATCH_ND, a convolution over each residue of the positions, BATCH_TO_SPACE_ND.

With a dilation of d, outputs d positions apart take inputs d positions apart. TensorFlow therefore deals the positions out
to d batches, convolves each, and deals the results back. It is one dilated convolution: the same products, the same sums.
A file whose batch size is free says 1 where there are d batches: it is refused, as TensorFlow Lite Micro trusts that 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tinyaudio.deploy.compiler.graph import Operation, Tensor
from tinyaudio.deploy.compiler.ops.conv_2d import Convolution
from tinyaudio.deploy.compiler.ops.depthwise_conv_2d import DepthwiseConvolution
from tinyaudio.deploy.compiler.ops.reshape import Reshape
from tinyaudio.deploy.compiler.view import OperatorView
from tinyaudio.deploy.compiler.window import MAX_PADDING, Extent, Window

_BEGIN, _END = "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_RESHAPES = ("EXPAND_DIMS", "RESHAPE", "SQUEEZE")
_EXPORT_FIXED = "export the model with a fixed batch size of 1 and a current TensorFlow, which give one dilated convolution"
_HINT = "supported between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND: one convolution of stride 1 without padding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The operators of one dilated convolution."""

    begin: OperatorView
    convolution: OperatorView
    end: OperatorView
    between: tuple[int, ...]  # indices of the operators behind `begin`, `end` included


def find_chains(views: Sequence[OperatorView]) -> dict[int, Chain]:
    """Return the chains by the index of their first operator."""
    readers: dict[int, list[OperatorView]] = {}
    for view in views:
        for tensor in view.inputs:
            readers.setdefault(tensor, []).append(view)
    chains = (_follow(view, readers) for view in views if view.kind == _BEGIN)
    return {chain.begin.index: chain for chain in chains if chain is not None}


def _follow(begin: OperatorView, readers: Mapping[int, Sequence[OperatorView]]) -> Chain | None:
    """Return the chain that starts with `begin`, if each of its results has one reader and a convolution is among them."""
    convolution, between, view = None, [], begin
    while len(view.outputs) == 1 and len(readers.get(view.outputs[0], ())) == 1:
        view = readers[view.outputs[0]][0]
        between.append(view.index)
        if view.kind == _END and convolution is not None:
            return Chain(begin=begin, convolution=convolution, end=view, between=tuple(between))
        if view.kind in _CONVOLUTIONS and convolution is None:
            convolution = view
        elif view.kind not in _RESHAPES:
            break
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Direction:
    """What happens to the positions along height or width."""

    size: int = 1  # of the values
    block: int = 1
    paddings: tuple[int, int] = (0, 0)
    crops: tuple[int, int] = (0, 0)

    @property
    def padded(self) -> int:
        return self.size + sum(self.paddings)


def read_chain(chain: Chain, tensors: list[Tensor], read: Callable[[OperatorView], Operation]) -> tuple[Operation, ...]:
    """Return the operators that take a chain's place: the dilated convolution, between reshapes if the values have one dimension.

    Parameters
    ----------
    chain
        From `find_chains`.
    tensors
        Of the graph; new ones are appended.
    read
        Reads a single operator.

    Raises
    ------
    ModelError
        If the chain is anything but one dilated convolution.
    """
    begin, end, convolution = chain.begin, chain.end, chain.convolution
    for view in (begin, end):
        view.expect_arity(inputs=(3,))
    values, output, image = begin.int8_activation(begin.input(0)), end.output(), convolution.int8_activation(convolution.input(0))
    begin.expect_equal_quantization(values, image)
    end.expect_equal_quantization(convolution.output(), output)
    directions = _directions(chain, values, image)
    batches = directions[0].block * directions[1].block
    if image.shape[0] != batches:
        message = f"tensor {image.describe()} stands for {batches} batches, as the batch size is free; TensorFlow Lite Micro computes it wrongly"
        convolution.fail(message, hint=_EXPORT_FIXED)
    if any(sum(direction.paddings) for direction in directions):
        begin.fail("it pads, and TensorFlow Lite Micro never sets the value it pads with", hint=_EXPORT_FIXED)
    single = _single(convolution, tensors, read)
    extents, results = [], []
    for axis, (extent, direction) in enumerate(zip((single.window.height, single.window.width), directions, strict=True)):
        inner, rest = divmod(direction.padded, direction.block)
        if rest or image.shape[1 + axis] != inner or extent != Extent(size=extent.size, stride=1, dilation=1, before=0, after=0):
            convolution.fail("it is no part of a dilated convolution", hint=_HINT)
        dilated = Extent(size=extent.size, stride=1, dilation=direction.block, before=direction.paddings[0], after=0)
        result = direction.block * extent.outputs_of(inner) - direction.crops[1]
        results.append(result)
        extents.append(replace(dilated, after=result - 1 + dilated.reach - direction.size - dilated.before))
    wanted = (1, *results, tensors[single.outputs[0]].shape[3])
    if output.shape != (wanted if len(output.shape) == 4 else (1, max(results), wanted[3])):
        end.fail(f"tensor {output.describe()} must have the values of {list(wanted)}")
    dense = replace(single, window=Window(height=extents[0], width=extents[1]))
    return _between_reshapes(chain, dense, tensors, (1, directions[0].size, directions[1].size, image.shape[3]), wanted)


def _directions(chain: Chain, values: Tensor, image: Tensor) -> tuple[_Direction, _Direction]:
    """Return height and width; values of one dimension lie along that of both in which the convolution has more than one position."""
    begin, end = chain.begin, chain.end
    rank = len(values.shape)
    if rank not in (3, 4) or values.shape[0] != 1 or len(image.shape) != 4 or values.shape[-1] != image.shape[3]:
        begin.fail(f"tensor {values.describe()} must have the shape [1, height, width, channels] or [1, length, channels]", hint=_HINT)
    count = rank - 2
    blocks, paddings = begin.integers(1), begin.integers(2)
    end_blocks, crops = end.integers(1), end.integers(2)
    if (len(blocks), len(paddings), len(crops)) != (count, 2 * count, 2 * count) or end_blocks != blocks or any(crops[::2]):
        end.fail(f"its blocks {list(end_blocks)} and crops {list(crops)} do not fit the blocks {list(blocks)} of {_BEGIN}", hint=_HINT)
    if not all(1 <= block <= MAX_PADDING for block in blocks) or not all(0 <= amount <= MAX_PADDING for amount in (*paddings, *crops)):
        begin.fail(f"its blocks {list(blocks)} and paddings {list(paddings)} are outside 1 to {MAX_PADDING}", hint=_HINT)
    found = [
        _Direction(
            size=values.shape[1 + axis],
            block=blocks[axis],
            paddings=(paddings[2 * axis], paddings[2 * axis + 1]),
            crops=(crops[2 * axis], crops[2 * axis + 1]),
        )
        for axis in range(count)
    ]
    if count == 2:
        return found[0], found[1]
    return (_Direction(), found[0]) if image.shape[1] == 1 else (found[0], _Direction())


def _single(view: OperatorView, tensors: list[Tensor], read: Callable[[OperatorView], Operation]) -> Convolution | DepthwiseConvolution:
    """Return the convolution over one batch, read as if it stood alone."""
    places = []
    for index in (view.inputs[0], view.outputs[0]):
        tensor = tensors[index]
        if len(tensor.shape) != 4:
            view.fail(f"tensor {tensor.describe()} must have four dimensions")
        places.append(len(tensors))
        tensors.append(replace(tensor, index=len(tensors), shape=(1, *tensor.shape[1:]), data=None))
    alone = replace(view, inputs=(places[0], *view.inputs[1:]), outputs=(places[1],), tensors=tensors)
    operation = read(alone)
    assert isinstance(operation, Convolution | DepthwiseConvolution), "the kinds of _CONVOLUTIONS"
    return operation


def _between_reshapes(
    chain: Chain, operation: Convolution | DepthwiseConvolution, tensors: list[Tensor], image: tuple[int, ...], result: tuple[int, ...]
) -> tuple[Operation, ...]:
    """Return `operation` from the chain's input to its output, whose shapes may lack height or width."""
    source, target = chain.begin.inputs[0], chain.end.outputs[0]
    if len(tensors[source].shape) == 4:
        return (replace(operation, inputs=(source, *operation.inputs[1:]), outputs=(target,)),)
    before, behind = len(tensors), len(tensors) + 1
    tensors.append(replace(tensors[source], index=before, shape=image, data=None))
    tensors.append(replace(tensors[target], index=behind, shape=result, data=None))
    return (
        Reshape(index=chain.begin.index, kind=chain.begin.kind, inputs=(source,), outputs=(before,), shape=image),
        replace(operation, inputs=(before, *operation.inputs[1:]), outputs=(behind,)),
        Reshape(index=chain.end.index, kind=chain.end.kind, inputs=(behind,), outputs=(target,), shape=tensors[target].shape),
    )
