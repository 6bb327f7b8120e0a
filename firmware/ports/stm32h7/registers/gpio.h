// General-purpose inputs and outputs. RM0433 chapter 11, registers in 11.4.
#ifndef TINYAUDIO_STM32H7_GPIO_H_
#define TINYAUDIO_STM32H7_GPIO_H_

#include <stddef.h>
#include <stdint.h>

#include "register.h"

namespace tinyaudio {
namespace stm32h7 {

struct Gpio {
    Register MODER;
    Register OTYPER;
    Register OSPEEDR;
    Register PUPDR;
    Register IDR;
    Register ODR;
    Register BSRR;
    Register LCKR;
    Register AFR[2];

    static constexpr uint32_t MODER_ALTERNATE = 2;
    static constexpr uint32_t OSPEEDR_HIGH = 2;
    static constexpr uint32_t PUPDR_UP = 1;
};
static_assert(offsetof(Gpio, OTYPER) == 0x4);
static_assert(offsetof(Gpio, OSPEEDR) == 0x8);
static_assert(offsetof(Gpio, PUPDR) == 0xc);
static_assert(offsetof(Gpio, AFR) == 0x20);

// `port`: A is 0.
inline Gpio& gpio(uint32_t port) {
    return block_at<Gpio>(0x58020000 + 0x400 * port);
}

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_GPIO_H_
