#pragma once

#include <stdint.h>

#include "esp_err.h"

extern "C" {

// Of a dump as ELF in flash; ESP-IDF's has more fields.
typedef struct {
    char exc_task[16];
    uint32_t exc_pc;
} esp_core_dump_summary_t;

esp_err_t esp_core_dump_get_summary(esp_core_dump_summary_t* summary);
esp_err_t esp_core_dump_image_erase(void);

}
