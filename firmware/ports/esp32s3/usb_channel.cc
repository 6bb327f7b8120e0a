// The USB serial port that is part of the chip. It looks like any serial port to the host; its baud rate means nothing.
#include "byte_channel.h"
#include "driver/usb_serial_jtag.h"
#include "freertos/FreeRTOS.h"

namespace tinyaudio {
namespace esp32s3 {

namespace {

uint32_t count_or_none(int count) {
    return count < 0 ? 0 : static_cast<uint32_t>(count);
}

bool open() {
    usb_serial_jtag_driver_config_t config = {};
    config.tx_buffer_size = kDriverBytes;
    config.rx_buffer_size = kDriverBytes;
    return usb_serial_jtag_driver_install(&config) == ESP_OK;
}

uint32_t receive(uint8_t* bytes, uint32_t capacity) {
    return count_or_none(usb_serial_jtag_read_bytes(bytes, capacity, portMAX_DELAY));
}

// The driver takes all of a piece or nothing of it: pieces smaller than its buffer, so that one fits at all.
uint32_t send(const uint8_t* bytes, uint32_t count, uint32_t milliseconds) {
    constexpr uint32_t kPieceBytes = kDriverBytes / 8;
    const uint32_t piece = count < kPieceBytes ? count : kPieceBytes;
    return count_or_none(usb_serial_jtag_write_bytes(bytes, piece, pdMS_TO_TICKS(milliseconds)));
}

void flush(uint32_t milliseconds) {
    usb_serial_jtag_wait_tx_done(pdMS_TO_TICKS(milliseconds));
}

}  // namespace

const ByteChannel kUsbChannel = {"usb", open, receive, send, flush};

}  // namespace esp32s3
}  // namespace tinyaudio
