// Serial audio interface: one block. RM0433 chapter 51, registers in 51.6.
#ifndef TINYAUDIO_STM32H7_SAI_H_
#define TINYAUDIO_STM32H7_SAI_H_

#include <stddef.h>
#include <stdint.h>

#include "register.h"

namespace tinyaudio {
namespace stm32h7 {

struct SaiBlock {
    Register CR1;
    Register CR2;
    Register FRCR;
    Register SLOTR;
    Register IM;
    Register SR;
    Register CLRFR;
    Register DR;

    static constexpr uint32_t CR1_MODE_MASTER_RECEIVER = 1U << 0;
    static constexpr uint32_t CR1_DS_32_BITS = 7U << 5;
    static constexpr uint32_t CR1_CKSTR = 1U << 9;
    static constexpr uint32_t CR1_SAIEN = 1U << 16;
    static constexpr uint32_t CR1_DMAEN = 1U << 17;
    static constexpr uint32_t CR1_NODIV = 1U << 19;
    static constexpr uint32_t CR1_MCKDIV_SHIFT = 20;
    static constexpr uint32_t CR2_FFLUSH = 1U << 3;
    static constexpr uint32_t FRCR_FRL_SHIFT = 0;
    static constexpr uint32_t FRCR_FSALL_SHIFT = 8;
    static constexpr uint32_t FRCR_FSDEF = 1U << 16;
    static constexpr uint32_t FRCR_FSOFF = 1U << 18;
    static constexpr uint32_t SLOTR_SLOTSZ_32_BITS = 2U << 6;
    static constexpr uint32_t SLOTR_NBSLOT_2 = 1U << 8;
    static constexpr uint32_t SLOTR_SLOTEN_FIRST = 1U << 16;
    static constexpr uint32_t IM_OVRUDRIE = 1U << 0;
    static constexpr uint32_t SR_OVRUDR = 1U << 0;
    static constexpr uint32_t CLRFR_COVRUDR = 1U << 0;
};
static_assert(offsetof(SaiBlock, CR2) == 0x4);
static_assert(offsetof(SaiBlock, FRCR) == 0x8);
static_assert(offsetof(SaiBlock, SLOTR) == 0xc);
static_assert(offsetof(SaiBlock, IM) == 0x10);
static_assert(offsetof(SaiBlock, SR) == 0x14);
static_assert(offsetof(SaiBlock, CLRFR) == 0x18);
static_assert(offsetof(SaiBlock, DR) == 0x1c);

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_SAI_H_
