"""The self-test on the emulated Cortex-M7: all right where all is right, and a planted bug is named by operator and index."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.golden_fixture import SPEC, golden_vectors
from tinyaudio.bench.device import Device
from tinyaudio.bench.device.self_test import SelfTestRun
from tinyaudio.bench.emulation import start_virtual
from tinyaudio.core.artifacts import Calibration, FirmwareProject, GoldenTensors
from tinyaudio.core.board import Board, load_board
from tinyaudio.deploy.build import build_project
from tinyaudio.deploy.render import RenderInputs, RuntimeChoice, render_project, write_project
from tinyaudio.dsp.frontend import design_frontend

pytest.importorskip("tflite_micro", reason="golden vectors come from the oracle: pip install 'tinyaudio[train]'")

from tinyaudio.learn.oracle import candidate_inputs, golden_tensors

MODEL = "src/generated/model.cc"
Edit = Callable[[str], str]


@pytest.fixture(scope="module")
def golden() -> GoldenTensors:
    vectors = golden_vectors()
    patches = np.concatenate(list(vectors.features.values()))
    return golden_tensors(vectors.model.tflite, candidate_inputs((1, 32, 64, 1), patches=patches))


class SelfTestImage:
    """One project that is built again and again with another model.cc."""

    def __init__(self, directory: Path, golden: GoldenTensors) -> None:
        self.board: Board = load_board("mps2_an500")
        self.directory = directory
        self.project: FirmwareProject = render_project(
            RenderInputs(
                board=self.board,
                tables=design_frontend(SPEC, kernel=self.board.fft_kernel),
                quantized=golden_vectors().model,
                calibration=Calibration(smoothing_patches=1, detection_threshold=0),
                choice=RuntimeChoice(runtime="aot", golden=golden),
            )
        )

    def run(self, edit: Edit, work_dir: Path) -> SelfTestRun:
        write_project(self.project, self.directory)
        text = self.project.files[MODEL]
        edited = edit(text)
        (self.directory / MODEL).write_text(edited, encoding="utf-8")
        artifact = build_project(self.directory, self.board, project=self.project)
        with start_virtual(self.board, Path(artifact.elf), work_dir=work_dir) as virtual, Device(virtual.transport) as device:
            return device.run_self_test()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory, golden: GoldenTensors) -> Iterator[SelfTestImage]:
    yield SelfTestImage(tmp_path_factory.mktemp("self_test"), golden)


def test_the_right_kernels_pass(image: SelfTestImage, golden: GoldenTensors, tmp_path: Path) -> None:
    run = image.run(lambda text: text, tmp_path)
    assert run.first_difference is None
    assert run.failed == ()
    assert run.vectors == len(golden.inputs)
    assert run.describe().endswith("all equal")
    assert all(operator.counter_ticks > 0 for operator in run.operators)  # the profile


def test_an_off_by_one_in_the_last_row_of_a_strided_convolution_is_named(image: SelfTestImage, tmp_path: Path) -> None:
    """The last input row counts as padding, as in a vendor's kernel that drops asymmetric padding."""

    def drop_last_row(text: str) -> str:
        shape = next(found for found in re.finditer(r"struct Conv2d\w*Shape\d+ \{.*?\n\};", text, re.DOTALL) if "kStrideHeight = 2;" in found[0])
        found = re.search(r"kInputHeight = (\d+);", shape[0])
        assert found is not None
        height = int(found[1])
        return text.replace(shape[0], shape[0].replace(f"kInputHeight = {height};", f"kInputHeight = {height - 1};"))

    run = image.run(drop_last_row, tmp_path)
    first = run.first_difference
    assert first is not None
    assert first.operator_name.startswith("CONV_2D ")
    assert {operator.operator_index for operator in run.operators if operator.mismatches} == {first.operator_index}
    rows, row_elements = 16, 32 * 8  # of the first convolution's output
    assert first.first_element // row_elements == rows - 1
    assert f"operator {first.operator_index} (CONV_2D " in run.describe()
    assert f"is {first.actual} instead of {first.expected}" in run.describe()


def test_a_kernel_that_rounds_the_address_of_its_input_down_is_named(image: SelfTestImage, tmp_path: Path) -> None:
    """The input is not aligned, and a vector load ignores the address's low bits: other kernels do not mind."""
    function = re.compile(r"(void (op\d+)_\w+\(\) \{\n\s+tinyaudio::nn::pointwise<\w+>\()(arena \+ \d+)")

    def misalign(text: str) -> str:
        text = text.replace(
            "TINYAUDIO_ARENA int8_t arena[kArenaBytes];",
            "TINYAUDIO_ARENA int8_t memory_of_arena[kArenaBytes + 4];\nint8_t* const arena = memory_of_arena + 4;\n"
            "int8_t* rounded_down(int8_t* address) { return address - reinterpret_cast<uintptr_t>(address) % 16; }",
        )
        return function.sub(r"\1rounded_down(\3)", text, count=1)

    wanted = function.search(image.project.files[MODEL])
    assert wanted is not None
    run = image.run(misalign, tmp_path)
    first = run.first_difference
    assert first is not None
    assert f"op{first.operator_index}" == wanted[2]
    assert len(run.failed) == 1
