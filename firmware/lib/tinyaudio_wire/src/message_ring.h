// A ring of messages in a caller's bytes; private to the link.

#ifndef TINYAUDIO_WIRE_MESSAGE_RING_H
#define TINYAUDIO_WIRE_MESSAGE_RING_H

#include "tinyaudio/link.h"

namespace tinyaudio {
namespace wire {

void ring_clear(MessageRing& ring);

bool ring_fits(const MessageRing& ring, uint32_t payload_bytes);

// Appends a message; the caller has asked ring_fits.
void ring_push(MessageRing& ring, uint8_t type, const uint8_t* payload, uint32_t payload_bytes);

// Copies the message at `offset` bytes from the oldest entry into `payload` (room for kMaxPayloadBytes); returns the
// offset of the entry behind it.
uint32_t ring_read(const MessageRing& ring, uint32_t offset, uint8_t* type, uint8_t* payload, uint32_t* payload_bytes);

// Removes the oldest entry.
void ring_pop(MessageRing& ring);

}  // namespace wire
}  // namespace tinyaudio

#endif  // TINYAUDIO_WIRE_MESSAGE_RING_H
