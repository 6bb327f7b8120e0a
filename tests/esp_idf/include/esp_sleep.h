#pragma once

#include <stdint.h>

#include "esp_err.h"

extern "C" {

typedef enum { ESP_SLEEP_WAKEUP_TIMER = 4 } esp_sleep_source_t;

esp_err_t esp_sleep_enable_timer_wakeup(uint64_t microseconds);
esp_err_t esp_sleep_disable_wakeup_source(esp_sleep_source_t source);
esp_err_t esp_light_sleep_start(void);

}
