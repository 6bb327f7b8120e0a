// The ways to the host. All that there are listen; what is sent goes to the one that was heard last.
#ifndef TINYAUDIO_ESP32S3_LINK_H_
#define TINYAUDIO_ESP32S3_LINK_H_

#include <stdint.h>

namespace tinyaudio {
namespace esp32s3 {

// Installs the drivers and starts the readers. False if a driver refuses.
bool link_open();

// Takes what has come, at most `capacity` bytes; returns how many. Never waits.
uint32_t link_read(uint8_t* bytes, uint32_t capacity);

// Sends all of `bytes`, waiting for room. A host that takes nothing for a second is given up until it takes something
// again: what it misses, the protocol sends anew.
void link_write(const uint8_t* bytes, uint32_t count);

// Waits, for a moment, until what was sent is on the wire.
void link_flush();

}  // namespace esp32s3
}  // namespace tinyaudio

#endif  // TINYAUDIO_ESP32S3_LINK_H_
