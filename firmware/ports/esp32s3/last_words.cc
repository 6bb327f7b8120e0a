#include "last_words.h"

#include <stdio.h>

#include "esp_core_dump.h"
#include "esp_system.h"
#include "tinyaudio/port.h"

namespace tinyaudio {
namespace esp32s3 {

namespace {

constexpr uint32_t kTextBytes = 120;

char text[kTextBytes];

// nullptr: it ended well.
const char* describe(esp_reset_reason_t reason) {
    switch (reason) {
        case ESP_RST_PANIC:
            return "an exception or a failed check";
        case ESP_RST_INT_WDT:
            return "the watchdog of interrupts";
        case ESP_RST_TASK_WDT:
            return "the watchdog of tasks";
        case ESP_RST_WDT:
            return "a watchdog";
        case ESP_RST_BROWNOUT:
            return "too low a supply voltage (brown-out)";
        default:
            return nullptr;
    }
}

}  // namespace

void take_last_words() {
    const char* const cause = describe(esp_reset_reason());
    if (cause == nullptr) {
        return;
    }
    esp_core_dump_summary_t summary;
    if (esp_core_dump_get_summary(&summary) == ESP_OK) {
        snprintf(text, sizeof(text), "the run before was ended by %s in task %.15s at 0x%08x", cause, summary.exc_task,
                 static_cast<unsigned>(summary.exc_pc));
        esp_core_dump_image_erase();
    } else {
        snprintf(text, sizeof(text), "the run before was ended by %s", cause);
    }
}

}  // namespace esp32s3

const char* port_last_words() {
    return esp32s3::text[0] == '\0' ? nullptr : esp32s3::text;
}

}  // namespace tinyaudio
