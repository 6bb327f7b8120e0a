// Counting what a circular DMA transfer has written, beyond its own wrap around.
#ifndef TINYAUDIO_STM32H7_RECEIVE_RING_H_
#define TINYAUDIO_STM32H7_RECEIVE_RING_H_

#include <stdint.h>

namespace tinyaudio {
namespace stm32h7 {

// Bytes ever received, modulo 2^32. The DMA controller shows its position within the ring (`remaining`, NDTR) and raises
// an interrupt at every half. `halves` counts those interrupts; one that is pending is seen by the half it is in. Exact
// as long as no interrupt is late by a whole half.
template <uint32_t kRingBytes>
constexpr uint32_t received_total(uint32_t halves, uint32_t remaining) {
    static_assert(kRingBytes >= 2 && (kRingBytes & (kRingBytes - 1)) == 0, "a power of two");
    constexpr uint32_t kHalfBytes = kRingBytes / 2;
    const uint32_t position = (kRingBytes - remaining) & (kRingBytes - 1);
    const uint32_t pending = (halves ^ (position / kHalfBytes)) & 1;
    return (halves + pending) * kHalfBytes + position % kHalfBytes;
}

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_RECEIVE_RING_H_
