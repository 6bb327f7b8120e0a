// System configuration controller. RM0433 chapter 12, registers in 12.3.
#ifndef TINYAUDIO_STM32H7_SYSCFG_H_
#define TINYAUDIO_STM32H7_SYSCFG_H_

#include <stddef.h>
#include <stdint.h>

#include "register.h"

namespace tinyaudio {
namespace stm32h7 {

struct Syscfg {
    uint32_t reserved_0;
    Register PMCR;
    uint32_t reserved_8[9];
    Register PWRCR;

    static constexpr uint32_t PWRCR_ODEN = 1U << 0;  // overdrive: voltage scale 1 becomes voltage scale 0
};
static_assert(offsetof(Syscfg, PMCR) == 0x4);
static_assert(offsetof(Syscfg, PWRCR) == 0x2c);

inline Syscfg& syscfg() {
    return block_at<Syscfg>(0x58000400);
}

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_SYSCFG_H_
