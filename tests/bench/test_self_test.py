"""The self-test on the emulated Cortex-M7: all right where all is right, and a planted bug is named by operator and index."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.golden_fixture import SPEC, golden_vectors
from tests.odd_model import odd_model
from tinyaudio.bench.device import Device
from tinyaudio.bench.device.self_test import SelfTestCollector, SelfTestRun
from tinyaudio.bench.emulation import start_virtual
from tinyaudio.core.artifacts import Calibration, FirmwareProject, GoldenTensors, QuantizedModel
from tinyaudio.core.board import Board, load_board
from tinyaudio.core.errors import ProtocolError
from tinyaudio.deploy.build import build_project
from tinyaudio.deploy.render import RenderInputs, RuntimeChoice, render_project, write_project
from tinyaudio.dsp.frontend import design_frontend
from tinyaudio.wire.messages import Log, LogLevel, SelfTestOperator, SelfTestResult

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

    def __init__(self, directory: Path, golden: GoldenTensors, model: QuantizedModel) -> None:
        self.board: Board = load_board("mps2_an500")
        self.directory = directory
        self.project: FirmwareProject = render_project(
            RenderInputs(
                board=self.board,
                tables=design_frontend(SPEC, kernel=self.board.fft_kernel),
                quantized=model,
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
    yield SelfTestImage(tmp_path_factory.mktemp("self_test"), golden, golden_vectors().model)


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
        # Operator 0, the stem; which kernel it has is the compiler's choice.
        shape = re.search(r"struct \w+Shape0 \{.*?\n\};", text, re.DOTALL)
        assert shape is not None
        assert "kStrideHeight = 2;" in shape[0]
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


def test_a_wrong_clamp_and_a_last_channel_that_is_left_out_are_named(image: SelfTestImage, tmp_path: Path) -> None:
    """Of a model with odd numbers of channels: only values that saturate show the one, only the third of three the other."""
    model = odd_model()
    odd = SelfTestImage(image.directory, golden_tensors(model.tflite, candidate_inputs((1, 32, 64, 1))), model)  # the libraries are built there

    def spoil(text: str) -> str:
        clamp, channels = (re.search(rf"struct {name}Shape\d+ {{.*?\n}};", text, re.DOTALL) for name in ("Pointwise", "Dense"))
        assert clamp is not None
        assert channels is not None
        text = text.replace(clamp[0], clamp[0].replace("kActivationMax = 127;", "kActivationMax = 126;"))
        return text.replace(channels[0], channels[0].replace("kOutputChannels = 3;", "kOutputChannels = 2;"))

    assert odd.run(lambda text: text, tmp_path).first_difference is None
    run = odd.run(spoil, tmp_path)
    wrong = {operator.operator_index: operator for operator in run.operators if operator.mismatches}
    assert [operator.operator_name.split()[0] for operator in wrong.values()] == ["CONV_2D", "FULLY_CONNECTED"]
    assert run.first_difference is not None
    assert run.first_difference.operator_index == 2
    assert (run.first_difference.expected, run.first_difference.actual) == (127, 126)
    left_out = wrong[4]
    assert (left_out.first_element, left_out.mismatches) == (2, 1)


def outcome(index: int, *, mismatches: int = 0) -> SelfTestOperator:
    return SelfTestOperator(
        vector_index=0,
        operator_index=index,
        operator_name=f"CONV_2D op{index}",
        elements=10,
        mismatches=mismatches,
        first_element=3,
        expected=1,
        actual=2,
        counter_ticks=7,
    )


def test_what_is_missing_from_a_self_test_is_noticed() -> None:
    collector = SelfTestCollector()
    assert collector.last_seen() == "before it told of any operator"
    collector.take(outcome(4))
    collector.take(outcome(6, mismatches=2))
    assert collector.last_seen() == "behind operator 6 (CONV_2D op6) on golden input 0, the last that it told of"
    for result in (SelfTestResult(vectors=1, operators=3, failed=1), SelfTestResult(vectors=1, operators=2, failed=0)):
        with pytest.raises(ProtocolError, match=r"the self-test told of 2 operators, 1 of them wrong"):
            collector.take(result)
    with pytest.raises(ProtocolError, match="Log came during a self-test"):
        collector.take(Log(level=LogLevel(0), text=""))
    collector.take(SelfTestResult(vectors=1, operators=2, failed=1))
    assert collector.finish().describe().startswith("operator 6 (CONV_2D op6) is the first that differs: element 3 of 10 is 2 instead of 1")
