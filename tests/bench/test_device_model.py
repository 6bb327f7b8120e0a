"""`Device.run_model` against the C++ application of a model alone, under the sanitizers; and answers that cannot be right."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.bench.hop_device import BAD_LINE
from tests.host_cpp.toolchain import FIRMWARE_LIB, REPOSITORY, compile_host
from tinyaudio.bench.device import Device, InferenceRequest
from tinyaudio.bench.device.model_run import InferenceCollector
from tinyaudio.bench.hil import ModelCase, run_model
from tinyaudio.bench.transport import FaultyTransport, ProcessTransport
from tinyaudio.core.board import CounterScale
from tinyaudio.core.errors import DeviceError, IdentityError, ProtocolError
from tinyaudio.core.tools import start_tool
from tinyaudio.wire.messages import Capability, Message, ModelData, ModelInput, ModelPart, ModelResult, ModelRun, ModelRunOption, ModelTicks

PORT = REPOSITORY / "firmware" / "ports" / "native"
BYTES = 1_234
STEPS = 70
INPUTS = np.random.default_rng(6).integers(0, 256, (12, BYTES)).astype(np.uint8)
SUMS = np.cumsum(INPUTS, axis=0, dtype=np.uint8)


def build_device(folder: Path, *port_sources: Path) -> Path:
    wire, application = FIRMWARE_LIB / "tinyaudio_wire", FIRMWARE_LIB / "tinyaudio_app"
    sources = [
        REPOSITORY / "tests" / "host_cpp" / "model_device_main.cc",
        *(application / "src" / name for name in ("model_application.cc", "session.cc", "microphone_ring.cc")),
        *sorted((wire / "src").glob("*.cc")),
        *port_sources,
        *(source for source in sorted(PORT.glob("*.cc")) if source.name != "port.cc"),
    ]
    folders = [wire / "include", wire / "src", application / "include", application / "src", PORT]
    return compile_host(folder / "model_device", sources, include_dirs=folders)


@pytest.fixture(scope="session")
def model_device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_device(tmp_path_factory.mktemp("model"), PORT / "port.cc")


@pytest.fixture
def line(model_device: Path) -> Iterator[ProcessTransport]:
    with start_tool([model_device], pipes=True) as process:
        transport = ProcessTransport(process)
        yield transport
        transport.close()
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(120) == 0, process.cause_of_death()


def requests(**changes: bool) -> list[InferenceRequest]:
    return [InferenceRequest(input=values.tobytes(), forget=index == 0, **changes) for index, values in enumerate(INPUTS)]


def test_inputs_arrive_and_state_is_carried(line: ProcessTransport) -> None:
    device = Device(line)
    hello = device.connect()
    assert hello.capabilities == Capability.BARE_MODEL | Capability.RESET
    assert (hello.board_id, hello.runtime, hello.arena_bytes, hello.label_count) == ("host test", "aot", 999, 0)
    made: list[int] = []
    inferences = device.run_model(requests(), on_inference=made.append)
    assert [np.frombuffer(item.output, np.uint8).tolist() for item in inferences] == SUMS.tolist()
    assert [item.logits for item in inferences] == [row[-3:].tobytes() for row in SUMS]
    assert made[-1] == len(INPUTS) and {item.step_ticks for item in inferences} == {()}
    again = device.run_model(requests(step_ticks=True))
    assert [item.output for item in again] == [item.output for item in inferences]
    assert {len(item.step_ticks) for item in again} == {STEPS}
    assert all(item.ticks == sum(item.step_ticks) for item in again)


@pytest.mark.parametrize("seed", range(3))
def test_a_bad_line_changes_nothing(line: ProcessTransport, seed: int) -> None:
    faulty = FaultyTransport(line, seed=seed, to_device=BAD_LINE, from_device=BAD_LINE)
    inferences = Device(faulty, poll_seconds=0.02).run_model(requests(step_ticks=True))
    assert [np.frombuffer(item.output, np.uint8).tolist() for item in inferences] == SUMS.tolist()
    assert faulty.faults > 3


def test_after_a_reset_all_is_made_anew(model_device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = tmp_path / "was_reset"
    monkeypatch.setenv("RESET_ONCE", str(marker))
    with start_tool([model_device], pipes=True) as process, Device(ProcessTransport(process), poll_seconds=0.02) as device:
        inferences = device.run_model(requests())
    assert marker.exists()
    assert [np.frombuffer(item.output, np.uint8).tolist() for item in inferences] == SUMS.tolist()


def test_a_model_whose_runs_ended_in_faults_is_not_started_and_a_greeting_ends_their_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, greeted = build_device(tmp_path, REPOSITORY / "tests" / "host_cpp" / "faulting_port.cc"), tmp_path / "greeted"
    for name in ("ONLY_TALKS", "MUST_NOT_START"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("GREETED", str(greeted))
    with (
        start_tool([program], pipes=True) as process,
        Device(ProcessTransport(process)) as device,
        pytest.raises(DeviceError, match="faults at every start") as caught,
    ):
        device.run_model(requests())
    assert "addr2line" in caught.value.hint
    assert greeted.exists()


class Raw(InferenceRequest):
    """What a host should never send."""

    def messages(self, run_id: int) -> list[Message]:
        return list(WRONG[self.input.decode()])


WRONG: dict[str, Sequence[Message]] = {
    "early": [ModelRun(run_id=0, options=ModelRunOption(0))],
    "gap": [ModelInput(offset_bytes=1, data=b"abc")],
    "beyond": [ModelInput(offset_bytes=start, data=bytes(400)) for start in range(0, 1_600, 400)],
}


@pytest.mark.parametrize(
    ("wrong", "message"), [("early", "before the whole input"), ("gap", "does not continue the input"), ("beyond", "beyond the end of the input")]
)
def test_the_device_refuses_and_says_why(line: ProcessTransport, wrong: str, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        Device(line).run_model([Raw(input=wrong.encode())])


def test_it_knows_no_clips_but_a_new_session_mends_all(line: ProcessTransport) -> None:
    device = Device(line)
    with pytest.raises(DeviceError, match="does not know"):
        device.stream_clip(0, np.zeros(400, np.int16))
    device.connect()
    assert len(device.run_model(requests())) == len(INPUTS)


def test_comparison_and_identity(line: ProcessTransport) -> None:
    fingerprint, model = (bytes(start) + bytes(29) for start in ((1, 2, 3), (4, 5, 6)))
    cases = [
        ModelCase(name="noise", input=values, output=total.copy(), logits=total[-3:].copy(), forget=index == 0, step_ticks=index > 9)
        for index, (values, total) in enumerate(zip(INPUTS, SUMS, strict=True))
    ]
    cases[5].output[7:9] ^= 4
    counter = CounterScale(unit="nanoseconds", units_per_tick=1.0)
    expected = {"board": "host test", "firmware_fingerprint": fingerprint.hex(), "counter": counter}
    report = run_model(Device(line), cases, model_sha256=model.hex(), **expected)  # type: ignore[arg-type]
    assert (report.inputs, report.output_mismatches, report.logits_mismatches, report.max_abs_diff) == (10, 2, 0, 4.0)
    first = report.first_mismatches[0]
    assert (first.inference, first.case, first.tensor, first.element_index, first.elements) == (5, "noise", "output", 7, 2)
    assert len(report.per_step) == STEPS and report.arena_bytes == 999


def test_another_firmware_gets_no_input(line: ProcessTransport) -> None:
    case = ModelCase(name="noise", input=INPUTS[0], output=SUMS[0], logits=SUMS[0])
    counter = CounterScale(unit="nanoseconds", units_per_tick=1.0)
    with pytest.raises(IdentityError, match="model 040506"):
        run_model(Device(line), [case], board="host test", firmware_fingerprint="", model_sha256="ab" * 32, counter=counter)


RESULT = ModelResult(run_id=0, input_crc32=0, counter_ticks=1, output_bytes=2, logits_bytes=0, steps=0)
PIECE = ModelData(run_id=0, part=ModelPart.OUTPUT, offset_bytes=0, data=b"ab")


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([RESULT], r"\(0, 0, 0\) came of \(2, 0, 0\)"),
        ([PIECE, PIECE], "does not continue at byte 2"),
        ([dataclasses.replace(PIECE, run_id=3)], "about inference 3"),
        ([ModelTicks(run_id=0, first_step=1, ticks=(5,))], "the ticks of step 1 came"),
        ([PIECE, RESULT, RESULT], "came unasked for"),
        ([PIECE, dataclasses.replace(RESULT, input_crc32=9)], "another input"),
        ([ModelRun(run_id=0, options=ModelRunOption(0))], "ModelRun came unasked for"),
    ],
)
def test_answers_that_cannot_be_right(messages: list[Message], message: str) -> None:
    collector = InferenceCollector([InferenceRequest(input=b"")])
    with pytest.raises(ProtocolError, match=message):
        for item in messages:
            collector.take(item)
