// Where PCM comes from: the host over the serial link, or a microphone.
#ifndef TINYAUDIO_PCM_SOURCE_H_
#define TINYAUDIO_PCM_SOURCE_H_

#include <stdint.h>

#include "tinyaudio/protocol.h"

namespace tinyaudio {

// The role. A source never waits.
struct PcmSource {
    void* context;
    // Copies the next samples, at most `capacity`, and none from behind a gap that is not told; returns how many, 0 if there
    // are none yet.
    uint32_t (*read)(void* context, int16_t* samples, uint32_t capacity);
    // Samples that were lost behind the last one read; 0 while there are samples to read.
    uint32_t (*take_overruns)(void* context);
};

// The samples of one Pcm message at a time. The host waits until they were read, so none is ever lost.
struct SerialPcm {
    wire::Pcm message;
    uint32_t position;  // next sample of `message` to read
};

void serial_pcm_clear(SerialPcm& serial);

// Takes a message; only when the one before was read whole. False if it is malformed.
bool serial_pcm_take(SerialPcm& serial, const uint8_t* payload, uint32_t bytes);

PcmSource serial_pcm_source(SerialPcm& serial);

// The port's microphone.
PcmSource microphone_pcm_source();

}  // namespace tinyaudio

#endif  // TINYAUDIO_PCM_SOURCE_H_
