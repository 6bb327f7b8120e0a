// Data watchpoint and trace unit: the cycle counter. Arm DDI0403 (Armv7-M) C1.8; lock: CoreSight; DEMCR: C1.6.
#ifndef TINYAUDIO_STM32H7_DWT_H_
#define TINYAUDIO_STM32H7_DWT_H_

#include <stddef.h>
#include <stdint.h>

#include "register.h"

namespace tinyaudio {
namespace stm32h7 {

struct Dwt {
    Register CTRL;
    Register CYCCNT;
    uint32_t reserved_8[1002];
    Register LAR;

    static constexpr uint32_t CTRL_CYCCNTENA = 1U << 0;
    static constexpr uint32_t LAR_KEY = 0xC5ACCE55;
};
static_assert(offsetof(Dwt, CYCCNT) == 0x4);
static_assert(offsetof(Dwt, LAR) == 0xfb0);

inline Dwt& dwt() {
    return block_at<Dwt>(0xE0001000);
}

struct CoreDebug {
    Register DHCSR;
    Register DCRSR;
    Register DCRDR;
    Register DEMCR;

    static constexpr uint32_t DEMCR_TRCENA = 1U << 24;
};
static_assert(offsetof(CoreDebug, DEMCR) == 0xc);

inline CoreDebug& core_debug() {
    return block_at<CoreDebug>(0xE000EDF0);
}

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_DWT_H_
