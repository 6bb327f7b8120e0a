#include "recording.h"

#include <string.h>

namespace tinyaudio {
namespace stm32h7 {

static_assert((kRecordingSamples & (kRecordingSamples - 1)) == 0, "a power of two");

void recording_restart(Recording& recording) {
    recording.read = recording.written;
    recording.lost = 0;
}

void recording_push(Recording& recording, const volatile uint32_t* words, uint32_t count) {
    const uint32_t written = recording.written;
    const uint32_t room = recording.lost != 0 ? 0 : kRecordingSamples - (written - recording.read);
    const uint32_t taken = count < room ? count : room;
    for (uint32_t index = 0; index < taken; ++index) {
        recording.samples[(written + index) % kRecordingSamples] = static_cast<int16_t>(words[index] >> 16);
    }
    __atomic_signal_fence(__ATOMIC_RELEASE);  // the samples first, then the count that the reader goes by
    recording.written = written + taken;
    recording.lost = recording.lost + (count - taken);
}

void recording_lose(Recording& recording, uint32_t count) {
    recording.lost = recording.lost + count;
}

uint32_t recording_read(Recording& recording, int16_t* samples, uint32_t capacity) {
    const uint32_t waiting = recording.written - recording.read;
    __atomic_signal_fence(__ATOMIC_ACQUIRE);
    const uint32_t count = waiting < capacity ? waiting : capacity;
    const uint32_t position = recording.read % kRecordingSamples;
    const uint32_t first = count < kRecordingSamples - position ? count : kRecordingSamples - position;
    memcpy(samples, recording.samples + position, first * sizeof(int16_t));
    memcpy(samples + first, recording.samples, (count - first) * sizeof(int16_t));
    __atomic_signal_fence(__ATOMIC_RELEASE);  // copied before the room is given back
    recording.read = recording.read + count;
    return count;
}

uint32_t recording_take_lost(Recording& recording) {
    if (recording.written != recording.read) {
        return 0;
    }
    const uint32_t lost = recording.lost;
    recording.lost = 0;
    return lost;
}

}  // namespace stm32h7
}  // namespace tinyaudio
