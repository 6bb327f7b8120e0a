"""A threshold by the sound of another site: set without training, kept by the device without a build, taken back; and recordings that do not do."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_commands import the_json, tinyaudio
from tests.pipeline.small_project import Silent
from tests.pipeline.test_from_autoencoder import SMALL_MACHINE, make_autoencoder
from tinyaudio.bench.device import Device
from tinyaudio.core.board import load_board
from tinyaudio.core.decisions import NEVER
from tinyaudio.core.errors import InputError, StageError
from tinyaudio.dsp.audio import read_pcm, synthesize_machine_set, write_wav
from tinyaudio.pipeline import (
    LiveRequest,
    ModelSource,
    StoreRequest,
    build_stage,
    calibrate_stage,
    live_stage,
    new_project,
    open_line,
    site_calibration,
    site_facts,
    site_threshold_stage,
    store_calibration,
)
from tinyaudio.pipeline.device_line import open_virtual_line, settings_file
from tinyaudio.pipeline.firmware import board_directory
from tinyaudio.pipeline.line import Line
from tinyaudio.wire.messages import CalibrationSource, CalibrationState, Detection, Hello, Log

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project around a finished autoencoder, and ``site``, its normal sound at a tenth of the level."""
    folder = tmp_path_factory.mktemp("site")
    synthesize_machine_set(folder / "recordings", SMALL_MACHINE)
    model = ModelSource(path=make_autoencoder(folder), preset="ad01", labels=None)
    new_project(folder / "pump", task="anomaly", manifest=folder / "recordings" / "manifest.csv", model=model)
    toml = folder / "pump" / "tinyaudio.toml"
    toml.write_text(toml.read_text().replace("# minimum_seconds = 60.0", "minimum_seconds = 5.0"))
    for path in sorted((folder / "recordings" / "audio").glob("*normal*"))[:5]:
        write_wav(folder / "site" / "monday" / path.name, read_pcm(path, sample_rate_hz=RATE_HZ) // 10, sample_rate_hz=RATE_HZ)
    return folder


def line_of(made: Path) -> tuple[Line, Silent]:
    progress = Silent()
    return open_line(made / "pump", progress), progress


def test_the_threshold_is_the_sites_own_and_is_kept_on_the_device(made: Path) -> None:
    arguments = ("--project", str(made / "pump"), "--board", "native", "--json")
    told = the_json(tinyaudio("calibrate", "--recordings", str(made / "site"), "--write", *arguments))
    line, _ = line_of(made)
    threshold, built_in = told["metrics"]["threshold"], calibrate_stage(line).value.detection_threshold
    assert told["stage"] == "site_threshold"
    assert threshold["seconds"] == 7.5
    assert threshold["built_in"]["int8"] == built_in != threshold["int8"]
    assert told["device"]["state"] == "stored"
    assert told["device"]["calibration_fingerprint"] == threshold["calibration_fingerprint"] != threshold["built_in"]["calibration_fingerprint"]
    assert site_threshold_stage(line, made / "site").reused
    assert json.loads((line.store.directory / "site_threshold.json").read_text())
    sound = next((made / "site").rglob("*.wav"))
    live = live_stage(line, LiveRequest(board_id="native", microphone=sound), on_detection=lambda _: None)
    assert live.passed
    assert live.facts["detection_threshold"] == threshold["int8"]
    assert live.facts["device"]["calibration_state"] == "stored"
    assert live.facts["device"]["recording_calibration_fingerprint"] == threshold["calibration_fingerprint"]
    assert the_json(tinyaudio("calibrate", "--reset", *arguments))["device"]["state"] == "built_in"
    live = live_stage(line_of(made)[0], LiveRequest(board_id="native", microphone=sound), on_detection=lambda _: None)
    assert live.passed
    assert live.facts["detection_threshold"] == built_in


@pytest.mark.parametrize("board_id", ["stm32h7", "mps2_an500"])
def test_an_emulated_chip_keeps_it_over_a_reset(made: Path, board_id: str) -> None:
    """In flash on one, in RAM that its emulator does not outlive on the other; `store_calibration` resets the device and reads it back."""
    line, _ = line_of(made)
    threshold = site_threshold_stage(line, made / "site").value
    request = StoreRequest(board_id=board_id)
    told = store_calibration(line, site_calibration(line, threshold), request)
    assert told["state"] == "stored"
    assert told["calibration_fingerprint"] == site_facts(line, threshold)["calibration_fingerprint"]
    assert told["is_kept"] == (board_id == "stm32h7")
    assert store_calibration(line, None, request)["state"] == "built_in"


def test_an_emulated_chip_keeps_it_over_a_power_loss_and_says_when_it_is_damaged(made: Path) -> None:
    line, _ = line_of(made)
    never = dataclasses.replace(calibrate_stage(line).value, detection_threshold=NEVER)
    told = store_calibration(line, never, StoreRequest(board_id="stm32h7"))
    kept = settings_file(load_board("stm32h7"), board_directory(line, "stm32h7"))
    assert kept is not None
    hello, alarms, log = switched_on(line, made, kept)
    assert (hello.calibration_state, alarms, log) == (CalibrationState.STORED, [], [])
    assert hello.recording_calibration_fingerprint.hex() == told["calibration_fingerprint"]

    content = bytearray(kept.read_bytes())
    content[content.rindex(bytes.fromhex(told["calibration_fingerprint"]))] ^= 1
    kept.write_bytes(content)
    hello, alarms, log = switched_on(line, made, kept)
    assert hello.calibration_state is CalibrationState.CORRUPT
    assert hello.recording_calibration_fingerprint == hello.calibration_fingerprint
    assert alarms != []  # by what was compiled in: a tenth of the level is strange
    assert log == ["the stored detection threshold is damaged: the one compiled in holds"]


def switched_on(line: Line, made: Path, kept: Path) -> tuple[Hello, list[Detection], list[str]]:
    """Start the chip with what its flash holds; return who it is, the alarms that it gives for some sound, and what it warns of."""
    log: list[Log] = []
    pcm = read_pcm(next((made / "site").rglob("*.wav")), sample_rate_hz=RATE_HZ)[:8_000]
    with (
        open_virtual_line(
            load_board("stm32h7"), Path(build_stage(line, "stm32h7").elf), work_dir=board_directory(line, "stm32h7"), settings=kept
        ) as device_line,
        Device(device_line.transport, name="stm32h7", clock=device_line.clock, on_log=log.append) as device,
    ):
        hello = device.connect()
        alarms = device.stream_clip(0, pcm, decide_by=CalibrationSource.STORED).detections
    return hello, list(alarms), [entry.text for entry in log if entry.level.name == "WARNING"]


def test_without_write_nothing_is_built(made: Path) -> None:
    done = tinyaudio("calibrate", "--recordings", str(made / "site"), "--project", str(made / "pump"), "--json")
    assert "device" not in the_json(done)
    # Its recordings have a tenth of the level, which this model takes for strange.
    assert re.search(r"scores of the site are 1\d\d on average, an alarm by the project's own threshold", done.stderr)


def test_recordings_that_do_not_do(made: Path, tmp_path: Path) -> None:
    """Too little sound, one clip only, silence, a clipped microphone that no threshold can stand above."""
    line, progress = line_of(made)
    clips = sorted((made / "site").rglob("*.wav"))
    few = tmp_path / "few"
    few.mkdir()
    for path in clips[:2]:
        shutil.copy(path, few)
    with pytest.raises(StageError, match=r"3\.0 s of normal sound in .*few, 5 s are needed") as refused:
        site_threshold_stage(line, few)
    assert refused.value.hint.startswith("record 2.0 s more")

    one = tmp_path / "one"
    pcm = np.concatenate([read_pcm(path, sample_rate_hz=RATE_HZ) for path in clips])
    write_wav(one / "all.wav", pcm, sample_rate_hz=RATE_HZ)
    site_threshold_stage(line, one)
    assert any("one recording alone" in note for note in progress.notes)

    write_wav(one / "nothing.wav", np.zeros(RATE_HZ, np.int16), sample_rate_hz=RATE_HZ)
    write_wav(one / "loud.wav", np.where(pcm > 0, 32_767, -32_768).astype(np.int16), sample_rate_hz=RATE_HZ)
    with pytest.raises(StageError, match="above every score"):
        site_threshold_stage(line, one)
    assert any(note.startswith("warning: nothing.wav: left out: nothing but silence") for note in progress.notes)
    assert any(note.startswith("warning: loud.wav: 100.0 % of the samples stand at full scale") for note in progress.notes)

    (one / "notes.wav").write_text("no sound")
    with pytest.raises(StageError, match="above every score"):
        site_threshold_stage(line, one)
    (note,) = (note for note in progress.notes if note.startswith("warning: notes.wav"))
    assert "left out: not readable as audio" in note
    assert "row" not in note  # there is no manifest

    silence = tmp_path / "silence"
    write_wav(silence / "nothing.wav", np.zeros(RATE_HZ, np.int16), sample_rate_hz=RATE_HZ)
    with pytest.raises(StageError, match="none of the recordings can be used"):
        site_threshold_stage(line, silence)


def test_what_does_not_go_together_is_refused(made: Path, tmp_path: Path) -> None:
    events = tmp_path / "events"
    new_project(events, task="events")
    with pytest.raises(InputError, match="there is no such folder"):
        site_threshold_stage(line_of(made)[0], tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no WAV or FLAC file"):
        site_threshold_stage(line_of(made)[0], tmp_path / "empty")
    with pytest.raises(InputError, match="for anomaly detectors"):
        site_threshold_stage(open_line(events, Silent()), made / "site")
    for arguments in (("--write",), ("--reset", "--recordings", str(made / "site"))):
        refused = tinyaudio("calibrate", "--project", str(made / "pump"), *arguments)
        assert refused.returncode == 1
        assert "one of --recordings and --reset is needed" in refused.stderr
    both = tinyaudio("calibrate", "--project", str(made / "pump"), "--reset", "--write")
    assert both.returncode == 1
    assert "--write and --reset contradict each other" in both.stderr
    for named in (("--board", "native"), ("--recordings", str(made / "site"), "--port", "/dev/ttyACM0")):
        forgotten = tinyaudio("calibrate", "--project", str(made / "pump"), *named)
        assert forgotten.returncode == 1
        assert "no device is asked for anything" in forgotten.stderr
    fake = tinyaudio("calibrate", "--project", str(made / "pump"), "--reset", "--board", "native", "--depth", "fake")
    assert fake.returncode == 1
    assert "no device that keeps anything" in fake.stderr
