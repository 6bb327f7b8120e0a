// System control block of the Cortex-M7: Arm DDI0403 (Armv7-M) B3.2; cache maintenance B3.2 and B4.2.
#ifndef TINYAUDIO_STM32H7_SCB_H_
#define TINYAUDIO_STM32H7_SCB_H_

#include <stddef.h>
#include <stdint.h>

#include "register.h"

namespace tinyaudio {
namespace stm32h7 {

struct Scb {
    uint32_t reserved_0;
    Register ICSR;
    Register VTOR;
    Register AIRCR;
    Register SCR;
    Register CCR;
    Register SHPR[3];
    Register SHCSR;
    Register CFSR;
    Register HFSR;
    Register DFSR;
    Register MMFAR;
    Register BFAR;
    uint32_t reserved_3c[17];
    Register CCSIDR;
    Register CSSELR;
    Register CPACR;

    static constexpr uint32_t AIRCR_SYSRESETREQ = 0x05FA0004;  // with its key
    static constexpr uint32_t SCR_SLEEPDEEP = 1U << 2;
    static constexpr uint32_t CCR_BFHFNMIGN = 1U << 8;
    static constexpr uint32_t CCR_DC = 1U << 16;
    static constexpr uint32_t CCR_IC = 1U << 17;
    static constexpr uint32_t CFSR_BUS_FAULT = 0xFFU << 8;
    static constexpr uint32_t CCSIDR_NUM_SETS_SHIFT = 13;
    static constexpr uint32_t CCSIDR_NUM_SETS_MASK = 0x7FFF;
    static constexpr uint32_t CCSIDR_ASSOCIATIVITY_SHIFT = 3;
    static constexpr uint32_t CCSIDR_ASSOCIATIVITY_MASK = 0x3FF;
};
static_assert(offsetof(Scb, ICSR) == 0x4);
static_assert(offsetof(Scb, VTOR) == 0x8);
static_assert(offsetof(Scb, AIRCR) == 0xc);
static_assert(offsetof(Scb, SCR) == 0x10);
static_assert(offsetof(Scb, CCR) == 0x14);
static_assert(offsetof(Scb, SHCSR) == 0x24);
static_assert(offsetof(Scb, CFSR) == 0x28);
static_assert(offsetof(Scb, HFSR) == 0x2c);
static_assert(offsetof(Scb, MMFAR) == 0x34);
static_assert(offsetof(Scb, BFAR) == 0x38);
static_assert(offsetof(Scb, CCSIDR) == 0x80);
static_assert(offsetof(Scb, CSSELR) == 0x84);
static_assert(offsetof(Scb, CPACR) == 0x88);

inline Scb& scb() {
    return block_at<Scb>(0xE000ED00);
}

struct CacheMaintenance {
    Register ICIALLU;
    uint32_t reserved_4[3];
    Register DCISW;

    static constexpr uint32_t DCISW_SET_SHIFT = 5;  // lines of 32 bytes
    static constexpr uint32_t DCISW_WAY_SHIFT = 30;  // 4 ways
};
static_assert(offsetof(CacheMaintenance, DCISW) == 0x10);

inline CacheMaintenance& cache_maintenance() {
    return block_at<CacheMaintenance>(0xE000EF50);
}

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_SCB_H_
