// Nested vectored interrupt controller: Arm DDI0403 (Armv7-M) B3.4. Numbers of interrupts: RM0433 19.1.
#ifndef TINYAUDIO_STM32H7_NVIC_H_
#define TINYAUDIO_STM32H7_NVIC_H_

#include <stddef.h>
#include <stdint.h>

#include "register.h"

namespace tinyaudio {
namespace stm32h7 {

struct Nvic {
    Register ISER[8];
    uint32_t reserved_20[24];
    Register ICER[8];
    uint32_t reserved_a0[24];
    Register ISPR[8];
    uint32_t reserved_120[24];
    Register ICPR[8];
};
static_assert(offsetof(Nvic, ICER) == 0x80);
static_assert(offsetof(Nvic, ISPR) == 0x100);
static_assert(offsetof(Nvic, ICPR) == 0x180);

inline Nvic& nvic() {
    return block_at<Nvic>(0xE000E100);
}

// Exceptions 0 to 15 are the core's; interrupts follow.
constexpr uint32_t kFirstInterrupt = 16;
constexpr uint32_t kInterruptCount = 150;
constexpr uint32_t kFlashInterrupt = 4;
constexpr uint32_t kDma1Stream0Interrupt = 11;
constexpr uint32_t kDma1Stream1Interrupt = 12;
constexpr uint32_t kDma1Stream2Interrupt = 13;
constexpr uint32_t kLptim1Interrupt = 93;

inline void enable_interrupt(uint32_t interrupt) {
    nvic().ISER[interrupt / 32] = 1U << (interrupt % 32);
}

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_NVIC_H_
