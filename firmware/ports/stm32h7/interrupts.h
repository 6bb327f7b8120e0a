// The interrupts of this port; the vector table in startup.cc leads to them.
#ifndef TINYAUDIO_STM32H7_INTERRUPTS_H_
#define TINYAUDIO_STM32H7_INTERRUPTS_H_

#include <stdint.h>

#include "registers/nvic.h"

namespace tinyaudio {
namespace stm32h7 {

void link_interrupt();           // the UART: idle line, errors
void link_receive_interrupt();   // DMA1 stream 0
void link_transmit_interrupt();  // DMA1 stream 1
void microphone_interrupt();     // SAI or DFSDM: overrun
void samples_interrupt();        // DMA1 stream 2
void flash_interrupt();          // end of an operation
void wake_up_interrupt();        // LPTIM1

using Handler = void (*)();

struct InterruptTable {
    Handler handlers[kInterruptCount];  // null: not used
};

// What the cycle counter counted in interrupts so far, modulo 2^32.
uint32_t ticks_in_interrupts();

// Keeps interrupts from being taken while it lives. One that becomes pending still ends a WFI.
class InterruptLock {
public:
    InterruptLock() { __asm volatile("cpsid i" ::: "memory"); }
    ~InterruptLock() { __asm volatile("cpsie i" ::: "memory"); }
    InterruptLock(const InterruptLock&) = delete;
    InterruptLock& operator=(const InterruptLock&) = delete;
};

// Sleeps until an interrupt is pending; under an InterruptLock none can slip in between a check and this.
inline void wait_for_interrupt() {
    __asm volatile("dsb\n wfi\n isb" ::: "memory");
}

}  // namespace stm32h7
}  // namespace tinyaudio

extern "C" {

extern const tinyaudio::stm32h7::InterruptTable tinyaudio_interrupts;

// For the vector table: calls the handler of the interrupt that is active, and keeps count of the ticks it took.
void tinyaudio_interrupt();

}  // extern "C"

#endif  // TINYAUDIO_STM32H7_INTERRUPTS_H_
