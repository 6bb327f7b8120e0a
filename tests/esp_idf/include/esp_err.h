// Declarations of what firmware/ports/esp32s3 calls of ESP-IDF 5, from its public documentation; for compiling without it.
#pragma once

typedef int esp_err_t;

#define ESP_OK 0
#define ESP_FAIL (-1)
