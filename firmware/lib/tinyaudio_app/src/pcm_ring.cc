#include "tinyaudio/pcm_ring.h"

#include <string.h>

namespace tinyaudio {

namespace {

uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

}  // namespace

bool pcm_ring_init(PcmRing& ring, int16_t* samples, uint32_t capacity) {
    ring = {samples, capacity, 0, 0};
    return capacity != 0 && (capacity & (capacity - 1)) == 0;
}

void pcm_ring_clear(PcmRing& ring) {
    ring.read = ring.written;
}

uint32_t pcm_ring_push(PcmRing& ring, const int16_t* samples, uint32_t count) {
    const uint32_t taken = smaller(count, pcm_ring_room(ring));
    const uint32_t position = ring.written & (ring.capacity - 1);
    const uint32_t first = smaller(taken, ring.capacity - position);
    memcpy(ring.samples + position, samples, first * sizeof(int16_t));
    memcpy(ring.samples, samples + first, (taken - first) * sizeof(int16_t));
    ring.written += taken;
    return taken;
}

bool pcm_ring_peek(const PcmRing& ring, int16_t* samples, uint32_t count) {
    if (pcm_ring_count(ring) < count) {
        return false;
    }
    const uint32_t position = ring.read & (ring.capacity - 1);
    const uint32_t first = smaller(count, ring.capacity - position);
    memcpy(samples, ring.samples + position, first * sizeof(int16_t));
    memcpy(samples + first, ring.samples, (count - first) * sizeof(int16_t));
    return true;
}

void pcm_ring_drop(PcmRing& ring, uint32_t count) {
    ring.read += smaller(count, pcm_ring_count(ring));
}

}  // namespace tinyaudio
