// Memory protection unit: Arm DDI0403 (Armv7-M) B3.5.
#ifndef TINYAUDIO_STM32H7_MPU_H_
#define TINYAUDIO_STM32H7_MPU_H_

#include <stddef.h>
#include <stdint.h>

#include "register.h"

namespace tinyaudio {
namespace stm32h7 {

struct Mpu {
    Register TYPE;
    Register CTRL;
    Register RNR;
    Register RBAR;
    Register RASR;

    static constexpr uint32_t CTRL_ENABLE = 1U << 0;
    static constexpr uint32_t CTRL_HFNMIENA = 1U << 1;  // also in hard faults and under FAULTMASK
    static constexpr uint32_t CTRL_PRIVDEFENA = 1U << 2;  // what no region covers has the attributes of the default map
    static constexpr uint32_t RASR_ENABLE = 1U << 0;
    static constexpr uint32_t RASR_SIZE_SHIFT = 1;  // a region has 2^(SIZE + 1) bytes
    static constexpr uint32_t RASR_SRD_SHIFT = 8;  // eighths of the region that are left out
    static constexpr uint32_t RASR_DEVICE = 1U << 16;  // TEX 0, C 0, B 1
    static constexpr uint32_t RASR_WRITE_THROUGH = 1U << 17;  // TEX 0, C 1, B 0
    static constexpr uint32_t RASR_NON_CACHEABLE = 1U << 19;  // TEX 1, C 0, B 0
    static constexpr uint32_t RASR_WRITE_BACK = (1U << 19) | (1U << 17) | (1U << 16);  // TEX 1, C 1, B 1
    static constexpr uint32_t RASR_NO_ACCESS = 0U << 24;
    static constexpr uint32_t RASR_READ_WRITE = 3U << 24;
    static constexpr uint32_t RASR_READ_ONLY = 6U << 24;
    static constexpr uint32_t RASR_XN = 1U << 28;
};
static_assert(offsetof(Mpu, CTRL) == 0x4);
static_assert(offsetof(Mpu, RNR) == 0x8);
static_assert(offsetof(Mpu, RBAR) == 0xc);
static_assert(offsetof(Mpu, RASR) == 0x10);

inline Mpu& mpu() {
    return block_at<Mpu>(0xE000ED90);
}

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_MPU_H_
