"""Vendors' kernels called from compiled models: libraries that stand in for them compute by their published semantics, under the sanitizers.

The libraries themselves are proven where they are: `tests/pipeline/test_vendor_firmware.py` on the emulated Cortex-M7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from tests.deploy.compiler.cases import CASES, convolution, dense, transposed
from tests.deploy.compiler.dilated_cases import DILATED_CASES
from tests.deploy.compiler.host_models import INCLUDE_DIRS, NN, HostModels, reference_outputs, shared_directory, varied_inputs, write_sources
from tests.deploy.compiler.value_cases import pair
from tests.golden_fixture import MODEL_FILE
from tests.host_cpp.toolchain import FIRMWARE_LIB, compile_host, run_host
from tinyaudio.deploy.compiler import VENDORS, CompiledModel, VendorName, compile_model

HERE = Path(__file__).resolve().parent / "vendor"
DECLARATIONS = {"cmsis_nn": HERE / "include", "esp_nn": Path(__file__).resolve().parents[2] / "esp_idf" / "include"}
INPUTS = 20

#: Operators of these kinds, in all the ways of the other tests, and what only vendors care for.
KINDS = ("conv_", "depthwise_", "dense_", "transposed_", "pool_", "max_pool", "softmax_", "add", "sub", "mul", "reshape_between", "mean_rescaled")
MODELS: dict[str, Callable[[], bytes]] = {name: build for name, build in CASES.items() if name.startswith(KINDS)} | {
    "conv_one_row": lambda: convolution((1, 20, 4), 6, (1, 5), stride=(1, 2), seed=60),
    "conv_1x1_behind_the_edge": lambda: convolution((4, 4, 4), 6, (1, 1), padding="valid", pads=((0, 2), (0, 1)), seed=61),
    "depthwise_5x1": lambda: convolution((9, 3, 8), 0, (5, 1), depth_multiplier=1, seed=62),
    "depthwise_padded_twice": lambda: convolution((6, 6, 4), 0, (3, 3), padding="valid", depth_multiplier=1, pads=((2, 2), (2, 2)), seed=63),
    "dense_aligned_rows": lambda: dense(3, 32, 5, per_channel=True, seed=64),
    "dense_rows_per_channel": lambda: dense(5, 18, 4, per_channel=True, activation="relu6", seed=65),
    "transposed_reversed": lambda: transposed((3, 4, 20), 6, (3, 3), activation="relu", seed=66),
    "transposed_reversed_odd": lambda: transposed((4, 3, 17), 3, (2, 3), stride=(1, 2), seed=67),
    "transposed_unpadded": lambda: transposed((4, 3, 4), 3, (2, 2), stride=(2, 2), padding="valid", seed=68),
    "golden": MODEL_FILE.read_bytes,
}


def stand_in(vendor: VendorName) -> list[Path]:
    return [FIRMWARE_LIB / f"tinyaudio_{vendor}" / "src" / f"{vendor}.cc", HERE / f"fake_{vendor}.cc"]


def include_dirs(vendor: VendorName) -> list[Path]:
    return [FIRMWARE_LIB / f"tinyaudio_{vendor}" / "include", DECLARATIONS[vendor], HERE]


def library(directory: Path, vendor: VendorName, *flags: str, names: Iterable[str] = MODELS) -> HostModels:
    version = directory / "include" / "generated" / "vendor_version.h"
    version.parent.mkdir(parents=True, exist_ok=True)
    version.write_text('#pragma once\n#define TINYAUDIO_VENDOR_VERSION "stand-in"\n', encoding="utf-8")
    return HostModels(
        {name: MODELS[name]() for name in names},
        directory,
        dsp=False,
        flags=[*(f"-I{path}" for path in (*include_dirs(vendor), directory / "include")), *flags],
        vendor=vendor,
        vendor_sources=stand_in(vendor),
    )


@pytest.fixture(scope="module", params=VENDORS)
def host_models(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> HostModels:
    return library(shared_directory(tmp_path_factory, f"vendor-{request.param}"), request.param)


@pytest.mark.parametrize("name", MODELS)
def test_a_vendors_kernel_gets_what_it_needs_to_be_bit_exact(host_models: HostModels, name: str) -> None:
    input_ = host_models.compiled[name].input_
    inputs = varied_inputs(input_.elements, INPUTS, dtype=input_.dtype, seed=len(name))
    np.testing.assert_array_equal(host_models.run(name, inputs)[0], reference_outputs(MODELS[name](), inputs))


def compiled(tflite: bytes, vendor: VendorName) -> CompiledModel:
    return compile_model(tflite, name="model", vendor=vendor)


def kernels(name: str, vendor: VendorName) -> list[str]:
    return [operation.kernel for operation in compiled(MODELS[name](), vendor).ops]


@pytest.mark.parametrize(
    ("name", "cmsis_nn", "esp_nn"),
    [
        ("conv_1x1", "cmsis_nn_convolve", "esp_nn_convolve"),
        ("conv_dilated", "cmsis_nn_convolve", None),
        ("conv_3x3_stride_2", "cmsis_nn_convolve", None),  # SAME pads 0 and 1
        ("depthwise_3x3", "cmsis_nn_depthwise", "esp_nn_depthwise"),
        ("depthwise_padded_far", None, "esp_nn_depthwise"),  # behind a PAD of its own
        ("conv_1x1_behind_the_edge", None, "esp_nn_convolve"),
        ("dense_per_channel", "cmsis_nn_fully_connected", "esp_nn_fully_connected"),
        ("dense_rows", "cmsis_nn_fully_connected", None),
        ("dense_aligned_rows", "cmsis_nn_fully_connected", "esp_nn_fully_connected"),
        ("pool_whole", "cmsis_nn_average_pool", "esp_nn_average_pool"),
        ("softmax_row", "cmsis_nn_softmax", None),
        ("add", "cmsis_nn_add", "esp_nn_add"),
        ("add_channels", None, None),
        ("sub", None, None),
        ("mul", "cmsis_nn_multiply", "esp_nn_multiply"),
        ("transposed_2x2", "cmsis_nn_transpose_convolve", None),
        ("mean_rescaled", None, None),
    ],
)
def test_who_computes_an_operator(name: str, cmsis_nn: str | None, esp_nn: str | None) -> None:
    choices: tuple[tuple[VendorName, str | None], ...] = (("cmsis_nn", cmsis_nn), ("esp_nn", esp_nn))
    for vendor, expected in choices:
        model = compiled(MODELS[name](), vendor)
        operation = model.ops[-1]
        if expected is None:
            assert not operation.kernel.startswith(vendor)
            assert operation.vendor_refusal
        else:
            assert (operation.kernel, operation.vendor_refusal) == (expected, "")
        assert model.vendor == vendor


def test_a_padding_folds_for_cmsis_nn_and_stays_apart_for_esp_nn() -> None:
    assert kernels("depthwise_padded", "cmsis_nn") == ["cmsis_nn_depthwise"]
    assert kernels("depthwise_padded", "esp_nn") == ["fill", "esp_nn_depthwise"]


@pytest.mark.parametrize(
    ("tflite", "vendor", "reason"),
    [
        (lambda: transposed((4, 4, 8), 2, (5, 5), stride=(2, 2), seed=1), "cmsis_nn", "CMSIS-NN/issues/230"),
        (lambda: convolution((8, 8, 8), 4, (3, 3), stride=(2, 2)), "esp_nn", "esp-nn/issues/31"),
        (lambda: dense(2, 18, 4, per_channel=False), "esp_nn", "esp-nn/issues/34"),
    ],
)
def test_known_defects_are_refused_with_the_place_where_they_are_told(tflite: Callable[[], bytes], vendor: VendorName, reason: str) -> None:
    operation = compiled(tflite(), vendor).ops[0]
    assert reason in operation.vendor_refusal
    assert not operation.kernel.startswith(vendor)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_convolution_that_leaves_out_the_end_of_its_image_is_ours(vendor: VendorName) -> None:
    operation = compiled(DILATED_CASES["dilated_points_cut"](), vendor).ops[0]
    assert (operation.kernel, operation.vendor_refusal) == ("conv_2d", "the last inputs are cut off")


def test_without_a_vendor_nothing_is_refused_and_nothing_changes() -> None:
    plain = compile_model(MODEL_FILE.read_bytes(), name="model")
    assert plain.vendor is None
    assert {operation.vendor_refusal for operation in plain.ops} == {""}
    assert "vendor" not in "".join(plain.files.values()) + "".join(plain.files)


def test_scratch_is_planned_and_weights_are_aligned() -> None:
    model = compiled(convolution((6, 6, 16), 8, (3, 3)), "esp_nn")
    (operation,) = model.ops
    assert operation.scratch_bytes >= 2 * 9 * 16 * 8
    assert model.arena_bytes >= operation.scratch_bytes + 36 * 16 + 36 * 8
    assert "alignas(16) const int8_t kOp0Weights" in model.files["generated/model_weights.cc"]
    assert "alignas(4) const int32_t kOp0Multipliers" in model.files["generated/model_weights.cc"]


def test_the_generated_call() -> None:
    text = compiled(convolution((5, 4, 3), 4, (3, 3), padding="valid"), "cmsis_nn").files["generated/model.cc"]
    assert '#include "tinyaudio/nn/cmsis_nn.h"' in text
    arguments = "arena + 112, arena + 176, {kOp0Weights, kOp0Bias, kOp0Multipliers, kOp0Shifts}, arena + 0"
    assert f"    tinyaudio::nn::cmsis_nn_convolve<CmsisNnConvolveShape0>({arguments});" in text
    assert "static constexpr int32_t kScratchBytes = 112;" in text


def test_a_constant_is_an_operand_like_any_other() -> None:
    assert compiled(pair("ADD", (2, 6), (2, 6), (2, 6), constant=True), "cmsis_nn").ops[0].kernel == "cmsis_nn_add"


_TELL = """
#include <stdio.h>
#include "generated/model.h"
#include "tinyaudio/nn/vendor.h"
int main() {
    tinyaudio_model::invoke();
    const char* const fault = tinyaudio::nn::vendor_fault();
    printf("%s|%s", tinyaudio::nn::vendor_kernels(), fault == nullptr ? "" : fault);
    return 0;
}
"""


def told(directory: Path, *flags: str) -> str:
    """Return what a model of one convolution says of its kernels and of what went wrong."""
    model = compiled(convolution((5, 4, 3), 4, (3, 3), padding="valid"), "cmsis_nn")
    write_sources({"model": model}, directory)
    (directory / "tell.cc").write_text(_TELL, encoding="utf-8")
    sources = [directory / "tell.cc", *sorted((directory / "model" / "generated").glob("*.cc")), *stand_in("cmsis_nn")]
    includes = [*INCLUDE_DIRS, *include_dirs("cmsis_nn"), directory / "model"]
    program = compile_host(directory / "tell", [*sources, *sorted((NN / "src").glob("*.cc"))], include_dirs=includes, flags=["-O0", *flags])
    return run_host(program).decode()


def test_a_library_that_wants_more_scratch_than_was_planned_is_a_fault_and_never_runs(tmp_path: Path) -> None:
    assert told(tmp_path, '-DTINYAUDIO_VENDOR_VERSION="CMSIS-NN 1.2.3"') == "tinyaudio + CMSIS-NN 1.2.3|"
    wanted = ("-DFAKE_MORE_SCRATCH_BYTES=1", "-DTINYAUDIO_WEIGHTS_FOR_SPEED")
    assert told(tmp_path, *wanted) == "tinyaudio, weights for speed + CMSIS-NN|this CMSIS-NN wants more scratch memory than was planned"


def test_what_wants_more_scratch_than_esp_nn_may_take_is_computed_by_its_version_in_c(tmp_path: Path) -> None:
    models = library(tmp_path / "models", "esp_nn", "-DFAKE_SCRATCH_BYTES=1000000", names=("conv_3x3_same", "depthwise_3x3"))
    for name in models.compiled:
        inputs = varied_inputs(models.compiled[name].input_.elements, INPUTS)
        np.testing.assert_array_equal(models.run(name, inputs)[0], reference_outputs(MODELS[name](), inputs))
