#include "tinyaudio/framing.h"

#include "tinyaudio/crc32.h"

namespace tinyaudio {
namespace wire {
namespace {

constexpr uint8_t kLongBlock = 0xFF;  // 254 bytes without a zero, and none behind them

void put_u16(uint8_t* target, uint16_t value) {
    target[0] = static_cast<uint8_t>(value);
    target[1] = static_cast<uint8_t>(value >> 8);
}

uint16_t get_u16(const uint8_t* source) { return static_cast<uint16_t>(source[0] | source[1] << 8); }

void put_u32(uint8_t* target, uint32_t value) {
    put_u16(target, static_cast<uint16_t>(value));
    put_u16(target + 2, static_cast<uint16_t>(value >> 16));
}

uint32_t get_u32(const uint8_t* source) { return get_u16(source) | static_cast<uint32_t>(get_u16(source + 2)) << 16; }

void start_frame(FrameDecoder& decoder) {
    decoder.length = 0;
    decoder.remaining = 0;
    decoder.zero_follows = false;
    decoder.in_frame = false;
    decoder.damaged = false;
}

// Begins the block that `code` announces; the zero that the block before stands for comes first.
void start_block(FrameDecoder& decoder, uint8_t code) {
    decoder.in_frame = true;
    if (decoder.zero_follows) {
        if (decoder.length == kMaxRawFrameBytes) {
            decoder.damaged = true;
            return;
        }
        decoder.data[decoder.length++] = 0;
    }
    decoder.remaining = static_cast<uint8_t>(code - 1);
    decoder.zero_follows = code != kLongBlock;
    if (decoder.remaining > kMaxRawFrameBytes - decoder.length) decoder.damaged = true;
}

// Checks the frame that the delimiter ended; the decoder is ready for the next one then, its data untouched.
bool take_frame(FrameDecoder& decoder, FrameHeader* header, uint32_t* payload_bytes) {
    const uint32_t length = decoder.length;
    bool whole = !decoder.damaged && decoder.remaining == 0 && length >= kHeaderBytes + kCrcBytes;
    whole = whole && crc32_update(0, decoder.data, length - kCrcBytes) == get_u32(decoder.data + length - kCrcBytes);
    const bool is_empty = !decoder.in_frame;
    start_frame(decoder);
    if (!whole) {
        if (!is_empty) ++decoder.malformed_frames;
        return false;
    }
    const uint8_t* data = decoder.data;
    *header = {data[0], data[1], get_u16(data + 2), get_u16(data + 4), get_u16(data + 6)};
    *payload_bytes = length - kHeaderBytes - kCrcBytes;
    return true;
}

}  // namespace

uint32_t cobs_encode(const uint8_t* data, uint32_t bytes, uint8_t* encoded) {
    uint8_t* code = encoded;  // where the length of the current block goes
    uint8_t* target = encoded + 1;
    uint8_t block = 1;
    for (uint32_t position = 0; position < bytes; ++position) {
        const uint8_t value = data[position];
        if (value != 0) {
            *target++ = value;
            if (++block != kLongBlock || position + 1 == bytes) continue;
        }
        *code = block;
        code = target++;
        block = 1;
    }
    *code = block;
    *target++ = 0;
    return static_cast<uint32_t>(target - encoded);
}

uint32_t finish_frame(const FrameHeader& header, uint32_t payload_bytes, uint8_t* frame) {
    frame[0] = header.type;
    frame[1] = header.session;
    put_u16(frame + 2, header.sequence);
    put_u16(frame + 4, header.acknowledge);
    put_u16(frame + 6, header.credit);
    const uint32_t length = kHeaderBytes + payload_bytes;
    put_u32(frame + length, crc32_update(0, frame, length));
    return length + kCrcBytes;
}

void decoder_init(FrameDecoder& decoder) {
    start_frame(decoder);
    decoder.malformed_frames = 0;
}

DecodeResult decoder_next(FrameDecoder& decoder, const uint8_t** data, uint32_t* bytes, FrameHeader* header, uint32_t* payload_bytes) {
    const uint8_t* position = *data;
    const uint8_t* const end = position + *bytes;
    DecodeResult result = DecodeResult::kNeedMore;
    while (position != end && result == DecodeResult::kNeedMore) {
        const uint8_t value = *position++;
        if (value == 0) {
            if (take_frame(decoder, header, payload_bytes)) result = DecodeResult::kFrame;
        } else if (decoder.damaged) {
            continue;
        } else if (decoder.remaining == 0) {
            start_block(decoder, value);
        } else {
            uint8_t* target = decoder.data + decoder.length;
            uint8_t* const block_end = target + decoder.remaining;
            *target++ = value;
            while (target != block_end && position != end && *position != 0) *target++ = *position++;
            decoder.remaining = static_cast<uint8_t>(block_end - target);
            decoder.length = static_cast<uint32_t>(target - decoder.data);
        }
    }
    *data = position;
    *bytes = static_cast<uint32_t>(end - position);
    return result;
}

}  // namespace wire
}  // namespace tinyaudio
