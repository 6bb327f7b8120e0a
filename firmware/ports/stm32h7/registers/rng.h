// True random number generator. RM0433 chapter 34, registers in 34.7.
#ifndef TINYAUDIO_STM32H7_RNG_H_
#define TINYAUDIO_STM32H7_RNG_H_

#include <stddef.h>
#include <stdint.h>

#include "register.h"

namespace tinyaudio {
namespace stm32h7 {

struct Rng {
    Register CR;
    Register SR;
    Register DR;

    static constexpr uint32_t CR_RNGEN = 1U << 2;
    static constexpr uint32_t SR_DRDY = 1U << 0;
    static constexpr uint32_t SR_CEIS = 1U << 5;
    static constexpr uint32_t SR_SEIS = 1U << 6;
};
static_assert(offsetof(Rng, SR) == 0x4);
static_assert(offsetof(Rng, DR) == 0x8);

inline Rng& rng() {
    return block_at<Rng>(0x48021800);
}

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_RNG_H_
