// Extended interrupt and event controller. RM0433 chapter 20, registers in 20.6.
#ifndef TINYAUDIO_STM32H7_EXTI_H_
#define TINYAUDIO_STM32H7_EXTI_H_

#include <stddef.h>
#include <stdint.h>

#include "register.h"

namespace tinyaudio {
namespace stm32h7 {

struct Exti {
    uint32_t reserved_0[32];
    Register CPUIMR1;
    Register CPUEMR1;
    Register CPUPR1;
    uint32_t reserved_8c;
    Register CPUIMR2;
    Register CPUEMR2;
    Register CPUPR2;

    static constexpr uint32_t CPUIMR2_LPTIM1 = 1U << 15;  // line 47: LPTIM1 wakes from Stop
};
static_assert(offsetof(Exti, CPUIMR1) == 0x80);
static_assert(offsetof(Exti, CPUIMR2) == 0x90);

inline Exti& exti() {
    return block_at<Exti>(0x58000000);
}

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_EXTI_H_
