"""What the proof of a front end alone refuses; that it finds what differs is shown by tests/pipeline/test_frontend_bench.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hil_tests.rigs import golden_tables, make_rig
from tests.golden_fixture import golden_vectors
from tinyaudio.bench.device import Device
from tinyaudio.bench.hil import run_frontend
from tinyaudio.bench.transport import LoopbackTransport
from tinyaudio.core.board import CounterScale
from tinyaudio.core.errors import IdentityError, StageError
from tinyaudio.dsp.frontend import FeatureQuantization

COUNTER = CounterScale(unit="instructions", units_per_tick=1.0)
QUANTIZATION = FeatureQuantization(multiplier=2**30, shift=40, zero_point=0)


class _NeverOpened(LoopbackTransport):
    def __init__(self) -> None: ...

    def write(self, data: bytes) -> None:
        raise AssertionError("nothing may be said to a device for a request that is wrong")


def test_signals_without_a_frame_are_refused_before_anything_is_sent() -> None:
    for signals in ([], [("short", np.zeros(399, np.int16))]):
        with pytest.raises(StageError, match="no signal has a whole frame"):
            run_frontend(
                Device(_NeverOpened()), signals, firmware_fingerprint="0" * 64, tables=golden_tables(), quantization=QUANTIZATION, counter=COUNTER
            )


def test_firmware_with_a_model_is_another_firmware(tmp_path: Path) -> None:
    rig = make_rig("fake", board_id="mps2_an500", port=None, work_dir=tmp_path)
    with rig.open_line() as line:
        assert line.clock is not None
        device = Device(line.transport, clock=line.clock)
        with pytest.raises(IdentityError, match=r"model .* instead of 000000"):
            run_frontend(
                device,
                [("tone", golden_vectors().pcm["tone"])],
                firmware_fingerprint=rig.project.fingerprint,
                tables=golden_tables(),
                quantization=QUANTIZATION,
                counter=COUNTER,
            )
