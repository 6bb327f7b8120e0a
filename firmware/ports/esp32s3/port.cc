// The port to the ESP32-S3 on ESP-IDF: the rest of what tinyaudio/port.h asks for.
#include "tinyaudio/port.h"

#include <stdio.h>
#include <string.h>

#include "application_task.h"
#include "bootloader_random.h"
#include "esp_cpu.h"
#include "esp_mac.h"
#include "esp_random.h"
#include "esp_system.h"
#include "esp_task_wdt.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "generated/arena_config.h"
#include "last_words.h"
#include "link.h"
#include "microphone.h"

namespace tinyaudio {

namespace {

using namespace esp32s3;
using tinyaudio_generated::kArena;

constexpr uint32_t kMacBytes = 6;
constexpr uint32_t kNoteBytes = 120;
constexpr uint32_t kLongestWaitMs = 1000;  // well below the watchdog's patience

uint32_t boot_id;
char note[kNoteBytes];

// Without a radio the generator has no noise of its own but for this source, which must be off again before anything else
// uses the analog-to-digital converter.
uint32_t draw_random_number() {
    bootloader_random_enable();
    const uint32_t number = esp_random();
    bootloader_random_disable();
    return number == 0 ? 1 : number;  // 0 would mean that boots cannot be told apart
}

void describe_memory() {
    if (kArena.is_in_psram) {
        snprintf(note, sizeof(note), "the model's arena of %u bytes lies in PSRAM: inference is slower than in SRAM",
                 static_cast<unsigned>(kArena.bytes));
    }
}

}  // namespace

bool port_open(int, char**) {
    take_last_words();
    describe_memory();
    boot_id = draw_random_number();
    return link_open();
}

int32_t port_read(uint8_t* bytes, uint32_t capacity, PortWait wait) {
    for (;;) {
        const uint32_t count = link_read(bytes, capacity);
        if (count > 0 || (wait == PortWait::kBytesOrSamples && microphone_has_news())) {
            feed_watchdog();
            return static_cast<int32_t>(count);
        }
        wait_for_news(kLongestWaitMs);
    }
}

bool port_write(const uint8_t* bytes, uint32_t count) {
    link_write(bytes, count);
    return true;
}

uint32_t port_counter_ticks() {
    return esp_cpu_get_cycle_count();
}

uint32_t port_counter_start() {
    return port_counter_ticks();
}

uint32_t port_chip_id(uint8_t* bytes, uint32_t capacity) {
    uint8_t mac[kMacBytes];
    if (esp_efuse_mac_get_default(mac) != ESP_OK) {
        return 0;
    }
    const uint32_t count = capacity < kMacBytes ? capacity : kMacBytes;
    memcpy(bytes, mac, count);
    return count;
}

uint32_t port_boot_id() {
    return boot_id;
}

const char* port_boot_note() {
    return note[0] == '\0' ? nullptr : note;
}

void port_reset() {
    link_flush();
    esp_restart();
}

void port_exit(int) {
    link_flush();
    esp_task_wdt_delete(nullptr);
    for (;;) {
        vTaskSuspend(nullptr);
    }
}

}  // namespace tinyaudio
