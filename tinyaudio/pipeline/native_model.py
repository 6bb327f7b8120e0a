"""The INT8 model as a program of this computer: the C++ that goes onto the boards, many times faster than the reference interpreter."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.artifacts import Float64Array, Int8Array, QuantizedModel
from tinyaudio.core.errors import ModelError, ToolError
from tinyaudio.core.tools import run_tool
from tinyaudio.deploy.build import HostProgram, build_host_program
from tinyaudio.deploy.compiler import compile_model
from tinyaudio.learn.dataset import PatchSet, quantized_patches
from tinyaudio.learn.oracle import Oracle, oracle_version
from tinyaudio.pipeline.line import Advance

_COMPARED_PATCHES = 16
_RUN_PATCHES = 512  # in one go, to tell how far it is between


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeOutputs:
    """What the model made of some patches."""

    logits: Int8Array  # [patches, labels]; the tensor before a final softmax
    outputs: Int8Array  # [patches, labels]
    compared: int  # of them, patches that the reference interpreter computed as well


class NativePredictor:
    """Scores patches with the compiled model.

    Some patches of every set are also given to the reference interpreter, and nothing may differ.

    Parameters
    ----------
    quantized
        The model.
    folder
        Where the program is kept; it is compiled anew only if the model, the kernels or the compiler changed.

    Raises
    ------
    ToolError
        If there is no C++ compiler, or it fails; or if there is no reference interpreter.
    ModelError
        If the model cannot be compiled.
    """

    name = "int8"

    def __init__(self, quantized: QuantizedModel, folder: Path) -> None:
        self._quantized = quantized
        self._compiled = compile_model(quantized.tflite, name="model", int8_ends=True)
        self._program: HostProgram = build_host_program(self._compiled, folder)
        self._oracle = Oracle(quantized.tflite)
        self.compared = 0

    @property
    def description(self) -> str:
        """What computes, and with what it was compared."""
        return f"compiled C++ ({self._program.compiler}), {self.compared} patches compared with {oracle_version()}"

    def predict(self, patch_set: PatchSet, *, on_progress: Advance | None = None) -> Float64Array:
        """Return the scores, float64[patches, labels]."""
        patches = quantized_patches(self._quantized, patch_set)
        begins = np.zeros(len(patches), np.bool_)
        begins[patch_set.patch_offsets[:-1]] = True
        found = self.run(patches, begins=begins, on_progress=on_progress)
        return (found.outputs.astype(np.float64) - self._quantized.output_zero_point) * self._quantized.output_scale

    def run(
        self, patches: Int8Array, *, begins: NDArray[np.bool_] | None = None, compare: bool = True, on_progress: Advance | None = None
    ) -> NativeOutputs:
        """Return what the model makes of patches.

        Parameters
        ----------
        patches
            int8[patches, *patch_shape].
        begins
            [patches]: whether a clip begins, where a streaming model forgets all that was; None: each begins one.
        compare
            Whether to give some of them to the reference interpreter as well.
        on_progress
            Called with (patches done, patches in all).

        Raises
        ------
        ModelError
            If the interpreter computes anything else for one of the patches that are compared.
        ToolError
            If the program dies.
        """
        rows = patches.reshape(len(patches), self._compiled.input_.elements)
        forget = np.ones(len(rows), np.bool_) if begins is None else begins
        at_once = max(len(rows), 1) if self._compiled.state_bytes else _RUN_PATCHES  # a new process knows nothing of what was
        parts = []
        for start in range(0, max(len(rows), 1), at_once):
            parts.append(self._run_some(rows[start : start + at_once], forget[start : start + at_once]))
            if on_progress is not None:
                on_progress(min(start + at_once, len(rows)), len(rows))
        values = np.concatenate(parts)
        split = self._compiled.logits.elements
        found = NativeOutputs(logits=values[:, :split], outputs=values[:, split:], compared=min(_COMPARED_PATCHES, len(rows)) if compare else 0)
        self._compare(rows, forget, found)
        self.compared += found.compared
        return found

    def _run_some(self, rows: Int8Array, forget: NDArray[np.bool_]) -> Int8Array:
        compiled = self._compiled
        with tempfile.TemporaryDirectory(prefix="tinyaudio-native-") as work:
            inputs, outputs = Path(work) / "inputs", Path(work) / "outputs"
            inputs.write_bytes(np.hstack([forget[:, np.newaxis].astype(np.int8), rows]).tobytes())
            run_tool([self._program.path, inputs, outputs], hint="`tinyaudio model verify --board native` says more")
            values = np.fromfile(outputs, np.int8)
        return values.reshape(len(rows), compiled.logits.elements + compiled.output_.elements)

    def _compare(self, rows: Int8Array, forget: NDArray[np.bool_], found: NativeOutputs) -> None:
        """Compare patches that are spread over all of them; of a streaming model the first ones, which follow each other."""
        last = found.compared - 1 if self._compiled.state_bytes else len(rows) - 1
        for index in np.linspace(0, max(last, 0), found.compared).round().astype(int):
            if forget[index]:
                self._oracle.forget()
            logits, outputs = self._oracle.run(rows[index])
            if not (np.array_equal(found.logits[index], logits) and np.array_equal(found.outputs[index], outputs)):
                raise ModelError(
                    f"the compiled model computes something else than {oracle_version()} for patch {index} of the split",
                    hint="`tinyaudio model verify FILE --board native` names the tensor; please report it with the model",
                    where=f"model {self._quantized.sha256[:12]}",
                )


def native_predictor(quantized: QuantizedModel, folder: Path) -> NativePredictor | ToolError:
    """Return the predictor, or why there can be none on this computer."""
    try:
        return NativePredictor(quantized, folder)
    except ToolError as error:
        return error
