// First in, first out, of PCM samples between a source and the front end.
#ifndef TINYAUDIO_PCM_RING_H_
#define TINYAUDIO_PCM_RING_H_

#include <stdint.h>

namespace tinyaudio {

// `written` and `read` count all samples ever and wrap around at 2^32; their difference is what the ring holds.
struct PcmRing {
    int16_t* samples;   // [capacity]
    uint32_t capacity;  // power of two
    uint32_t written;
    uint32_t read;
};

// Smallest power of two that is not less than `count` (1 to 2^31).
constexpr uint32_t power_of_two_from(uint32_t count) {
    uint32_t power = 1;
    while (power < count) {
        power *= 2;
    }
    return power;
}

// False if `capacity` is no power of two; then `ring` is unusable.
bool pcm_ring_init(PcmRing& ring, int16_t* samples, uint32_t capacity);

inline uint32_t pcm_ring_count(const PcmRing& ring) {
    return ring.written - ring.read;
}

inline uint32_t pcm_ring_room(const PcmRing& ring) {
    return ring.capacity - pcm_ring_count(ring);
}

// Forgets all samples.
void pcm_ring_clear(PcmRing& ring);

// Takes as many of the `count` samples as there is room for, the first ones; returns how many.
uint32_t pcm_ring_push(PcmRing& ring, const int16_t* samples, uint32_t count);

// Copies the oldest `count` samples without removing them; false, and nothing copied, if there are fewer.
bool pcm_ring_peek(const PcmRing& ring, int16_t* samples, uint32_t count);

// Removes the oldest `count` samples, or all if there are fewer.
void pcm_ring_drop(PcmRing& ring, uint32_t count);

}  // namespace tinyaudio

#endif  // TINYAUDIO_PCM_RING_H_
