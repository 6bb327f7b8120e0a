"""An emulated STM32H743: Unicorn's Cortex-M7, and the peripherals that tinyaudio's firmware uses, by RM0433.

It runs the very image that is flashed, from its ELF, in a process of its own (``python -m`` this package). One
instruction is one cycle of the core's clock, and time is what the firmware's own clock set-up makes of the cycles;
asleep, time leaps to the next event, or waits for the host. ``docs/emulated_h743.md`` tells users what it can do.

What is modelled
----------------
Core: exceptions with priorities, PRIMASK, BASEPRI and FAULTMASK, both stacks, FPU frames, escalation and lock-up; MPU;
SysTick; CYCCNT; caches as registers. Chip: RCC, PWR, SYSCFG, EXTI (wake-up), FLASH with its settings sectors, GPIO,
USART 1 to 3, DMA 1 and 2 with DMAMUX 1, SAI 1, DFSDM 1 (one filter), LPTIM 1 and 2, RNG, DBGMCU, backup SRAM, STOP.

What is coarse
--------------
Time of execution: no wait states, no cache misses, no dual issue; counts are instructions. Interrupts are taken between
translated blocks, so up to some ten instructions late. DMA moves its items when somebody looks or an interrupt is due.
A core that reads flash while the same bank is busy is not stalled. The FPU's frame is stacked at once (no lazy
stacking). MPU regions smaller than 1,024 bytes share the rights of their page. WFE does not sleep.

What is not
-----------
Coherence of the data cache is not simulated: DMA to or from cached memory is refused by name instead. Unaligned LDRD
and LDM, and unaligned access to device memory, do not fault (QEMU's ``mps2_an500`` catches them). Unprivileged code,
MDMA, BDMA, timers, ADC, I2C, SPI, USB, Ethernet, option bytes. A touch of these ends the machine with the place.

In the fast mode a hook of the translator itself limits slices of instructions; CYCCNT is estimated, interrupts come up
to 50,000 instructions late, and a missing CPACR goes unnoticed. It needs no C compiler.

Files
-----
`machine` lets time pass; `chip` puts the parts together; `engine` is Unicorn; `counting` (with ``count_blocks.c``)
counts; `timeline` is time; `exceptions`, `faults`, `system_control`, `mpu`, `sys_tick` are the core; `bus` is how a
peripheral is reached, and each peripheral is a file.
"""
