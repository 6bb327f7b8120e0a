#include "tinyaudio/microphone_ring.h"

#include <string.h>

namespace tinyaudio {

namespace {

// Another context writes it: what was written before is seen behind.
uint32_t acquire(const uint32_t& counter) {
    return __atomic_load_n(&counter, __ATOMIC_ACQUIRE);
}

void release(uint32_t& counter, uint32_t value) {
    __atomic_store_n(&counter, value, __ATOMIC_RELEASE);
}

}  // namespace

bool microphone_ring_init(MicrophoneRing& ring, int16_t* samples, uint32_t capacity) {
    ring = {samples, capacity, 0, 0, 0, 0};
    return capacity != 0 && (capacity & (capacity - 1)) == 0;
}

void microphone_ring_push(MicrophoneRing& ring, const int16_t* samples, uint32_t count) {
    const uint32_t room = ring.capacity - (ring.written - acquire(ring.read));
    if (count > room || acquire(ring.told) != ring.lost) {
        microphone_ring_lose(ring, count);
        return;
    }
    const uint32_t position = ring.written & (ring.capacity - 1);
    const uint32_t left = ring.capacity - position;
    const uint32_t first = count < left ? count : left;
    memcpy(ring.samples + position, samples, first * sizeof(int16_t));
    memcpy(ring.samples, samples + first, (count - first) * sizeof(int16_t));
    release(ring.written, ring.written + count);
}

void microphone_ring_lose(MicrophoneRing& ring, uint32_t count) {
    release(ring.lost, ring.lost + count);
}

bool microphone_ring_is_ready(const MicrophoneRing& ring) {
    return acquire(ring.written) != ring.read || acquire(ring.lost) != ring.told;
}

uint32_t microphone_ring_read(MicrophoneRing& ring, int16_t* samples, uint32_t capacity) {
    const uint32_t available = acquire(ring.written) - ring.read;
    const uint32_t count = available < capacity ? available : capacity;
    const uint32_t position = ring.read & (ring.capacity - 1);
    const uint32_t left = ring.capacity - position;
    const uint32_t first = count < left ? count : left;
    memcpy(samples, ring.samples + position, first * sizeof(int16_t));
    memcpy(samples + first, ring.samples, (count - first) * sizeof(int16_t));
    release(ring.read, ring.read + count);
    return count;
}

uint32_t microphone_ring_take_lost(MicrophoneRing& ring) {
    const uint32_t lost = acquire(ring.lost);  // first: while it differs from `told`, nothing is written
    if (lost == ring.told || acquire(ring.written) != ring.read) {
        return 0;
    }
    const uint32_t count = lost - ring.told;
    release(ring.told, lost);
    return count;
}

}  // namespace tinyaudio
