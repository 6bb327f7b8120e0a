// A UART, usually behind a USB bridge on the board.
#include "byte_channel.h"
#include "driver/uart.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "generated/board_config.h"

namespace tinyaudio {
namespace esp32s3 {

namespace {

using tinyaudio_generated::kLink;

constexpr uart_port_t kPort = static_cast<uart_port_t>(kLink.uart < 0 ? 0 : kLink.uart);

uint32_t count_or_none(int count) {
    return count < 0 ? 0 : static_cast<uint32_t>(count);
}

bool open() {
    uart_config_t config = {};
    config.baud_rate = static_cast<int>(kLink.baud);
    config.data_bits = UART_DATA_8_BITS;
    config.parity = UART_PARITY_DISABLE;
    config.stop_bits = UART_STOP_BITS_1;
    config.flow_ctrl = UART_HW_FLOWCTRL_DISABLE;
    config.source_clk = UART_SCLK_DEFAULT;
    return uart_driver_install(kPort, kDriverBytes, kDriverBytes, 0, nullptr, 0) == ESP_OK &&
           uart_param_config(kPort, &config) == ESP_OK &&
           uart_set_pin(kPort, kLink.tx_pin, kLink.rx_pin, UART_PIN_NO_CHANGE, UART_PIN_NO_CHANGE) == ESP_OK;
}

// The driver waits for all that is asked for: one byte first, then what came with it.
uint32_t receive(uint8_t* bytes, uint32_t capacity) {
    const uint32_t first = count_or_none(uart_read_bytes(kPort, bytes, 1, portMAX_DELAY));
    size_t waiting = 0;
    if (first == 0 || uart_get_buffered_data_len(kPort, &waiting) != ESP_OK || waiting == 0) {
        return first;
    }
    const uint32_t rest = waiting < capacity - 1 ? static_cast<uint32_t>(waiting) : capacity - 1;
    return first + count_or_none(uart_read_bytes(kPort, bytes + 1, rest, 0));
}

// The driver takes all or waits for ever, so it is only given what it has room for.
uint32_t send(const uint8_t* bytes, uint32_t count, uint32_t milliseconds) {
    size_t room = 0;
    if (uart_get_tx_buffer_free_size(kPort, &room) != ESP_OK) {
        return 0;
    }
    if (room == 0) {
        vTaskDelay(pdMS_TO_TICKS(milliseconds));
        return 0;
    }
    const uint32_t taken = count < room ? count : static_cast<uint32_t>(room);
    return count_or_none(uart_write_bytes(kPort, bytes, taken));
}

void flush(uint32_t milliseconds) {
    uart_wait_tx_done(kPort, pdMS_TO_TICKS(milliseconds));
}

}  // namespace

const ByteChannel kUartChannel = {"uart", open, receive, send, flush};

}  // namespace esp32s3
}  // namespace tinyaudio
