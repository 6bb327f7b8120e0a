#pragma once

#include <stddef.h>
#include <stdint.h>

#include "esp_err.h"

extern "C" {

typedef struct {
    uint32_t tx_buffer_size;
    uint32_t rx_buffer_size;
} usb_serial_jtag_driver_config_t;

esp_err_t usb_serial_jtag_driver_install(usb_serial_jtag_driver_config_t* config);
int usb_serial_jtag_read_bytes(void* buffer, uint32_t length, uint32_t ticks_to_wait);
int usb_serial_jtag_write_bytes(const void* source, size_t size, uint32_t ticks_to_wait);
esp_err_t usb_serial_jtag_wait_tx_done(uint32_t ticks_to_wait);

}
