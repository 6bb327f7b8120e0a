"""The whole firmware of an ESP32-S3, its port included, on an ESP-IDF that is threads, pipes and files of the host."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.esp32s3_fixture import BOARD, CALIBRATION, golden_case
from tests.host_cpp.toolchain import SANITIZERS
from tinyaudio.bench.device import CALIBRATION_KEY, Device, encode_calibration
from tinyaudio.bench.hil import LiveExpectation, LiveReport, run_hil, run_live
from tinyaudio.bench.transport import ProcessTransport, Transport
from tinyaudio.bench.transport.fifo import FifoTransport
from tinyaudio.core.artifacts import FirmwareProject
from tinyaudio.core.errors import DeviceError
from tinyaudio.core.tools import ToolProcess, start_tool
from tinyaudio.deploy.render import write_project
from tinyaudio.learn.oracle import Oracle
from tinyaudio.wire.messages import CalibrationState, Log

HERE = Path(__file__).resolve().parent
CASE = golden_case()
FRAMES = CASE.clip_frames
OURS = ("-std=gnu++23", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Wshadow", "-Werror")


@pytest.fixture(scope="module")
def project() -> FirmwareProject:
    return CASE.project


@pytest.fixture(scope="module")
def program(project: FirmwareProject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(project, tmp_path_factory.mktemp("firmware"))


def build(project: FirmwareProject, folder: Path) -> Path:
    """Compile a rendered project with the fake ESP-IDF; ESP-DSP is what tinyaudio has for builds without it."""
    root = folder / "project"
    write_project(project, root)
    sources = [path for part in ("src", "lib") for path in sorted((root / part).rglob("*.cc"))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda source: compile_source(source, folder), [*sources, HERE / "fake_esp_idf.cc"]))
    return link(folder)


def compile_source(source: Path, folder: Path) -> None:
    root = folder / "project"
    includes = [f"-I{path}" for path in (root / "src", *sorted((root / "lib").glob("*/include")), HERE / "include")]
    stands_in = source.stem == "dsps_fft2r_sc16_ansi"
    flags = ["-std=gnu++23"] if source.name == "fake_esp_idf.cc" else [*OURS, *([] if stands_in else ["-DESP_PLATFORM"])]
    target = folder / f"{source.parent.parent.name}_{source.stem}.o"
    result = subprocess.run(
        ["g++", "-O1", *SANITIZERS, *flags, *includes, "-c", str(source), "-o", str(target)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def link(folder: Path) -> Path:
    binary = folder / "firmware"
    subprocess.run(["g++", *SANITIZERS, *map(str, sorted(folder.glob("*.o"))), "-pthread", "-o", str(binary)], check=True)
    return binary


@contextmanager
def running(program: Path, **settings: str) -> Iterator[ToolProcess]:
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0", **settings}
    with start_tool([program], env=environment, pipes=True) as process:
        yield process
        assert process.poll() in (None, 0), process.cause_of_death()


@contextmanager
def uart(program: Path, **settings: str) -> Iterator[Transport]:
    with running(program, **settings) as process:
        yield ProcessTransport(process)


def test_over_the_uart_every_stage_equals_the_twin(program: Path, project: FirmwareProject) -> None:
    pytest.importorskip("tflite_micro", reason="the reference interpreter is not installed: pip install tinyaudio[train]")
    streamed = CASE.clips()[2:]
    with uart(program) as line:
        report = run_hil(lambda log: Device(line, on_log=log), streamed, expected=CASE.expectation(streamed), depth="virtual", link="UART")
    assert (report.frames, report.patches) == (2 * FRAMES, 10)
    assert (report.frontend_mismatches, report.model_mismatches, report.decision_mismatches) == (0, 0, 0), report.first_mismatches
    assert report.identity.chip_id == "7cdfa1e0c0de"
    assert report.identity.counter_unit == "cycles"
    assert report.log == ()


def test_whichever_port_was_heard_last_is_answered(program: Path, tmp_path: Path) -> None:
    usb = FifoTransport(to_device=tmp_path / "to_device", from_device=tmp_path / "from_device")
    with uart(program, FAKE_USB=str(tmp_path)) as line:
        over_uart = Device(line).connect()
        over_usb = Device(usb).connect()
        again = Device(line).connect()
    assert over_uart.firmware_fingerprint == over_usb.firmware_fingerprint == again.firmware_fingerprint
    assert over_uart.boot_id == over_usb.boot_id != 0


@pytest.mark.parametrize(
    ("reason", "dump", "said"),
    [
        (4, "tinyaudio:42001234", "an exception or a failed check in task tinyaudio at 0x42001234"),
        (4, "", "the run before was ended by an exception or a failed check"),
        (5, "", "the watchdog of interrupts"),
        (6, "tinyaudio:42005678", "the watchdog of tasks in task tinyaudio at 0x42005678"),
        (9, "", "too low a supply voltage (brown-out)"),
        (1, "", ""),
        (3, "tinyaudio:42001234", ""),
    ],
)
def test_how_the_run_before_ended_is_told(program: Path, reason: int, dump: str, said: str) -> None:
    log: list[Log] = []
    with uart(program, FAKE_RESET_REASON=str(reason), FAKE_CORE_DUMP=dump) as line, Device(line, on_log=log.append) as device:
        device.connect()
        device.stream_clip(0, CASE.clips()[0].pcm[:6000])
    assert [said in line.text for line in log] == ([True] if said else [])


def test_a_fault_of_the_run_before_is_a_fault_of_the_proof(program: Path) -> None:
    pytest.importorskip("tflite_micro", reason="the reference interpreter is not installed: pip install tinyaudio[train]")
    streamed = CASE.clips()[3:]
    with uart(program, FAKE_RESET_REASON="4") as line:
        report = run_hil(lambda log: Device(line, on_log=log), streamed, expected=CASE.expectation(streamed), depth="virtual", link="UART")
    assert report.mismatches == 0
    assert report.faults == ("the run before was ended by an exception or a failed check",)


def hang_up(process: ToolProcess) -> None:
    """Go away, and wait until the firmware has ended."""
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(120.0) == 0


def test_a_board_that_faults_at_every_start_only_talks(program: Path, tmp_path: Path) -> None:
    """Two runs that no host has greeted, the third tells; asked to start anew by the host it works again."""
    panic = {"FAKE_RESET_REASON": "4", "FAKE_CORE_DUMP": "tinyaudio:42001234", "FAKE_RTC_MEMORY": str(tmp_path / "rtc")}
    for _ in range(2):
        with running(program, **panic) as process:
            hang_up(process)
    log: list[Log] = []
    with (
        uart(program, **panic) as line,
        Device(line, on_log=log.append) as device,
        pytest.raises(DeviceError, match=r"faults at every start.*; its log: .*in task tinyaudio at 0x42001234") as caught,
    ):
        device.stream_clip(0, CASE.clips()[0].pcm[:6000])
    assert "addr2line" in caught.value.hint
    assert ["in task tinyaudio at 0x42001234" in line.text for line in log] == [True]
    with uart(program, **panic | {"FAKE_RESET_REASON": "3"}) as line, Device(line) as device:
        device.connect()
        device.stream_clip(0, CASE.clips()[0].pcm[:6000])


def test_faults_that_a_host_has_seen_are_no_row(program: Path, tmp_path: Path) -> None:
    panic = {"FAKE_RESET_REASON": "4", "FAKE_RTC_MEMORY": str(tmp_path / "rtc")}
    for _ in range(4):
        with running(program, **panic) as process:
            with Device(ProcessTransport(process)) as device:
                device.connect()
                device.stream_clip(0, CASE.clips()[0].pcm[:6000])
            hang_up(process)


def recorded(program: Path, project: FirmwareProject, folder: Path, held_off: str = "") -> LiveReport:
    """Let the device record the last of the clips."""
    pcm = CASE.clips()[3].pcm
    (folder / "heard").write_bytes(pcm.tobytes())
    expected = LiveExpectation(
        board=BOARD,
        firmware_fingerprint=project.fingerprint,
        tables=CASE.tables,
        quantized=CASE.model,
        calibration=CALIBRATION,
        predict=Oracle(CASE.model.tflite).run,
    )
    with uart(program, FAKE_MICROPHONE=str(folder / "heard"), FAKE_HELD_OFF=held_off) as line:
        return run_live(lambda log: Device(line, on_log=log), pcm, expected=expected)


@pytest.mark.parametrize("held_off", ["", "10,20-24,40-45"])
def test_every_sample_of_a_recording_is_there_although_interrupts_are_held_off(
    program: Path, project: FirmwareProject, tmp_path: Path, held_off: str
) -> None:
    pytest.importorskip("tflite_micro", reason="the reference interpreter is not installed: pip install tinyaudio[train]")
    report = recorded(program, project, tmp_path, held_off)
    assert report.is_exact, report.mismatches
    assert report.is_complete
    assert (report.frames, report.patches) == (FRAMES, 5)


def test_samples_that_were_written_over_are_told_and_the_rest_is_exact(program: Path, project: FirmwareProject, tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro", reason="the reference interpreter is not installed: pip install tinyaudio[train]")
    report = recorded(program, project, tmp_path, held_off="20-31")
    assert report.is_exact, report.mismatches
    assert report.gaps == 1
    assert report.overruns >= 12 * 256  # and what came before the application had been told
    assert report.overruns % 256 == 0


def test_settings_survive_a_restart(program: Path, tmp_path: Path) -> None:
    with uart(program, FAKE_FLASH=str(tmp_path / "flash")) as line, Device(line) as device:
        device.connect()
        device.write_setting(300, b"first")
        device.write_setting(300, b"second")
    with uart(program, FAKE_FLASH=str(tmp_path / "flash")) as line, Device(line) as device:
        device.connect()
        assert device.read_setting(300) == b"second"
        assert device.read_setting(301) is None


def test_a_stored_threshold_survives_a_restart_and_a_damaged_one_is_told(program: Path, tmp_path: Path) -> None:
    flash, model = tmp_path / "flash", CASE.model
    calibration = dataclasses.replace(CALIBRATION, detection_threshold=128)
    of_firmware: dict[str, Any] = {"model_sha256": model.sha256, "frontend_fingerprint": CASE.project.frontend_fingerprint}
    value = encode_calibration(calibration, label_count=len(model.labels), **of_firmware)[CALIBRATION_KEY]
    with uart(program, FAKE_FLASH=str(flash)) as line, Device(line) as device:
        assert device.connect().calibration_state is CalibrationState.BUILT_IN
        device.write_setting(CALIBRATION_KEY, value)
    with uart(program, FAKE_FLASH=str(flash)) as line, Device(line) as device:
        assert device.connect().calibration_state is CalibrationState.STORED
        assert device.read_setting(CALIBRATION_KEY) == value
    content = bytearray(flash.read_bytes())
    content[content.rindex(value) + 2] ^= 4
    flash.write_bytes(content)
    log: list[Log] = []
    with uart(program, FAKE_FLASH=str(flash)) as line, Device(line, on_log=log.append) as device:
        assert device.connect().calibration_state is CalibrationState.CORRUPT
        assert device.read_setting(CALIBRATION_KEY) is None
    assert [entry.text for entry in log] == ["the stored detection threshold is damaged: the one compiled in holds"]


def test_an_arena_in_psram_is_told_in_every_session(program: Path, tmp_path: Path) -> None:
    """The same firmware, its port told that the arena lies in PSRAM; the host has no such section, so nothing moves."""
    folder = tmp_path / "firmware"
    shutil.copytree(program.parent, folder)
    header = folder / "project" / "src" / "generated" / "arena_config.h"
    text = header.read_text(encoding="utf-8")
    header.write_text(text.replace("false,  // is_in_psram", "true,  // is_in_psram"), encoding="utf-8")
    assert header.read_text(encoding="utf-8") != text
    compile_source(folder / "project" / "src" / "port" / "port.cc", folder)
    with uart(link(folder)) as line:
        for _ in range(2):
            log: list[Log] = []
            device = Device(line, on_log=log.append)
            device.connect()
            device.stream_clip(0, CASE.clips()[0].pcm[:6000])
            assert [(told.level.name, "lies in PSRAM" in told.text) for told in log] == [("WARNING", True)]
