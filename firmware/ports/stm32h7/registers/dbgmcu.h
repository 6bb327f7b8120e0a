// Debug support of the microcontroller. RM0433 chapter 60.
#ifndef TINYAUDIO_STM32H7_DBGMCU_H_
#define TINYAUDIO_STM32H7_DBGMCU_H_

#include <stddef.h>
#include <stdint.h>

#include "register.h"

namespace tinyaudio {
namespace stm32h7 {

struct Dbgmcu {
    Register IDC;
    Register CR;

    static constexpr uint32_t IDC_REV_ID_SHIFT = 16;
    static constexpr uint32_t REV_ID_Y = 0x1003;  // revisions after it are X (0x2001) and V (0x2003)
};
static_assert(offsetof(Dbgmcu, CR) == 0x4);

inline Dbgmcu& dbgmcu() {
    return block_at<Dbgmcu>(0x5C001000);
}

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_DBGMCU_H_
