"""A classifier at another site: thresholds raised by the background there, kept by the device for each label, taken back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_commands import the_json, tinyaudio
from tests.pipeline.small_project import Silent
from tinyaudio.core.errors import InputError, StageError
from tinyaudio.dsp.audio import read_pcm, write_wav
from tinyaudio.pipeline import LiveRequest, live_stage, open_line, site_alarms_stage

RATE_HZ = 16_000
WISHES = """
[firmware]
smoothing_patches = 2
detection_threshold = 0.05
false_alarms_per_hour = 500.0

[background]
hours = 0.01
"""


def site_of(project: Path, *, recordings: int = 12) -> Path:
    """Make recordings of a site that sounds like some of the labels, and let the project say what is allowed there."""
    (project / "tinyaudio.toml").write_text((project / "tinyaudio.toml").read_text() + WISHES)
    for path in sorted((project / "audio").glob("*.wav"))[: 2 * recordings : 2]:
        write_wav(project / "site" / path.name, read_pcm(path, sample_rate_hz=RATE_HZ), sample_rate_hz=RATE_HZ)
    return project / "site"


def test_thresholds_rise_by_the_sites_background_and_are_kept_on_the_device(project: Path) -> None:
    site = site_of(project)
    arguments = ("--project", str(project), "--board", "native", "--json")
    told = the_json(tinyaudio("calibrate", "--recordings", str(site), "--write", *arguments))
    facts, device = told["metrics"]["site"], told["device"]
    before = facts["built_in"]["thresholds"]
    assert told["stage"] == "site_alarms"
    assert all(facts["thresholds"][label] >= before[label] for label in before)
    assert facts["thresholds"] != before
    assert facts["false_alarms"] <= 500.0 * facts["seconds"] / 3_600 < facts["built_in"]["false_alarms"]
    assert device["state"] == "stored"

    line = open_line(project, Silent())
    result = site_alarms_stage(line, site)
    assert result.reused
    live = live_stage(line, LiveRequest(board_id="native", microphone=next(site.iterdir())), on_detection=lambda _: None)
    assert live.passed
    assert live.facts["device"]["recording_calibration_fingerprint"] == device["calibration_fingerprint"]
    assert the_json(tinyaudio("calibrate", "--reset", *arguments))["device"]["state"] == "built_in"
    live = live_stage(open_line(project, Silent()), LiveRequest(board_id="native", microphone=next(site.iterdir())), on_detection=lambda _: None)
    assert live.passed
    assert live.facts["device"]["calibration_state"] == "built_in"


def test_it_says_what_so_little_sound_cannot_show(project: Path) -> None:
    site, progress = site_of(project, recordings=6), Silent()
    write_wav(site / "short.wav", np.ones(100, np.int16), sample_rate_hz=RATE_HZ)
    write_wav(site / "nothing.wav", np.zeros(3 * RATE_HZ, np.int16), sample_rate_hz=RATE_HZ)
    (site / "notes.wav").write_text("no sound")
    line = open_line(project, progress)
    value = site_alarms_stage(line, site).value
    notes = "\n".join(progress.notes)
    assert value.recordings == 6
    for said in (
        "short.wav: left out: shorter",
        "nothing.wav: left out: nothing but silence",
        "notes.wav: left out",
        "cannot show 500 false alarms an hour",
    ):
        assert said in notes
    assert "6 recordings: none can be spared" in notes


def test_what_does_not_do_is_refused(project: Path, tmp_path: Path) -> None:
    (tmp_path / "silent").mkdir()
    write_wav(tmp_path / "silent" / "nothing.wav", np.zeros(3 * RATE_HZ, np.int16), sample_rate_hz=RATE_HZ)
    with pytest.raises(InputError, match="false_alarms_per_hour, which is not set"):
        site_alarms_stage(open_line(project, Silent()), tmp_path / "silent")
    site_of(project)
    with pytest.raises(InputError, match="there is no such folder"):
        site_alarms_stage(open_line(project, Silent()), tmp_path / "none")
    with pytest.raises(StageError, match="none of the recordings can be used"):
        site_alarms_stage(open_line(project, Silent()), tmp_path / "silent")
