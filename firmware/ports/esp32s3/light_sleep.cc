#include "light_sleep.h"

#include "application_task.h"
#include "esp_sleep.h"
#include "link.h"

namespace tinyaudio {

bool port_stop_for(uint32_t milliseconds) {
    constexpr uint64_t kMicrosecondsPerMillisecond = 1000;
    esp32s3::link_flush();
    const bool slept = esp_sleep_enable_timer_wakeup(milliseconds * kMicrosecondsPerMillisecond) == ESP_OK &&
                       esp_light_sleep_start() == ESP_OK;
    esp_sleep_disable_wakeup_source(ESP_SLEEP_WAKEUP_TIMER);
    esp32s3::feed_watchdog();
    return slept;
}

}  // namespace tinyaudio
