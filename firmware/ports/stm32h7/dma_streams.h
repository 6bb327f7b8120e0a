// The streams of DMA1 that this port uses.
#ifndef TINYAUDIO_STM32H7_DMA_STREAMS_H_
#define TINYAUDIO_STM32H7_DMA_STREAMS_H_

#include "registers/dma.h"

namespace tinyaudio {
namespace stm32h7 {

// Each is also the number of its channel of DMAMUX1.
constexpr uint32_t kReceiveStream = 0;
constexpr uint32_t kTransmitStream = 1;
constexpr uint32_t kSampleStream = 2;

struct DmaTransfer {
    uint32_t request;  // of DMAMUX1
    const volatile void* peripheral;
    volatile void* memory;
    uint32_t count;     // of items, at most 65,535
    uint32_t settings;  // DmaStream::CR_..., without EN
};

// Starts `transfer` on a stream that does not run.
void dma_start(uint32_t stream, const DmaTransfer& transfer);

// Stops a stream, wherever it is, and forgets its flags.
void dma_stop(uint32_t stream);

// Returns and clears the flags that are set: Dma::FLAG_...
uint32_t dma_take_flags(uint32_t stream);

// How many items of the transfer under way are left.
inline uint32_t dma_remaining(uint32_t stream) {
    return dma1().stream[stream].NDTR;
}

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_DMA_STREAMS_H_
