"""Which pins can carry which signal, and as which alternate function.

Source: DS12110 (STM32H743xI), tables "Port A alternate functions" to "Port K alternate functions"; the dual-core parts
(DS12930) have the same. A package may lack some of the pins.
"""

from __future__ import annotations

from collections.abc import Mapping

#: "<peripheral>.<signal>" -> pins, as a board file writes them, separated by blanks.
_PINS: Mapping[str, str] = {
    "dfsdm1.ckout": "PB0:AF6 PC2:AF6 PD3:AF3 PD10:AF3 PE9:AF3",
    "dfsdm1_channel0.datin": "PC1:AF3",
    "dfsdm1_channel1.datin": "PB1:AF6 PB12:AF6 PC3:AF3 PD6:AF4",
    "dfsdm1_channel2.datin": "PB14:AF6 PC5:AF3 PE7:AF3",
    "dfsdm1_channel3.datin": "PC7:AF4 PD9:AF3 PE4:AF3",
    "dfsdm1_channel4.datin": "PC0:AF6 PD7:AF3 PE10:AF3",
    "dfsdm1_channel5.datin": "PB6:AF11 PC11:AF3 PE12:AF3",
    "dfsdm1_channel6.datin": "PD1:AF3 PF13:AF3",
    "dfsdm1_channel7.datin": "PB9:AF3 PB10:AF6",
    "sai1_a.fs": "PE4:AF6",
    "sai1_a.sck": "PE5:AF6",
    "sai1_a.sd": "PB2:AF6 PC1:AF6 PD6:AF6 PE6:AF6",
    "sai1_b.fs": "PF9:AF6",
    "sai1_b.sck": "PF8:AF6",
    "sai1_b.sd": "PE3:AF6 PF6:AF6",
    "sai2_a.fs": "PD12:AF10 PI7:AF10",
    "sai2_a.sck": "PD13:AF10 PI5:AF10",
    "sai2_a.sd": "PD11:AF10 PI6:AF10",
    "sai2_b.fs": "PA12:AF8 PC0:AF8 PE13:AF10 PG9:AF10",
    "sai2_b.sck": "PA2:AF8 PE12:AF10 PH2:AF10",
    "sai2_b.sd": "PA0:AF10 PE11:AF10 PF11:AF10 PG10:AF10",
    "sai3_a.fs": "PD4:AF6",
    "sai3_a.sck": "PD0:AF6",
    "sai3_a.sd": "PD1:AF6",
    "sai3_b.fs": "PD10:AF6",
    "sai3_b.sck": "PD8:AF6",
    "sai3_b.sd": "PD9:AF6",
    "uart4.rx": "PA1:AF8 PA11:AF6 PB8:AF8 PC11:AF8 PD0:AF8 PH14:AF8 PI9:AF8",
    "uart4.tx": "PA0:AF8 PA12:AF6 PB9:AF8 PC10:AF8 PD1:AF8 PH13:AF8",
    "uart5.rx": "PB5:AF14 PB12:AF14 PD2:AF8",
    "uart5.tx": "PB6:AF14 PB13:AF14 PC12:AF8",
    "uart7.rx": "PA8:AF11 PB3:AF11 PE7:AF7 PF6:AF7",
    "uart7.tx": "PA15:AF11 PB4:AF11 PE8:AF7 PF7:AF7",
    "uart8.rx": "PE0:AF8 PJ9:AF8",
    "uart8.tx": "PE1:AF8 PJ8:AF8",
    "usart1.rx": "PA10:AF7 PB7:AF7 PB15:AF4",
    "usart1.tx": "PA9:AF7 PB6:AF7 PB14:AF4",
    "usart2.rx": "PA3:AF7 PD6:AF7",
    "usart2.tx": "PA2:AF7 PD5:AF7",
    "usart3.rx": "PB11:AF7 PC11:AF7 PD9:AF7",
    "usart3.tx": "PB10:AF7 PC10:AF7 PD8:AF7",
    "usart6.rx": "PC7:AF7 PG9:AF7",
    "usart6.tx": "PC6:AF7 PG14:AF7",
}


def pins_of(peripheral: str, signal: str) -> tuple[str, ...]:
    """Return the pins that can carry `signal` of `peripheral`, such as ("PD8:AF7",); () if there is no such signal."""
    pins = _PINS.get(f"{peripheral}.{signal}", "")
    return tuple(pins.split())
