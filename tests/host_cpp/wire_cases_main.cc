// Decodes what comes in hexadecimal, a case a line, whole and byte by byte; prints the frames and the damaged pieces.

#include <stdio.h>
#include <string.h>

#include "tinyaudio/crc32.h"
#include "tinyaudio/framing.h"

namespace {

using namespace tinyaudio::wire;

constexpr uint32_t kMaxCaseBytes = 4096;

uint8_t digit(char character) {
    return static_cast<uint8_t>(character <= '9' ? character - '0' : character - 'a' + 10);
}

uint32_t parse(const char* line, uint8_t* bytes) {
    uint32_t count = 0;
    for (; line[0] > ' ' && count < kMaxCaseBytes; line += 2) {
        bytes[count++] = static_cast<uint8_t>(digit(line[0]) << 4 | digit(line[1]));
    }
    return count;
}

// Prints the frame, and checks that encoding it again gives one that decodes to the same.
bool print_frame(const FrameHeader& header, const uint8_t* payload, uint32_t payload_bytes) {
    printf("frame %u %u %u %u %u ", header.type, header.session, header.sequence, header.acknowledge, header.credit);
    for (uint32_t index = 0; index < payload_bytes; ++index) printf("%02x", payload[index]);
    printf("\n");

    uint8_t frame[kMaxRawFrameBytes];
    uint8_t encoded[kMaxFrameBytes];
    memcpy(frame + kHeaderBytes, payload, payload_bytes);
    const uint32_t encoded_bytes = cobs_encode(frame, finish_frame(header, payload_bytes, frame), encoded);
    printf("encoded ");
    for (uint32_t index = 0; index < encoded_bytes; ++index) printf("%02x", encoded[index]);
    printf("\n");
    return encoded_bytes <= frame_bytes(payload_bytes);
}

bool run(const uint8_t* bytes, uint32_t count, uint32_t piece_bytes) {
    FrameDecoder decoder;
    decoder_init(decoder);
    bool is_bounded = true;
    for (uint32_t start = 0; start < count; start += piece_bytes) {
        const uint8_t* data = bytes + start;
        uint32_t left = count - start < piece_bytes ? count - start : piece_bytes;
        FrameHeader header;
        uint32_t payload_bytes = 0;
        while (decoder_next(decoder, &data, &left, &header, &payload_bytes) == DecodeResult::kFrame) {
            is_bounded = print_frame(header, decoder.data + kHeaderBytes, payload_bytes) && is_bounded;
        }
    }
    printf("malformed %u\n", decoder.malformed_frames);
    return is_bounded;
}

}  // namespace

int main() {
    static char line[2 * kMaxCaseBytes + 2];
    static uint8_t bytes[kMaxCaseBytes];
    bool is_bounded = true;
    while (fgets(line, sizeof line, stdin) != nullptr) {
        const uint32_t count = parse(line, bytes);
        is_bounded = run(bytes, count, kMaxCaseBytes) && is_bounded;
        is_bounded = run(bytes, count, 1) && is_bounded;
        printf("crc %u\n", tinyaudio::crc32_update(tinyaudio::crc32_update(0, bytes, count / 3), bytes + count / 3, count - count / 3));
    }
    return is_bounded ? 0 : 1;
}
