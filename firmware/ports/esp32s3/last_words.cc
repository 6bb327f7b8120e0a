#include "last_words.h"

#include <stdio.h>

#include "esp_attr.h"
#include "esp_core_dump.h"
#include "esp_system.h"
#include "tinyaudio/port.h"

namespace tinyaudio {
namespace esp32s3 {

namespace {

constexpr uint32_t kTextBytes = 120;
constexpr uint32_t kMostFaultsInARow = 3;
constexpr uint32_t kWhole = 0x746C6166;

// In memory that a reset leaves alone; behind power-on there is anything in it.
struct Row {
    uint32_t faults;
    uint32_t check;  // kWhole ^ faults
};

RTC_NOINIT_ATTR Row row;

char text[kTextBytes];
bool only_talks;

void set_row(uint32_t faults) {
    row = {faults, kWhole ^ faults};
}

// Too low a supply is no fault of the firmware: it works when the supply does.
void count_fault(esp_reset_reason_t reason) {
    if (reason == ESP_RST_BROWNOUT) {
        set_row(0);
        return;
    }
    set_row(row.check == (kWhole ^ row.faults) ? row.faults + 1 : 1);
    only_talks = row.faults >= kMostFaultsInARow;
}

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
        set_row(0);
        return;
    }
    count_fault(esp_reset_reason());
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

using namespace esp32s3;

const char* port_last_words() {
    return text[0] == '\0' ? nullptr : text;
}

bool port_only_talks() {
    return only_talks;
}

void port_host_is_here() {
    set_row(0);
}

}  // namespace tinyaudio
