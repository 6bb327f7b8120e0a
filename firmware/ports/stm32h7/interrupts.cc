// The way into interrupts and out of them, which takes their time. Work is measured with a counter that does not stand still
// for them; what falls into a measurement, and how often, is a matter of when the host sends, so it is taken off again.
#include "interrupts.h"

#include "registers/dwt.h"

extern "C" {

volatile uint32_t tinyaudio_interrupt_ticks;

// Ten of its instructions are not between the two readings of the counter (DWT_CYCCNT): the first two, and eight from the
// second reading on. With them the sum is exact where a tick is an instruction; a chip's cycles to stack and unstack the
// frame stay out. All interrupts have the same priority, so that none falls into another.
[[gnu::naked]] void tinyaudio_interrupt() {
    __asm volatile(
        "ldr r0, =0xE0001004\n"
        "ldr r1, [r0]\n"
        "push {r1, lr}\n"
        "mrs r0, ipsr\n"
        "subs r0, r0, #16\n"
        "ldr r1, =tinyaudio_interrupts\n"
        "ldr r0, [r1, r0, lsl #2]\n"
        "blx r0\n"
        "ldr r0, =0xE0001004\n"
        "ldr r1, [r0]\n"
        "pop {r2, lr}\n"
        "subs r1, r1, r2\n"
        "ldr r0, =tinyaudio_interrupt_ticks\n"
        "ldr r2, [r0]\n"
        "adds r1, r1, #10\n"
        "add r1, r1, r2\n"
        "str r1, [r0]\n"
        "bx lr\n"
        ".ltorg\n");
}

}  // extern "C"

namespace tinyaudio {
namespace stm32h7 {

uint32_t ticks_in_interrupts() {
    return tinyaudio_interrupt_ticks;
}

}  // namespace stm32h7
}  // namespace tinyaudio
