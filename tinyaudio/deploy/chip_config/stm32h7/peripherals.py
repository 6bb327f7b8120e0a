"""Where the chip's peripherals are and what they are wired to.

Sources: RM0433 2.3 (register boundary addresses), 8.7 (RCC_D2CCIP1R, RCC_D2CCIP2R: kernel clocks; RCC_APB1LENR,
RCC_APB2ENR: clock gates), 17.3 (requests of DMAMUX1), 19.1 (interrupt vectors).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

APB1LENR_OFFSET = 0xE8
APB2ENR_OFFSET = 0xF0
NO_INTERRUPT = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Uart:
    """A UART: its place and its wires."""

    base: int
    gate_offset: int  # of the RCC register that holds its clock gate
    gate_bit: int
    kernel_clock_shift: int  # of its field in RCC_D2CCIP2R
    interrupt: int
    receive_request: int  # DMAMUX1; the transmit request is the next one

    @property
    def transmit_request(self) -> int:
        """DMAMUX1 request of the transmitter."""
        return self.receive_request + 1


def _uart(base: int, gate_offset: int, gate_bit: int, interrupt: int, receive_request: int) -> Uart:
    shift = 3 if gate_offset == APB2ENR_OFFSET else 0  # USART16SEL, USART234578SEL
    return Uart(base=base, gate_offset=gate_offset, gate_bit=gate_bit, kernel_clock_shift=shift, interrupt=interrupt, receive_request=receive_request)


UARTS: Mapping[str, Uart] = {
    "usart1": _uart(0x4001_1000, APB2ENR_OFFSET, 4, 37, 41),
    "usart2": _uart(0x4000_4400, APB1LENR_OFFSET, 17, 38, 43),
    "usart3": _uart(0x4000_4800, APB1LENR_OFFSET, 18, 39, 45),
    "uart4": _uart(0x4000_4C00, APB1LENR_OFFSET, 19, 52, 63),
    "uart5": _uart(0x4000_5000, APB1LENR_OFFSET, 20, 53, 65),
    "usart6": _uart(0x4001_1400, APB2ENR_OFFSET, 5, 71, 71),
    "uart7": _uart(0x4000_7800, APB1LENR_OFFSET, 30, 82, 79),
    "uart8": _uart(0x4000_7C00, APB1LENR_OFFSET, 31, 83, 81),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PcmPeripheral:
    """What takes samples from a microphone: a block of a SAI, or a channel of the DFSDM with filter 0."""

    base: int  # of the SAI block, or of the DFSDM channel
    channel: int  # of the DFSDM
    gate_offset: int
    gate_bit: int
    kernel_clock_shift: int  # of the field in RCC_D2CCIP1R that selects the audio clock
    interrupt: int
    request: int  # DMAMUX1


def _sai_block(number: int, block: int, *, interrupt: int, first_request: int) -> PcmPeripheral:
    return PcmPeripheral(
        base=0x4001_5800 + 0x400 * (number - 1) + 0x04 + 0x20 * block,
        channel=0,
        gate_offset=APB2ENR_OFFSET,
        gate_bit=21 + number,
        kernel_clock_shift=0 if number == 1 else 6,  # SAI1SEL, SAI23SEL
        interrupt=interrupt,
        request=first_request + block,
    )


def _dfsdm_channel(channel: int) -> PcmPeripheral:
    return PcmPeripheral(
        base=0x4001_7000 + 0x20 * channel,
        channel=channel,
        gate_offset=APB2ENR_OFFSET,
        gate_bit=28,
        kernel_clock_shift=0,  # SAI1SEL: the audio clock of the DFSDM is that of SAI1 (RM0433 30.4)
        interrupt=110,
        request=101,
    )


SAI_BLOCKS: Mapping[str, PcmPeripheral] = {
    f"sai{number}_{'ab'[block]}": _sai_block(number, block, interrupt=interrupt, first_request=request)
    for number, interrupt, request in ((1, 87, 87), (2, 91, 89), (3, 114, 113))
    for block in (0, 1)
}
DFSDM_CHANNELS: Mapping[str, PcmPeripheral] = {f"dfsdm1_channel{channel}": _dfsdm_channel(channel) for channel in range(8)}
