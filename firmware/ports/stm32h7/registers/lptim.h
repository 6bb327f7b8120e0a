// Low-power timer. RM0433 chapter 43, registers in 43.7.
#ifndef TINYAUDIO_STM32H7_LPTIM_H_
#define TINYAUDIO_STM32H7_LPTIM_H_

#include <stddef.h>
#include <stdint.h>

#include "register.h"

namespace tinyaudio {
namespace stm32h7 {

struct Lptim {
    Register ISR;
    Register ICR;
    Register IER;
    Register CFGR;
    Register CR;
    Register CMP;
    Register ARR;
    Register CNT;

    static constexpr uint32_t ISR_ARRM = 1U << 1;
    static constexpr uint32_t ISR_ARROK = 1U << 4;
    static constexpr uint32_t ICR_ARRMCF = 1U << 1;
    static constexpr uint32_t IER_ARRMIE = 1U << 1;
    static constexpr uint32_t CFGR_PRESC_SHIFT = 9;
    static constexpr uint32_t CR_ENABLE = 1U << 0;
    static constexpr uint32_t CR_SNGSTRT = 1U << 1;
};
static_assert(offsetof(Lptim, IER) == 0x8);
static_assert(offsetof(Lptim, CFGR) == 0xc);
static_assert(offsetof(Lptim, CR) == 0x10);
static_assert(offsetof(Lptim, ARR) == 0x18);
static_assert(offsetof(Lptim, CNT) == 0x1c);

inline Lptim& lptim1() {
    return block_at<Lptim>(0x40002400);
}

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_LPTIM_H_
