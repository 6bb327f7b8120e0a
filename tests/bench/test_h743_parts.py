"""Parts of the emulated STM32H743 by themselves: clocks, MPU, the microphone, the compiled hook, the line to the host."""

from __future__ import annotations

import os
import wave
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from unicorn import arm_const, unicorn_const

from tinyaudio.bench.emulation.stm32h743.chip import Chip, ChipOptions
from tinyaudio.bench.emulation.stm32h743.counting import compile_hook
from tinyaudio.bench.emulation.stm32h743.host_line import HostLine, pseudo_terminal
from tinyaudio.bench.emulation.stm32h743.image import Image
from tinyaudio.bench.emulation.stm32h743.microphone import Microphone
from tinyaudio.bench.emulation.stm32h743.mpu import Mpu
from tinyaudio.bench.emulation.stm32h743.problems import MisuseError, UnmodelledError
from tinyaudio.bench.emulation.stm32h743.sai import SaiBlock
from tinyaudio.bench.emulation.stm32h743.timeline import Timeline
from tinyaudio.core.board import load_board
from tinyaudio.core.errors import AudioError, BuildError, StorageError, ToolError

NO_CODE = Image(segments=(), symbols=((0x0800_0000, 16, "first"), (0x0800_0020, 8, "second")))


class FakeCounter:
    """A counter that stands."""

    cycles = 0
    slept = 0
    fpu_enabled = False

    def now(self) -> int:
        return self.cycles

    def stop_at_next_block(self) -> None:
        """Nothing runs."""


def fresh_chip() -> Chip:
    chip = Chip(load_board("stm32h7"), NO_CODE, ChipOptions(exact=False))
    chip.reset()
    return chip


def pass_time(chip: Chip) -> None:
    """Let a millisecond pass: whatever was switched on is ready."""
    chip.timeline.sleep_to(chip.timeline.now_ps() + 10**9)


# -- clocks ----------------------------------------------------------------------------------------------------------


def test_rates_after_a_reset_are_those_of_the_hsi() -> None:
    chip = fresh_chip()
    assert chip.rcc.core_hz() == 64_000_000
    assert chip.rcc.usart_hz("USART3") == 64_000_000
    assert chip.rcc.lptim_hz("LPTIM1") == 64_000_000


def start_pll1(chip: Chip, *, n: int, p: int) -> None:
    rcc = chip.rcc
    rcc.write_register(0x00, rcc.registers[0] | 1 << 18)
    rcc.write_register(0x00, rcc.registers[0] | 1 << 16)  # HSE, bypassed: 8 MHz
    pass_time(chip)
    rcc.write_register(0x28, 0x0202_0002 | 1 << 4)  # DIVM1 = 1
    rcc.write_register(0x2C, 0x01FF_0000 | 3 << 2)  # 8 to 16 MHz, wide
    rcc.write_register(0x30, (n - 1) | (p - 1) << 9 | 1 << 16 | 1 << 24)
    rcc.write_register(0x00, rcc.registers[0] | 1 << 24)


def test_480_mhz_needs_a_ready_pll_wait_states_and_vos0() -> None:
    chip = fresh_chip()
    start_pll1(chip, n=120, p=2)
    with pytest.raises(MisuseError, match="that clock is not ready"):
        chip.rcc.write_register(0x10, 3)
    chip.rcc.write_register(0x10, 0)
    pass_time(chip)
    chip.rcc.write_register(0x18, 8)  # AXI at half of the core
    with pytest.raises(MisuseError, match="core at 480 MHz and buses at 240 MHz are too fast for the voltage scale VOS3"):
        chip.rcc.write_register(0x10, 3)
    chip.rcc.write_register(0x10, 0)
    chip.pwr.write_register(0x18, 3 << 14)
    chip.pwr.overdrive = lambda: True
    chip.flash.write_register(0x00, 1)
    with pytest.raises(MisuseError, match="1 wait states are too few for flash at 240 MHz"):
        chip.rcc.write_register(0x10, 3)
    chip.rcc.write_register(0x10, 0)
    chip.flash.write_register(0x00, 4)
    chip.rcc.write_register(0x10, 3)
    assert chip.timeline.core_hz == 480_000_000


@pytest.mark.parametrize(("n", "text"), [(512, "the VCO of PLL1 would run at 4096 MHz"), (4, "the VCO of PLL1 would run at 32 MHz")])
def test_a_pll_out_of_its_range_is_refused(n: int, text: str) -> None:
    with pytest.raises(MisuseError, match=text):
        start_pll1(fresh_chip(), n=n, p=2)


def test_an_oscillator_that_the_board_does_not_have_is_refused() -> None:
    chip = fresh_chip()
    with pytest.raises(MisuseError, match="HSEBYP=0, but the board's clock is hse_bypass"):
        chip.rcc.write_register(0x00, chip.rcc.registers[0] | 1 << 16)


def test_without_an_external_clock_no_pll_starts_on_it() -> None:
    chip = Chip(load_board("stm32h7"), NO_CODE, ChipOptions(exact=False, external_clock=False))
    chip.reset()
    with pytest.raises(MisuseError, match="PLL1 is on, but the HSE that it is to get its clock from is not ready"):
        start_pll1(chip, n=120, p=2)
    assert chip.rcc.read_register(0x00) & 1 << 17 == 0


def test_time_follows_the_core_s_clock() -> None:
    counter = FakeCounter()
    timeline = Timeline(counter)  # type: ignore[arg-type]
    timeline.set_core_hz(64_000_000)
    counter.cycles = 64
    timeline.set_core_hz(480_000_000)
    counter.cycles += 480
    assert timeline.now_ps() == 2_000_000
    rung = []
    alarm = timeline.new_alarm(lambda: rung.append(timeline.now_ps()))
    timeline.set(alarm, 3_000_000)
    assert timeline.deadline_cycles() == 64 + 960
    timeline.ring_due()
    assert rung == []
    timeline.sleep_to(3_000_000)
    timeline.ring_due()
    assert rung == [3_000_000]
    assert counter.slept == 480


# -- registers -------------------------------------------------------------------------------------------------------


def test_a_register_that_is_not_modelled_is_named() -> None:
    chip = fresh_chip()
    with pytest.raises(UnmodelledError, match=r"PWR, offset 0x3fc .address 0x58024bfc., is read"):
        chip.pwr.read_register(0x3FC)
    with pytest.raises(UnmodelledError, match="is written with 0x00000007"):
        chip.pwr.write_register(0x3FC, 7)


def test_places_are_told_with_their_symbol() -> None:
    assert NO_CODE.place(0x0800_0000) == "0x08000000 <first>"
    assert NO_CODE.place(0x0800_0022) == "0x08000022 <second+0x2>"
    assert NO_CODE.place(0x0800_0018) == "0x08000018"


def test_an_image_that_is_not_for_this_flash_is_refused() -> None:
    with pytest.raises(BuildError, match="has no flash for an image"):
        Chip(load_board("stm32h7"), Image(segments=((0x081F_FFF0, b"x" * 64),), symbols=()), ChipOptions(exact=False))


def set_region(mpu: Mpu, number: int, *, origin: int, rasr: int) -> None:
    mpu.write_register(0xD98, number)
    mpu.write_register(0xD9C, origin)
    mpu.write_register(0xDA0, rasr)


def test_the_mpu_forbids_and_keeps_out_of_the_cache() -> None:
    mpu = Mpu()
    everything = int(unicorn_const.UC_PROT_ALL)
    assert mpu.rights_at(0x3004_0000) == everything
    assert mpu.is_cached(0x3004_0000)
    set_region(mpu, 0, origin=0x3000_0000, rasr=3 << 24 | 7 << 16 | 19 << 1 | 1)  # 1 MB, write-back
    set_region(mpu, 1, origin=0x3004_0000, rasr=1 << 28 | 3 << 24 | 1 << 19 | 14 << 1 | 1)  # 32 KB, normal and not cached
    set_region(mpu, 2, origin=0x2400_0000, rasr=1 << 28 | 6 << 24 | 0b10 << 8 | 9 << 1 | 1)  # 1 KB, read-only but for an eighth
    mpu.write_register(0xD94, 1)
    assert mpu.is_cached(0x3000_0000)
    assert not mpu.is_cached(0x3004_7FFF)
    assert mpu.is_cached(0x3004_8000)
    assert mpu.rights_at(0x3004_0000) == unicorn_const.UC_PROT_READ | unicorn_const.UC_PROT_WRITE
    assert mpu.rights_at(0x2400_0000) == unicorn_const.UC_PROT_READ
    assert mpu.rights_at(0x2400_0080) == 0  # neither the region nor the background
    mpu.write_register(0xD94, 5)
    assert mpu.rights_at(0x2400_0080) == everything


@pytest.mark.parametrize(("mpu_control", "ccr", "is_refused"), [(5, 1 << 16 | 1 << 8, True), (7, 1 << 16 | 1 << 8, False), (5, 1 << 8, False)])
def test_memory_is_not_probed_through_the_cache_while_faultmask_switches_the_mpu_off(mpu_control: int, ccr: int, is_refused: bool) -> None:
    """What is to be read lies in a region that is not cached; without HFNMIENA the default map, which caches it, counts instead."""
    chip = fresh_chip()
    chip.mpu.write_register(0xD94, mpu_control)
    chip.system_control.write_register(0xD14, ccr)  # at the priority of the program nothing is wrong with it
    chip.engine.set_register(arm_const.UC_ARM_REG_FAULTMASK, 1)
    with pytest.raises(MisuseError, match="HFNMIENA is 0") if is_refused else nullcontext():
        chip.system_control.write_register(0xD14, ccr)


def test_a_low_power_timer_reloads_above_its_compare_value() -> None:
    chip = fresh_chip()
    chip.rcc.write_register(0x74, 1)  # LSI
    chip.rcc.write_register(0x54, 4 << 28)  # for LPTIM1
    pass_time(chip)
    timer = chip.lptims["LPTIM1"]
    timer.write_register(0x10, 1)
    timer.write_register(0x18, 0)
    with pytest.raises(MisuseError, match=r"LPTIM1: ARR \(0\) is not above CMP \(0\)"):
        timer.write_register(0x10, 3)
    timer.write_register(0x18, 1)
    timer.write_register(0x10, 3)


@pytest.mark.parametrize("scale", [1, 2])
def test_stop_at_a_lower_voltage_is_not_modelled(scale: int) -> None:
    chip = fresh_chip()
    chip.pwr.stop()
    chip.pwr.write_register(0x00, 0xF000_0000 | scale << 14)
    with pytest.raises(UnmodelledError, match=f"SVOS = {scale}"):
        chip.pwr.stop()


# -- the microphone --------------------------------------------------------------------------------------------------


def write_wav(path: Path, samples: np.ndarray, *, channels: int = 1, rate_hz: int = 16_000) -> Path:
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(channels)
        stream.setsampwidth(2)
        stream.setframerate(rate_hz)
        stream.writeframes(samples.astype("<i2").tobytes())
    return path


def test_a_microphone_hears_the_wav_and_then_silence(tmp_path: Path) -> None:
    microphone = Microphone(write_wav(tmp_path / "a.wav", np.arange(-3, 4)))
    assert microphone.take(5).tolist() == [-3, -2, -1, 0, 1]
    assert not microphone.is_silent
    assert microphone.take(4).tolist() == [2, 3, 0, 0]
    assert microphone.is_silent
    microphone.rewind()
    assert microphone.take(1).tolist() == [-3]


@pytest.mark.parametrize("content", [None, b"", b"RIFF....WAVE"])
def test_a_file_that_is_no_wav_is_told(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioError, match="cannot be read"):
        Microphone(tmp_path / "a.wav")


def test_a_wav_of_two_channels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="one channel"):
        Microphone(write_wav(tmp_path / "a.wav", np.zeros(4), channels=2))


@pytest.mark.parametrize(
    ("data_size", "frame_offset", "first"), [(7, 1, [0x0001_0000, 0xFFFE_0000, 0x7530_0000]), (6, 1, [0x100, 0xFF_FE00, 0x75_3000]), (7, 0, [0x8000])]
)
def test_the_i2s_register_holds_samples_as_a_microphone_sends_them(tmp_path: Path, data_size: int, frame_offset: int, first: list[int]) -> None:
    options = ChipOptions(exact=False, microphone=write_wav(tmp_path / "a.wav", np.array([1, -2, 30_000]), rate_hz=1_000_000))
    chip = Chip(load_board("stm32h7"), NO_CODE, options)
    chip.reset()
    block = SaiBlock(
        "A",
        timeline=chip.timeline,
        dmamux=chip.dmamux,
        exceptions=chip.exceptions,
        microphone=Microphone(options.microphone),
        kernel_hz=lambda: 64e6,
    )
    block.write_register(0x08, frame_offset << 18 | 63)  # FRCR: FSOFF, 64 bits
    block.write_register(0x0C, 1 << 16 | 1 << 8)  # SLOTR: two slots, the first one read
    block.write_register(0x00, 1 << 16 | 1 << 19 | data_size << 5 | 1)  # no MCKDIV: 64 MHz / 64 bits
    assert block.rate_hz() == 1_000_000
    chip.timeline.sleep_to(chip.timeline.now_ps() + 3_100_000)
    assert block.read_register(0x14) >> 16 == 2  # SR.FLVL: not empty, not a quarter full
    assert [block.read_register(0x1C) for _ in first] == first


def test_a_wav_of_another_rate_than_the_clocks_give_is_refused(tmp_path: Path) -> None:
    options = ChipOptions(exact=False, microphone=write_wav(tmp_path / "a.wav", np.zeros(4)))
    chip = Chip(load_board("stm32h7"), NO_CODE, options)
    chip.reset()
    with pytest.raises(MisuseError, match=r"SAI1 block A samples at 48000.0 Hz .* the WAV has 16000 Hz"):
        chip.sai_blocks["A"].input.start(Fraction(48_000), items_of_frame=1, uses_dma=False)


def test_samples_that_nobody_fetches_overrun(tmp_path: Path) -> None:
    options = ChipOptions(exact=False, microphone=write_wav(tmp_path / "a.wav", np.arange(1, 20)))
    chip = Chip(load_board("stm32h7"), NO_CODE, options)
    chip.reset()
    chip.sai_blocks["A"].write_register(0x0C, 1 << 16)  # a slot
    chip.sai_blocks["A"].write_register(0x08, 1 << 18 | 63)
    chip.sai_blocks["A"].write_register(0x00, 7 << 5 | 1)  # 32 bits
    source = chip.sai_blocks["A"].input
    source.start(Fraction(16_000), items_of_frame=1, uses_dma=False)
    chip.timeline.sleep_to(chip.timeline.now_ps() + 8 * 10**12 // 16_000)
    source.advance()
    assert [item >> 16 for item in source.fifo] == list(range(1, 9))
    assert not source.overrun
    chip.timeline.sleep_to(chip.timeline.now_ps() + 10**12 // 16_000)
    source.advance()
    assert source.overrun


# -- the hook and the line -------------------------------------------------------------------------------------------


def test_the_hook_is_compiled_once_whoever_is_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYAUDIO_CACHE_DIR", str(tmp_path))
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(lambda _: compile_hook(), range(4)))
    assert len(paths) == 1
    assert [path.name for path in (tmp_path / "emulation").iterdir()] == [next(iter(paths)).name]


def test_without_a_compiler_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYAUDIO_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(ToolError, match="needs a C compiler") as caught:
        compile_hook()
    assert "--mode fast" in caught.value.hint


def test_once_compiled_no_compiler_is_needed_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYAUDIO_CACHE_DIR", str(tmp_path))
    compiled = compile_hook()
    monkeypatch.setenv("PATH", "")
    assert compile_hook() == compiled


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "emulation").write_text("a file where the folder should be")
    monkeypatch.setenv("TINYAUDIO_CACHE_DIR", str(tmp_path))
    with pytest.raises(StorageError, match="cannot write"):
        compile_hook()


def test_a_compiler_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYAUDIO_CACHE_DIR", str(tmp_path / "cache"))
    broken = tmp_path / "broken-cc"
    broken.write_text("#!/bin/sh\n[ \"$1\" = --version ] && echo broken 1.0 && exit 0\necho 'no libc here' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    with pytest.raises(ToolError, match="no libc here"):
        compile_hook()
    assert list((tmp_path / "cache" / "emulation").iterdir()) == []


def test_the_line_keeps_what_the_host_does_not_read_yet() -> None:
    (from_host, to_chip), (from_chip, to_host) = os.pipe(), os.pipe()
    line = HostLine(from_host, to_host, lifeline=to_host)
    sent = bytes(range(256)) * 1_000  # more than a pipe holds
    line.write(sent)
    received = b""
    while len(received) < len(sent):
        received += os.read(from_chip, 65_536)
        line.flush()
    assert received == sent
    assert line.read() == b""
    assert not line.has_ended
    os.close(to_chip)
    assert line.read() == b""
    assert line.has_ended
    assert not line.is_deserted
    os.close(from_chip)
    assert line.is_deserted
    for descriptor in (from_host, to_host):
        os.close(descriptor)


def test_a_pseudo_terminal_passes_every_byte() -> None:
    descriptor, name = pseudo_terminal()
    line = HostLine(descriptor, descriptor, lifeline=descriptor)
    other = os.open(name, os.O_RDWR | os.O_NOCTTY)
    every_byte = bytes(range(256))
    os.write(other, every_byte)
    received = b""
    while len(received) < len(every_byte):  # in either direction it may come in pieces
        line.wait(60.0)
        received += line.read()
    assert received == every_byte
    line.write(every_byte)
    received = b""
    while len(received) < len(every_byte):
        received += os.read(other, 1_000)
    assert received == every_byte
    os.close(other)
    os.close(descriptor)
