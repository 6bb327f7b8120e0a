// What differs between boards of this family. The values are checked on the host (tinyaudio/core/board,
// tinyaudio/deploy/chip_config) and come as constants in generated/board_config.h.
#ifndef TINYAUDIO_ESP32S3_BOARD_SETTINGS_H_
#define TINYAUDIO_ESP32S3_BOARD_SETTINGS_H_

#include <stdint.h>

namespace tinyaudio {
namespace esp32s3 {

// The ways to the host: a UART, the chip's own USB serial port, or both.
struct LinkSettings {
    int32_t uart;  // its number; -1: none
    uint32_t baud;
    int32_t tx_pin;
    int32_t rx_pin;
    bool uses_usb;
};

// An I2S microphone.
struct MicrophoneSettings {
    int32_t controller;  // its number; -1: there is no microphone
    int32_t sck_pin;     // bit clock
    int32_t fs_pin;      // word select
    int32_t sd_pin;      // data
    const uint32_t* rates_hz;
    uint32_t rate_count;
};

// The partition for settings.
struct StorageSettings {
    const char* label;
    uint32_t sector_bytes;
    uint32_t sectors;
    uint32_t program_bytes;
};

// The task that the application is.
struct TaskSettings {
    uint32_t stack_bytes;
    int32_t core;
};

// Where the model's arena lies.
struct ArenaSettings {
    uint32_t bytes;
    bool is_in_psram;
};

}  // namespace esp32s3
}  // namespace tinyaudio

#endif  // TINYAUDIO_ESP32S3_BOARD_SETTINGS_H_
