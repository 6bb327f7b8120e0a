#include "message_ring.h"

#include <string.h>

namespace tinyaudio {
namespace wire {
namespace {

uint32_t wrapped(const MessageRing& ring, uint32_t position) {
    return position >= ring.capacity ? position - ring.capacity : position;
}

void copy_in(MessageRing& ring, const uint8_t* source, uint32_t bytes) {
    const uint32_t start = wrapped(ring, ring.head + ring.used);
    const uint32_t first = bytes < ring.capacity - start ? bytes : ring.capacity - start;
    memcpy(ring.data + start, source, first);
    memcpy(ring.data, source + first, bytes - first);
    ring.used += bytes;
}

void copy_out(const MessageRing& ring, uint32_t offset, uint8_t* target, uint32_t bytes) {
    const uint32_t start = wrapped(ring, ring.head + offset);
    const uint32_t first = bytes < ring.capacity - start ? bytes : ring.capacity - start;
    memcpy(target, ring.data + start, first);
    memcpy(target + first, ring.data, bytes - first);
}

uint32_t read_header(const MessageRing& ring, uint32_t offset, uint8_t* type) {
    uint8_t header[kRingHeaderBytes];
    copy_out(ring, offset, header, sizeof header);
    *type = header[0];
    return static_cast<uint32_t>(header[1] | header[2] << 8);
}

}  // namespace

void ring_clear(MessageRing& ring) {
    ring.head = 0;
    ring.used = 0;
}

bool ring_fits(const MessageRing& ring, uint32_t payload_bytes) {
    return payload_bytes + kRingHeaderBytes <= ring.capacity - ring.used;
}

void ring_push(MessageRing& ring, uint8_t type, const uint8_t* payload, uint32_t payload_bytes) {
    const uint8_t header[kRingHeaderBytes] = {type, static_cast<uint8_t>(payload_bytes), static_cast<uint8_t>(payload_bytes >> 8)};
    copy_in(ring, header, sizeof header);
    copy_in(ring, payload, payload_bytes);
}

uint32_t ring_read(const MessageRing& ring, uint32_t offset, uint8_t* type, uint8_t* payload, uint32_t* payload_bytes) {
    *payload_bytes = read_header(ring, offset, type);
    copy_out(ring, offset + kRingHeaderBytes, payload, *payload_bytes);
    return offset + kRingHeaderBytes + *payload_bytes;
}

void ring_pop(MessageRing& ring) {
    uint8_t type = 0;
    const uint32_t bytes = kRingHeaderBytes + read_header(ring, 0, &type);
    ring.head = wrapped(ring, ring.head + bytes);
    ring.used -= bytes;
}

}  // namespace wire
}  // namespace tinyaudio
