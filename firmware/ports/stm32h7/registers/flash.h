// Embedded flash memory. RM0433 chapter 4, registers in 4.9. Each bank has its own key, control, status and clear register.
#ifndef TINYAUDIO_STM32H7_FLASH_H_
#define TINYAUDIO_STM32H7_FLASH_H_

#include <stddef.h>
#include <stdint.h>

#include "register.h"

namespace tinyaudio {
namespace stm32h7 {

struct FlashBank {
    Register ACR;
    Register KEYR;
    Register OPTKEYR;
    Register CR;
    Register SR;
    Register CCR;

    // ACR is common to both banks.
    static constexpr uint32_t ACR_LATENCY = 0xFU << 0;
    static constexpr uint32_t ACR_WRHIGHFREQ_SHIFT = 4;
    static constexpr uint32_t ACR_WRHIGHFREQ = 3U << 4;
    static constexpr uint32_t KEYR_KEY1 = 0x45670123;
    static constexpr uint32_t KEYR_KEY2 = 0xCDEF89AB;
    static constexpr uint32_t CR_LOCK = 1U << 0;
    static constexpr uint32_t CR_PG = 1U << 1;
    static constexpr uint32_t CR_SER = 1U << 2;
    static constexpr uint32_t CR_PSIZE_64_BITS = 3U << 4;
    static constexpr uint32_t CR_START = 1U << 7;
    static constexpr uint32_t CR_SNB_SHIFT = 8;
    static constexpr uint32_t CR_END_INTERRUPTS = 0x006F0000;  // EOPIE, and the enable bits of SR_WRITE_ERRORS
    static constexpr uint32_t SR_BSY = 1U << 0;
    static constexpr uint32_t SR_WBNE = 1U << 1;
    static constexpr uint32_t SR_QW = 1U << 2;
    static constexpr uint32_t SR_EOP = 1U << 16;
    static constexpr uint32_t SR_SNECCERR = 1U << 25;
    static constexpr uint32_t SR_DBECCERR = 1U << 26;
    // WRPERR, PGSERR, STRBERR, INCERR, OPERR: what can go wrong while writing. CCR has the same bits.
    static constexpr uint32_t SR_WRITE_ERRORS = (1U << 17) | (1U << 18) | (1U << 19) | (1U << 21) | (1U << 22);
};
static_assert(offsetof(FlashBank, KEYR) == 0x4);
static_assert(offsetof(FlashBank, CR) == 0xc);
static_assert(offsetof(FlashBank, SR) == 0x10);
static_assert(offsetof(FlashBank, CCR) == 0x14);

// `bank`: 0 is bank 1 of the manual, 1 is bank 2, whose registers lie 0x100 further up.
inline FlashBank& flash_bank(uint32_t bank) {
    return block_at<FlashBank>(0x52002000 + 0x100 * bank);
}

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_FLASH_H_
