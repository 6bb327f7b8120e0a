"""What the command line may ask of a firmware, and where it is kept."""

from __future__ import annotations

import pytest

from tinyaudio.core.errors import InputError
from tinyaudio.pipeline import parse_request


def test_firmwares_of_one_board_lie_side_by_side() -> None:
    requests = [
        parse_request(),
        parse_request(runtime="tflm"),
        parse_request(kernels="reference"),
        parse_request(self_test=True),
        parse_request(runtime="tflm", kernels="reference", self_test=True),
    ]
    assert requests[0].folder == "firmware"
    assert len({request.folder for request in requests}) == len(requests)


def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match="there is no runtime 'fast'"):
        parse_request(runtime="fast")
    with pytest.raises(InputError, match="there are no kernels 'fast'"):
        parse_request(kernels="fast")


def test_each_firmware_has_a_report_of_its_own() -> None:
    requests = [parse_request(), parse_request(runtime="tflm"), parse_request(kernels="reference"), parse_request(self_test=True)]
    assert [request.report_folder for request in requests] == ["", "report_tflm", "report_reference", "report_self_test"]
