"""Projects of ESP-IDF: the golden files, to be read as a diff, and what decides where the arena lies.

To accept a change: ``python -m tests.deploy.test_render_esp_idf`` writes the golden files anew.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.golden_fixture import golden_vectors
from tinyaudio.core.artifacts import Calibration, FirmwareProject
from tinyaudio.core.board import Board, load_board, parse_board
from tinyaudio.core.errors import BoardError, BuildError, ModelError
from tinyaudio.core.resources import resource_root
from tinyaudio.deploy.chip_config import port_files
from tinyaudio.deploy.placement import Demand, Part, arena_is_in_psram, plan_esp_idf, psram_warnings, unmeasured_arena_bytes
from tinyaudio.deploy.render import RenderInputs, RuntimeChoice, render_project
from tinyaudio.deploy.render.esp_idf import TFLITE_MICRO_VERSIONS, TFLM_VERSION_FILE, VENDOR_OPERATORS_FILE, VENDOR_VERSION_FILE, esp_idf_files
from tinyaudio.dsp.frontend import design_frontend

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "esp_idf"
FILES = (
    "CMakeLists.txt",
    "partitions.csv",
    "platformio.ini",
    "sdkconfig.defaults",
    "src/generated/arena_config.h",
    "src/generated/board_config.h",
    TFLM_VERSION_FILE,
    VENDOR_OPERATORS_FILE,
    VENDOR_VERSION_FILE,
    "src/idf_component.yml",
)
#: Folder of golden files -> the project: two boards on their own runtime, and one on the other, with its own kernels and the vendor's.
PROJECTS: dict[str, tuple[str, RuntimeChoice | None]] = {
    "esp32s3": ("esp32s3", None),
    "esp32s3_box_3": ("esp32s3_box_3", None),
    "esp32s3_aot": ("esp32s3", RuntimeChoice(runtime="aot")),
    "esp32s3_vendor": ("esp32s3", RuntimeChoice(runtime="aot", kernels="vendor")),
    "esp32s3_reference": ("esp32s3", RuntimeChoice(runtime="tflm", kernels="reference")),
}


def rendered(name: str) -> FirmwareProject:
    board_id, choice = PROJECTS[name]
    model = golden_vectors().model
    inputs = RenderInputs(
        board=load_board(board_id),
        tables=design_frontend(model.spec, kernel="esp_sc16"),
        quantized=model,
        calibration=Calibration(smoothing_patches=3, detection_threshold=64),
        choice=choice,
    )
    return render_project(inputs)


def demand(arena_bytes: int, weights_bytes: int = 100_000) -> Demand:
    return Demand(
        arena_bytes=arena_bytes,
        arena_parts=(Part(name="tensor 'conv1'", bytes=arena_bytes // 2),),
        weights_bytes=weights_bytes,
        weights_parts=(),
        table_bytes=10_000,
        buffer_bytes=50_000,
        dma_bytes=0,
    )


@pytest.mark.parametrize("name", PROJECTS)
def test_the_golden_project(name: str) -> None:
    files = rendered(name).files
    assert {path: files[path] for path in FILES if path in files} == golden(name)
    assert rendered(name).files == files


def golden(name: str) -> dict[str, str]:
    paths = [path for path in (GOLDEN / name).rglob("*") if path.is_file()]
    return {path.relative_to(GOLDEN / name).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def test_the_headline_runtime_has_esp_nns_kernels() -> None:
    project = rendered("esp32s3")
    assert project.runtime == "tflm"
    assert "CONFIG_NN_OPTIMIZED=y" in project.files["sdkconfig.defaults"]
    for component, version in TFLITE_MICRO_VERSIONS.items():
        assert f'{component}: "{version}"' in project.files["src/idf_component.yml"]
        assert version in project.files[TFLM_VERSION_FILE]
    assert "esp-nn" not in rendered("esp32s3_aot").files["src/idf_component.yml"]


def test_definitions_hold_no_spaces() -> None:
    """PlatformIO's builder for ESP-IDF takes the quotes off a definition that has."""
    for name in PROJECTS:
        listed = rendered(name).files["src/CMakeLists.txt"].partition("target_compile_definitions")[2].partition(")")[0].splitlines()[1:]
        assert [line for line in listed if re.search(r'[\s"<>]', line.strip())] == []


def test_a_pin_with_a_known_defect_is_refused_for_models_that_meet_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TFLITE_MICRO_VERSIONS, "espressif/esp-nn", "1.2.5")
    for name in ("esp32s3", "esp32s3_vendor"):
        with pytest.raises(BuildError, match=r"espressif/esp-nn 1\.2\.5 computes wrongly: .*esp-nn/issues/31"):
            rendered(name)
    assert rendered("esp32s3_aot").runtime == "aot"


def test_a_small_arena_lies_in_sram_also_where_there_is_psram() -> None:
    board = load_board("esp32s3_box_3")
    placement = plan_esp_idf(board, demand(60_000))
    assert not arena_is_in_psram(board, placement)
    assert psram_warnings(board, placement) == []
    files = esp_idf_files(board, ["src/main.cc"], placement, None)
    assert "# CONFIG_SPIRAM is not set" in files["sdkconfig.defaults"]
    assert "TINYAUDIO_ARENA_IN_PSRAM" not in files["src/CMakeLists.txt"]


def test_a_large_arena_goes_to_psram_and_everything_says_so() -> None:
    board = load_board("esp32s3_box_3")
    placement = plan_esp_idf(board, demand(400_000))
    assert arena_is_in_psram(board, placement)
    arena = next(item for item in placement.items if item.name == "arena of the model")
    assert re.fullmatch(r"dram lacks \d+ bytes for it; psram is slower, so inference takes longer than in dram", arena.reason)
    assert psram_warnings(board, placement) == [f"arena of the model, 400,000 bytes, lies in psram: {arena.reason}"]
    files = esp_idf_files(board, ["src/main.cc"], placement, None)
    assert "CONFIG_SPIRAM_MODE_OCT=y" in files["sdkconfig.defaults"]
    assert "CONFIG_SPIRAM_ALLOW_BSS_SEG_EXTERNAL_MEMORY=y" in files["sdkconfig.defaults"]
    assert "TINYAUDIO_ARENA_IN_PSRAM" in files["src/CMakeLists.txt"]
    assert "true,  // is_in_psram" in files["src/generated/arena_config.h"]


def test_an_arena_that_fits_nowhere_says_by_how_much_and_why() -> None:
    with pytest.raises(
        ModelError, match=r"arena of the model of 400000 bytes fits no memory: dram lacks \d+ bytes for it, and there is no PSRAM"
    ) as caught:
        plan_esp_idf(load_board("esp32s3"), demand(400_000))
    assert "tensor 'conv1' 200000" in caught.value.message
    assert "PSRAM" in caught.value.hint
    with pytest.raises(ModelError, match="fits no memory"):
        plan_esp_idf(load_board("esp32s3_box_3"), demand(20_000_000))


FREE_BYTES = 101_536  # 341,760 but for ESP-IDF, stack, port, and what `demand` has besides its arena


@pytest.mark.parametrize(
    ("board_id", "least_bytes", "likely_bytes", "generous_bytes", "arena_bytes", "place"),
    [
        ("esp32s3", 20_000, 40_000, 60_000, 60_000, "dram"),
        ("esp32s3", 20_000, 80_000, 900_000, FREE_BYTES, "dram"),
        ("esp32s3", 20_000, 300_000, 900_000, FREE_BYTES, "dram"),
        ("esp32s3", 300_000, 400_000, 900_000, 300_000, ""),
        ("esp32s3_box_3", 20_000, 80_000, 900_000, FREE_BYTES, "dram"),
        ("esp32s3_box_3", 20_000, 300_000, 900_000, 900_000, "psram"),
        ("esp32s3_box_3", 300_000, 400_000, 900_000, 900_000, "psram"),
    ],
)
def test_an_arena_that_no_target_has_measured_is_as_large_as_it_may_be(
    board_id: str, least_bytes: int, likely_bytes: int, generous_bytes: int, arena_bytes: int, place: str
) -> None:
    board = load_board(board_id)
    sizes = {"least_bytes": least_bytes, "likely_bytes": likely_bytes, "generous_bytes": generous_bytes}
    assert unmeasured_arena_bytes(board, demand(0), **sizes) == arena_bytes
    if place:
        placed = {item.name: item.region for item in plan_esp_idf(board, demand(arena_bytes)).items}
        assert placed["arena of the model"] == place
    else:
        with pytest.raises(ModelError, match="dram lacks 198464 bytes for it, and there is no PSRAM"):
            plan_esp_idf(board, demand(arena_bytes))


def test_weights_and_buffers_that_do_not_fit_are_told() -> None:
    with pytest.raises(ModelError, match="5000000 bytes are 805696 bytes too many for flash"):
        plan_esp_idf(load_board("esp32s3"), demand(1_000, weights_bytes=5_000_000))
    with pytest.raises(BuildError, match="dram lacks"):
        plan_esp_idf(load_board("esp32s3"), replace(demand(1_000), buffer_bytes=300_000))


BOARD_TEXT = (resource_root("boards") / "esp32s3.toml").read_text(encoding="utf-8")


def board_with(old: str, new: str) -> Board:
    assert old in BOARD_TEXT
    return parse_board(BOARD_TEXT.replace(old, new, 1), path=Path("esp32s3.toml"))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("length_bytes = 4_194_304", "length_bytes = 5_000_000", "memory.regions.flash ends at 0x4d4b40, behind the settings"),
        ("flash_size_kib = 8_192", "flash_size_kib = 4_096", "settings and core dump end at 0x424000, behind the flash"),
    ],
)
def test_partitions_that_do_not_fit_are_refused(old: str, new: str, sentence: str) -> None:
    board = board_with(old, new)
    with pytest.raises(BoardError) as caught:
        esp_idf_files(board, [], plan_esp_idf(board, demand(1_000)), None)
    assert sentence in caught.value.message


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('sd = "GPIO6"', 'sd = "GPIO4"', "microphone.pins.sd is GPIO4, which microphone.pins.sck has already"),
        ('sd = "GPIO6"', 'sd = "GPIO43"', "which microphone.pins.sd has already"),
        ('sd = "GPIO6"', 'sd = "GPIO30"', "microphone.pins.sd is GPIO30, which belongs to the module's memories"),
        ('sd = "GPIO6"', 'sd = "PE6:AF6"', "a pin of an ESP32-S3 is named as GPIO4"),
        (', sd = "GPIO6"', "", "it needs sck, fs and sd"),
        ('peripheral = "i2s0"', 'peripheral = "sai1_a"', "record with i2s0 or i2s1"),
        ('tx = "GPIO43"\n', "", "link.tx is missing"),
        ('peripheral = "uart0"', 'peripheral = "usb_serial_jtag"', "link.tx belongs to a UART, not to USB"),
        ("counter_frequency_hz = 240_000_000", "counter_frequency_hz = 200_000_000", "the core runs at 80000000, 160000000, 240000000 Hz"),
        ('psram_mode = "none"', 'psram_mode = "octal"', "no region is of kind psram"),
        ('kind = "esptool"', 'kind = "jlink"', "probe"),
        ('chip = "esp32s3"', 'chip = "esp32"', "probe.chip"),
    ],
)
def test_each_rule_speaks(old: str, new: str, sentence: str) -> None:
    with pytest.raises(BoardError) as caught:
        board_with(old, new)
    assert sentence in caught.value.message


@pytest.mark.parametrize("table", ["module", "link"])
def test_a_table_that_esp_idf_is_configured_from_must_be_there(table: str) -> None:
    head, _, rest = BOARD_TEXT.partition(f"[{table}]")
    with pytest.raises(BoardError, match=rf"\[{table}\] is missing"):
        parse_board(head + "[" + rest.partition("\n[")[2], path=Path("esp32s3.toml"))


def test_a_board_without_a_microphone_has_none_in_its_constants() -> None:
    board = load_board("esp32s3").model_copy(update={"microphone": None})
    text = port_files(board)["src/generated/board_config.h"]
    assert "-1,  // controller" in text
    assert "nullptr,\n    0,  // rate_count" in text


def accept() -> None:
    """Write the golden files anew."""
    for name in PROJECTS:
        files = rendered(name).files
        for path in FILES:
            target = GOLDEN / name / path
            if path in files:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(files[path], encoding="utf-8")


if __name__ == "__main__":
    accept()
