// Digital filter for sigma-delta modulators. RM0433 chapter 30, registers of a channel in 30.7, of a filter in 30.8.
#ifndef TINYAUDIO_STM32H7_DFSDM_H_
#define TINYAUDIO_STM32H7_DFSDM_H_

#include <stddef.h>
#include <stdint.h>

#include "register.h"

namespace tinyaudio {
namespace stm32h7 {

struct DfsdmChannel {
    Register CHCFGR1;
    Register CHCFGR2;
    Register CHAWSCDR;
    Register CHWDATR;
    Register CHDATINR;

    static constexpr uint32_t CHCFGR1_SPICKSEL_CKOUT = 1U << 2;
    static constexpr uint32_t CHCFGR1_CHEN = 1U << 7;
    static constexpr uint32_t CHCFGR1_CKOUTDIV_SHIFT = 16;
    static constexpr uint32_t CHCFGR1_CKOUTSRC_AUDIO = 1U << 30;  // CKOUTSRC, CKOUTDIV and DFSDMEN are channel 0's for all
    static constexpr uint32_t CHCFGR1_DFSDMEN = 1U << 31;
    static constexpr uint32_t CHCFGR2_DTRBS_SHIFT = 3;
};
static_assert(offsetof(DfsdmChannel, CHCFGR2) == 0x4);
static_assert(offsetof(DfsdmChannel, CHDATINR) == 0x10);

inline DfsdmChannel& dfsdm1_channel(uint32_t channel) {
    return block_at<DfsdmChannel>(0x40017000 + 0x20 * channel);
}

struct DfsdmFilter {
    Register FLTCR1;
    Register FLTCR2;
    Register FLTISR;
    Register FLTICR;
    Register FLTJCHGR;
    Register FLTFCR;
    Register FLTJDATAR;
    Register FLTRDATAR;

    static constexpr uint32_t FLTCR1_DFEN = 1U << 0;
    static constexpr uint32_t FLTCR1_RSWSTART = 1U << 17;
    static constexpr uint32_t FLTCR1_RCONT = 1U << 18;
    static constexpr uint32_t FLTCR1_RDMAEN = 1U << 21;
    static constexpr uint32_t FLTCR1_RCH_SHIFT = 24;
    static constexpr uint32_t FLTCR1_FAST = 1U << 29;
    static constexpr uint32_t FLTCR2_ROVRIE = 1U << 3;
    static constexpr uint32_t FLTISR_ROVRF = 1U << 3;
    static constexpr uint32_t FLTICR_CLRROVRF = 1U << 3;
    static constexpr uint32_t FLTFCR_FOSR_SHIFT = 16;
    static constexpr uint32_t FLTFCR_FORD_SINC4 = 4U << 29;
};
static_assert(offsetof(DfsdmFilter, FLTICR) == 0xc);
static_assert(offsetof(DfsdmFilter, FLTFCR) == 0x14);
static_assert(offsetof(DfsdmFilter, FLTRDATAR) == 0x1c);

inline DfsdmFilter& dfsdm1_filter0() {
    return block_at<DfsdmFilter>(0x40017100);
}

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_DFSDM_H_
