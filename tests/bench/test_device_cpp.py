"""`Device` against the C++ link in a child process, under the sanitizers: faults of the line and resets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.hop_device import BAD_LINE, PCM, assert_whole
from tests.host_cpp.toolchain import FIRMWARE_LIB, compile_host
from tinyaudio.bench.device import Device
from tinyaudio.bench.transport import FaultRates, FaultyTransport, ProcessTransport
from tinyaudio.core.errors import TransportError
from tinyaudio.core.tools import start_tool


@pytest.fixture(scope="session")
def cpp_device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = FIRMWARE_LIB / "tinyaudio_wire"
    sources = [Path(__file__).resolve().parents[1] / "host_cpp" / "link_device_main.cc", *sorted((library / "src").glob("*.cc"))]
    return compile_host(tmp_path_factory.mktemp("link") / "link_device", sources, include_dirs=[library / "include", library / "src"])


@pytest.fixture
def cpp_line(cpp_device: Path, request: pytest.FixtureRequest) -> Iterator[ProcessTransport]:
    """Talk to the C++ device, started with the arguments the test is parametrized with; it must end well."""
    with start_tool([cpp_device, *map(str, request.param)], pipes=True) as process:
        line = ProcessTransport(process)
        yield line
        line.close()
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(120) == 0, process.cause_of_death()


@pytest.mark.parametrize("cpp_line", [(2_048, 2_048), (1_101, 1_101), (65_535, 65_536)], indirect=True)
def test_cpp_clean_line(cpp_line: ProcessTransport) -> None:
    device = Device(cpp_line)
    hello = device.connect()
    assert hello.board_id == "host test"
    assert hello.kernel == "a name that is f"
    assert hello.model_sha256 == b"\xab" * 32
    for clip_id in range(3):
        assert_whole(device.stream_clip(clip_id, PCM), PCM)
    assert device.statistics.retransmitted_frames == 0


@pytest.mark.parametrize("cpp_line", [(2_048, 2_048), (1_101, 8_192)], indirect=True)
@pytest.mark.parametrize("seed", range(4))
def test_cpp_bad_line(cpp_line: ProcessTransport, seed: int) -> None:
    line = FaultyTransport(cpp_line, seed=seed, to_device=BAD_LINE, from_device=BAD_LINE)
    device = Device(line, poll_seconds=0.02)
    for clip_id in range(2):
        assert_whole(device.stream_clip(clip_id, PCM), PCM)
    assert line.faults > 50
    assert device.statistics.malformed_frames > 0


@pytest.mark.parametrize("cpp_line", [(2_048, 2_048, 3_000, 40_000), (4_096, 8_192, 1, 65_000, 66_000)], indirect=True)
@pytest.mark.parametrize("rates", [FaultRates(), BAD_LINE], ids=["clean", "bad"])
def test_cpp_resets(cpp_line: ProcessTransport, rates: FaultRates) -> None:
    line = FaultyTransport(cpp_line, seed=11, to_device=rates, from_device=rates)
    device = Device(line, poll_seconds=0.02)
    run = device.stream_clip(0, PCM)
    assert_whole(run, PCM)
    assert run.resumed >= 1
    assert_whole(device.stream_clip(1, PCM), PCM)


@pytest.mark.parametrize("cpp_line", [(2_048, 2_048)], indirect=True)
def test_cpp_obeys_a_reset_request_and_numbers_its_boots(cpp_line: ProcessTransport) -> None:
    device = Device(cpp_line, poll_seconds=0.02)
    boots = [device.connect().boot_id]
    device.request_reset()
    boots.append(device.connect().boot_id)
    assert boots == [1, 2]


@pytest.mark.parametrize("sizes", [("1000", "2048"), ("2048", "1000"), ("65536", "2048")])
def test_cpp_refuses_buffers_that_might_stall(cpp_device: Path, sizes: tuple[str, str]) -> None:
    with start_tool([cpp_device, *sizes], pipes=True) as process:
        assert process.wait(120) == 3
        with pytest.raises(TransportError, match="buffers refused"):
            Device(ProcessTransport(process)).connect()
