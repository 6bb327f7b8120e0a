// Samples between the microphone's interrupt, which writes, and the application, which reads. A gap is never papered
// over: what comes behind lost samples is dropped as well, and counted, until the reader has read up to the gap and taken
// note of it.
#ifndef TINYAUDIO_STM32H7_RECORDING_H_
#define TINYAUDIO_STM32H7_RECORDING_H_

#include <stdint.h>

namespace tinyaudio {
namespace stm32h7 {

constexpr uint32_t kRecordingSamples = 8192;  // 0.5 s at 16 kHz, 0.17 s at 48 kHz; a power of two

// `written` and `read` count all samples, modulo 2^32. The interrupt changes `written` and `lost`, the application `read`;
// recording_take_lost, which also changes `lost`, needs the interrupt held off.
struct Recording {
    int16_t samples[kRecordingSamples];
    volatile uint32_t written;
    volatile uint32_t read;
    volatile uint32_t lost;  // behind the last sample written
};

void recording_restart(Recording& recording);

// Takes the upper half of each of `count` words: a sample of 24 bits stands in the upper bits, as a SAI slot of 32 bits and
// the DFSDM give it. To be called from the interrupt.
void recording_push(Recording& recording, const volatile uint32_t* words, uint32_t count);

// Counts samples that never came to recording_push. To be called from the interrupt.
void recording_lose(Recording& recording, uint32_t count);

// Copies the oldest samples, at most `capacity`; returns how many.
uint32_t recording_read(Recording& recording, int16_t* samples, uint32_t capacity);

// Samples lost behind the last sample read: 0 while samples in front of the gap are unread.
uint32_t recording_take_lost(Recording& recording);

inline bool recording_has_news(const Recording& recording) {
    return recording.written != recording.read || recording.lost != 0;
}

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_RECORDING_H_
