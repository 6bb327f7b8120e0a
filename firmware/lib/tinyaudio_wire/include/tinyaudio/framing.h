// Frames on the wire: COBS( header, payload, CRC-32 of both ) and a zero byte.
//
// COBS: S. Cheshire, M. Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on Networking 7 (2), 1999.

#ifndef TINYAUDIO_FRAMING_H
#define TINYAUDIO_FRAMING_H

#include <stdint.h>

#include "tinyaudio/protocol.h"

namespace tinyaudio {
namespace wire {

// The header in front of every payload; 8 bytes on the wire, fields in this order, little-endian.
struct FrameHeader {
    uint8_t type;          // MessageType
    uint8_t session;       // 1 to 255, chosen by the host
    uint16_t sequence;     // of this frame; of the next sequenced frame if this one is not sequenced
    uint16_t acknowledge;  // the sequence number expected next: everything before it has arrived
    uint16_t credit;       // bytes that may be in flight from `acknowledge` on, each frame counted as frame_bytes()
};

constexpr uint32_t kHeaderBytes = 8;
constexpr uint32_t kCrcBytes = 4;
constexpr uint32_t kMaxRawFrameBytes = kHeaderBytes + kMaxPayloadBytes + kCrcBytes;

// Most bytes that a frame with `payload_bytes` of payload takes on the wire, delimiter included.
constexpr uint32_t frame_bytes(uint32_t payload_bytes) {
    return kHeaderBytes + payload_bytes + kCrcBytes + (kHeaderBytes + payload_bytes + kCrcBytes + 253) / 254 + 1;
}

constexpr uint32_t kMaxFrameBytes = frame_bytes(kMaxPayloadBytes);

// Encodes `bytes` bytes (at most kMaxRawFrameBytes) into `encoded` (room for bytes + bytes / 254 + 2), with the zero byte
// at the end. Returns the length. The two must not overlap.
uint32_t cobs_encode(const uint8_t* data, uint32_t bytes, uint8_t* encoded);

// Completes `frame`, whose payload lies at frame + kHeaderBytes already: writes the header in front and the CRC behind.
// Returns the length of the whole.
uint32_t finish_frame(const FrameHeader& header, uint32_t payload_bytes, uint8_t* frame);

// Takes a byte stream apart, in any pieces; whatever is damaged is counted and skipped up to the next zero byte.
struct FrameDecoder {
    uint8_t data[kMaxRawFrameBytes];  // the frame being decoded
    uint32_t length;                  // bytes of it so far
    uint8_t remaining;                // bytes of the current COBS block still to come
    bool zero_follows;                // the current block ends in a zero unless the frame ends
    bool in_frame;                    // at least one byte since the last delimiter
    bool damaged;                     // skip to the next delimiter
    uint32_t malformed_frames;        // too long, not COBS, too short, or wrong CRC
};

enum class DecodeResult : uint8_t { kNeedMore, kFrame };

void decoder_init(FrameDecoder& decoder);

// Decodes from *data up to the end of one frame; advances *data and reduces *bytes by what was taken. After kFrame,
// `header` is filled and the payload lies in decoder.data + kHeaderBytes, `payload_bytes` long, until the next call.
// After kNeedMore everything was taken.
DecodeResult decoder_next(FrameDecoder& decoder, const uint8_t** data, uint32_t* bytes, FrameHeader* header, uint32_t* payload_bytes);

}  // namespace wire
}  // namespace tinyaudio

#endif  // TINYAUDIO_FRAMING_H
