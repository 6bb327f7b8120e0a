"""The whole firmware on an interpreter that fails: what cannot run is told at once, in words that say what to do.

The interpreter is a fake (`fake_tflm.cc`), so that this needs no sources of TFLite Micro.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hil_tests.rigs import CALIBRATION, Rig, golden_tables
from tests.esp_idf.test_translation_units import DECLARATIONS
from tests.golden_fixture import golden_vectors
from tests.host_cpp.toolchain import sanitized_program
from tinyaudio.bench.device import Device
from tinyaudio.bench.emulation import start_virtual
from tinyaudio.core.artifacts import GoldenTensors
from tinyaudio.core.board import load_board
from tinyaudio.core.errors import DeviceError
from tinyaudio.deploy.render import RenderInputs, RuntimeChoice, render_project
from tinyaudio.deploy.tflm import read_outline

ARENA_BYTES = 4_096
FAKE = Path(__file__).parent / "fake_tflm.cc"


def _zeros() -> GoldenTensors:
    """Golden vectors of what the fake computes: nothing."""
    model = golden_vectors().model
    outline = read_outline(model.tflite)
    tensors = {outline.input_.index: outline.input_.shape, outline.output_.index: outline.output_.shape}
    sizes = [int(np.prod(shape)) for shape in tensors.values()]
    return GoldenTensors(
        model_sha256=model.sha256,
        oracle="none",
        inputs=("zeros",),
        tensors=tuple(tensors),
        shapes=tuple(tensors.values()),
        offsets=np.array([0, sizes[0], sum(sizes)], np.int64),
        values=np.zeros((1, sum(sizes)), np.int8),
    )


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    board, work_dir = load_board("native"), tmp_path_factory.mktemp("fake_tflm")
    project = render_project(
        RenderInputs(
            board=board,
            tables=golden_tables(),
            quantized=golden_vectors().model,
            calibration=CALIBRATION,
            choice=RuntimeChoice(runtime="tflm", arena_bytes=ARENA_BYTES, golden=_zeros()),
        )
    )
    program = sanitized_program(
        project, work_dir, more_sources=[FAKE], include_dirs=[DECLARATIONS], flags=['-DTINYAUDIO_TFLM_VERSION="a fake"', "-Wno-unused-parameter"]
    )
    return Rig(depth="virtual", board=board, project=project, elf=program, port=None, work_dir=work_dir)


def test_hello_says_whose_kernels_compute_and_how_much_of_the_arena_is_in_use(rig: Rig) -> None:
    assert rig.elf is not None
    with start_virtual(rig.board, rig.elf, work_dir=rig.work_dir) as virtual, Device(virtual.transport, name="native", poll_seconds=0.1) as device:
        hello = device.connect()
        assert (hello.runtime, hello.model_kernels, hello.arena_bytes, hello.arena_used_bytes) == ("tflm", "a fake", ARENA_BYTES, 4_000)
        assert device.stream_clip(0, golden_vectors().pcm["tone"]).result.patches == 2


def test_an_arena_that_is_too_small_is_told_with_the_missing_bytes(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_TFLM_NEEDED_BYTES", "5000")
    with pytest.raises(DeviceError, match="self_check: the model's arena of 4096 bytes is too small: at least 904 bytes are missing") as caught:
        rig.run()
    assert caught.value.where == "native"
    assert "a smaller model, or a board with more memory" in caught.value.hint


def test_an_operator_that_the_resolver_lacks_is_named(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_TFLM_LACKS", "CONV_2D")
    with pytest.raises(DeviceError, match="TFLite Micro cannot prepare the model: Didn't find op for builtin opcode 'CONV_2D'") as caught:
        rig.run()
    assert "run `tinyaudio build` and flash again" in caught.value.hint


def test_a_model_that_fails_while_it_runs_says_why_and_gives_no_result(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_TFLM_FAILS", "Node CONV_2D (number 0) failed to invoke with status 1")
    with pytest.raises(DeviceError, match=r"TFLite Micro cannot run the model: Node CONV_2D \(number 0\) failed"):
        rig.run()


def test_a_model_that_fails_in_its_self_test_says_why(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_TFLM_FAILS", "Node CONV_2D (number 0) failed to invoke with status 1")
    assert rig.elf is not None
    with (
        start_virtual(rig.board, rig.elf, work_dir=rig.work_dir) as virtual,
        Device(virtual.transport, name="native", poll_seconds=0.1) as device,
        pytest.raises(DeviceError, match=r"TFLite Micro cannot run the model: Node CONV_2D \(number 0\) failed"),
    ):
        device.run_self_test()
