from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from tinyaudio.core.artifacts import Clip, Dataset, FeatureSet
from tinyaudio.core.errors import StorageError
from tinyaudio.core.files import write_bytes_atomically, write_text_if_changed
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.core.store import RunStore


def _features() -> FeatureSet:
    clip = Clip(filename="a.wav", label="siren", group="1", split="train", samples=16_000, pcm_sha256="0" * 64)
    return FeatureSet(
        spec=FrontendSpec(mel_bands=8, microphone_response=((100.0, 1.5), (200.0, -2.0))),
        kernel="cmsis_q31",
        frontend_fingerprint="f" * 64,
        log_fraction_bits=16,
        dataset=Dataset(labels=("siren",), sample_rate_hz=16_000, clips=(clip,)),
        log_mel=np.arange(24, dtype=np.int32).reshape(3, 8),
        frame_offsets=np.array([0, 3], dtype=np.int64),
    )


def test_a_value_comes_back_equal_and_read_only(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    saved = store.save("features", _features(), {"dataset": "abc"}, seconds=1.0)
    loaded = store.load("features", FeatureSet, {"dataset": "abc"})
    assert loaded is not None
    assert loaded.fingerprint == saved.fingerprint
    assert loaded.value.dataset == saved.value.dataset
    assert loaded.value.spec == saved.value.spec
    np.testing.assert_array_equal(loaded.value.log_mel, saved.value.log_mel)
    with pytest.raises(ValueError, match="read-only"):
        loaded.value.log_mel[0, 0] = 1


def test_git_is_told_to_leave_a_run_alone_once(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs" / "x")
    store.save("features", _features(), {}, seconds=0)
    ignore = tmp_path / "runs" / "x" / ".gitignore"
    assert ignore.read_text() == "*\n"
    ignore.write_text("# mine\n")
    store.save("features", _features(), {}, seconds=0)
    assert ignore.read_text() == "# mine\n"
    assert not (tmp_path / ".gitignore").exists()


def test_other_inputs_find_nothing(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.save("features", _features(), {"dataset": "abc"}, seconds=0)
    assert store.load("features", FeatureSet, {"dataset": "abd"}) is None
    assert store.load("model", FeatureSet, {"dataset": "abc"}) is None


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove", "json", "value"])
def test_damage_counts_as_missing(tmp_path: Path, damage: str) -> None:
    store = RunStore(tmp_path)
    store.save("features", _features(), {}, seconds=0)
    blob = max((tmp_path / "blobs").iterdir(), key=lambda path: path.stat().st_size)
    record = tmp_path / "features.json"
    match damage:
        case "truncate":
            blob.write_bytes(blob.read_bytes()[:-1])
        case "flip":
            data = bytearray(blob.read_bytes())
            data[-1] ^= 1
            blob.write_bytes(data)
        case "remove":
            blob.unlink()
        case "json":
            record.write_text(record.read_text()[:-20])
        case "value":
            record.write_text(record.read_text().replace('"siren"', '"sirex"'))
    assert store.load("features", FeatureSet, {}) is None


def test_unused_blobs_are_removed(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.save("features", _features(), {}, seconds=0)
    old, young = (tmp_path / "blobs" / (digit * 64 + ".npy") for digit in "01")
    for path, age_seconds in ((old, 100), (young, 10)):
        path.write_bytes(b"left")
        os.utime(path, (time.time() - age_seconds,) * 2)
    assert store.remove_unused_blobs(older_than_seconds=60) == 1
    assert (old.exists(), young.exists()) == (False, True)
    assert store.load("features", FeatureSet, {}) is not None


def test_nothing_is_deleted_beside_a_record_that_cannot_be_read(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.save("features", _features(), {}, seconds=0)
    blobs = set((tmp_path / "blobs").iterdir())
    (tmp_path / "features.json").write_text('{"value": ')
    assert store.remove_unused_blobs(older_than_seconds=-1) == 0
    assert set((tmp_path / "blobs").iterdir()) == blobs


def test_inputs_are_written_for_people(tmp_path: Path) -> None:
    RunStore(tmp_path).save("features", _features(), {"dataset": "abc"}, seconds=0.12345)
    record = json.loads((tmp_path / "features.json").read_text())
    assert record["inputs"] == {"dataset": "abc"}
    assert record["seconds"] == 0.123


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "value.bin"
    write_bytes_atomically(target, b"old")

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tinyaudio.core.files.os.fsync", full_disk)
    with pytest.raises(StorageError, match="No space left") as caught:
        write_bytes_atomically(target, b"new")
    assert "free some space" in caught.value.hint
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["value.bin"]


def test_unchanged_text_keeps_its_time_stamp(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    assert write_text_if_changed(target, "same")
    before = target.stat().st_mtime_ns
    assert not write_text_if_changed(target, "same")
    assert target.stat().st_mtime_ns == before
    assert write_text_if_changed(target, "other")
