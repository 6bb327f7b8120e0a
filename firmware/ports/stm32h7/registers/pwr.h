// Power control. RM0433 chapter 6, registers in 6.8; RM0399 chapter 7 for parts with a step-down converter.
#ifndef TINYAUDIO_STM32H7_PWR_H_
#define TINYAUDIO_STM32H7_PWR_H_

#include <stddef.h>
#include <stdint.h>

#include "register.h"

namespace tinyaudio {
namespace stm32h7 {

struct Pwr {
    Register CR1;
    Register CSR1;
    Register CR2;
    Register CR3;
    Register CPUCR;
    uint32_t reserved_14;
    Register D3CR;

    static constexpr uint32_t CR1_DBP = 1U << 8;
    static constexpr uint32_t CR1_SVOS = 3U << 14;
    static constexpr uint32_t CR1_SVOS_SCALE3 = 3U << 14;  // 1 is scale 5, 2 scale 4
    static constexpr uint32_t CSR1_ACTVOSRDY = 1U << 13;
    static constexpr uint32_t CR3_BYPASS = 1U << 0;
    static constexpr uint32_t CR3_LDOEN = 1U << 1;
    static constexpr uint32_t CR3_SDEN = 1U << 2;  // SCUEN on parts without a step-down converter: cleared by the first write
    static constexpr uint32_t CPUCR_PDDS = 7U << 0;  // PDDS_D1, PDDS_D2, PDDS_D3: Standby instead of Stop
    static constexpr uint32_t CPUCR_CSSF = 1U << 9;
    static constexpr uint32_t CPUCR_RUN_D3 = 1U << 11;
    static constexpr uint32_t D3CR_VOSRDY = 1U << 13;
    static constexpr uint32_t D3CR_VOS = 3U << 14;
    static constexpr uint32_t D3CR_VOS_SHIFT = 14;
};
static_assert(offsetof(Pwr, CSR1) == 0x4);
static_assert(offsetof(Pwr, CR3) == 0xc);
static_assert(offsetof(Pwr, CPUCR) == 0x10);
static_assert(offsetof(Pwr, D3CR) == 0x18);

inline Pwr& pwr() {
    return block_at<Pwr>(0x58024800);
}

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_PWR_H_
