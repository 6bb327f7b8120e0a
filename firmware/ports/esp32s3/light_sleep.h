// Light sleep: the processors stand still, memory and registers stay.
#ifndef TINYAUDIO_ESP32S3_LIGHT_SLEEP_H_
#define TINYAUDIO_ESP32S3_LIGHT_SLEEP_H_

#include <stdint.h>

namespace tinyaudio {

// Sleeps for `milliseconds`; a timer of the real-time clock wakes the chip. The microphone must not run. What the host
// sends meanwhile is lost, and over USB the host sees the port go and come back. Returns whether it slept.
//
// For duty cycles. The live application listens without a pause, so that it only sleeps until the next samples.
bool port_stop_for(uint32_t milliseconds);

}  // namespace tinyaudio

#endif  // TINYAUDIO_ESP32S3_LIGHT_SLEEP_H_
