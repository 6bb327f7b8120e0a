// DMA controller 1. RM0433 chapter 15, registers in 15.5. Request multiplexer 1: chapter 17, registers in 17.6.
#ifndef TINYAUDIO_STM32H7_DMA_H_
#define TINYAUDIO_STM32H7_DMA_H_

#include <stddef.h>
#include <stdint.h>

#include "register.h"

namespace tinyaudio {
namespace stm32h7 {

struct DmaStream {
    Register CR;
    Register NDTR;
    Register PAR;
    Register M0AR;
    Register M1AR;
    Register FCR;

    static constexpr uint32_t CR_EN = 1U << 0;
    static constexpr uint32_t CR_TEIE = 1U << 2;
    static constexpr uint32_t CR_HTIE = 1U << 3;
    static constexpr uint32_t CR_TCIE = 1U << 4;
    static constexpr uint32_t CR_DIR_FROM_MEMORY = 1U << 6;
    static constexpr uint32_t CR_CIRC = 1U << 8;
    static constexpr uint32_t CR_MINC = 1U << 10;
    static constexpr uint32_t CR_PSIZE_32_BITS = 2U << 11;
    static constexpr uint32_t CR_MSIZE_32_BITS = 2U << 13;
    static constexpr uint32_t CR_PL_HIGH = 2U << 16;
    static constexpr uint32_t CR_TRBUFF = 1U << 20;  // bufferable transfers, for requests of a UART
};
static_assert(offsetof(DmaStream, NDTR) == 0x4);
static_assert(offsetof(DmaStream, PAR) == 0x8);
static_assert(offsetof(DmaStream, M0AR) == 0xc);
static_assert(offsetof(DmaStream, FCR) == 0x14);

struct Dma {
    Register LISR;
    Register HISR;
    Register LIFCR;
    Register HIFCR;
    DmaStream stream[8];

    // The flags of streams 0 to 3 in LISR and LIFCR begin at bits 0, 6, 16, 22.
    static constexpr uint32_t FLAG_DME = 1U << 2;
    static constexpr uint32_t FLAG_TE = 1U << 3;
    static constexpr uint32_t FLAG_HT = 1U << 4;
    static constexpr uint32_t FLAG_TC = 1U << 5;
    static constexpr uint32_t FLAGS = 0x3D;
};
static_assert(offsetof(Dma, LIFCR) == 0x8);
static_assert(offsetof(Dma, stream) == 0x10);

static_assert(sizeof(DmaStream) == 0x18);

inline Dma& dma1() {
    return block_at<Dma>(0x40020000);
}

struct Dmamux {
    Register CCR[16];

    // Channels 0 to 7 serve DMA1, 8 to 15 DMA2.
};

inline Dmamux& dmamux1() {
    return block_at<Dmamux>(0x40020800);
}

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_DMA_H_
