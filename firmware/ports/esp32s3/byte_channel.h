// A driver that moves bytes from and to the host, behind three functions.
#ifndef TINYAUDIO_ESP32S3_BYTE_CHANNEL_H_
#define TINYAUDIO_ESP32S3_BYTE_CHANNEL_H_

#include <stdint.h>

namespace tinyaudio {
namespace esp32s3 {

constexpr uint32_t kDriverBytes = 8192;  // of the receiver's and the transmitter's buffers in a driver, each

struct ByteChannel {
    const char* name;
    bool (*open)();
    // Waits for a byte and takes what is there, at most `capacity`; returns how many. 0 only by an error.
    uint32_t (*receive)(uint8_t* bytes, uint32_t capacity);
    // Takes what there is room for within `milliseconds`; returns how many.
    uint32_t (*send)(const uint8_t* bytes, uint32_t count, uint32_t milliseconds);
    void (*flush)(uint32_t milliseconds);
};

extern const ByteChannel kUartChannel;
extern const ByteChannel kUsbChannel;

}  // namespace esp32s3
}  // namespace tinyaudio

#endif  // TINYAUDIO_ESP32S3_BYTE_CHANNEL_H_
