// The start: ESP-IDF calls app_main in a task of its own, which makes the application's task and ends.
#include "application_task.h"
#include "esp_task_wdt.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "generated/board_config.h"
#include "tinyaudio/port.h"

// src/main.cc
int tinyaudio_main(int argument_count, char** arguments);

namespace tinyaudio {
namespace esp32s3 {

namespace {

using tinyaudio_generated::kTask;

// Above the readers of the links would starve them; below, whoever else runs on this core would delay the application.
constexpr UBaseType_t kPriority = 5;

StackType_t stack[kTask.stack_bytes / sizeof(StackType_t)];  // static, so that it counts in the image's size
StaticTask_t memory;
TaskHandle_t application;

// It may run before the call that makes it returns: on another core.
void run(void*) {
    application = xTaskGetCurrentTaskHandle();
    esp_task_wdt_add(nullptr);
    port_exit(tinyaudio_main(0, nullptr));
}

}  // namespace

void wake_application() {
    xTaskNotifyGive(application);
}

bool wake_application_from_interrupt() {
    BaseType_t is_woken = pdFALSE;
    vTaskNotifyGiveFromISR(application, &is_woken);
    return is_woken == pdTRUE;
}

void wait_for_news(uint32_t milliseconds) {
    ulTaskNotifyTake(pdTRUE, pdMS_TO_TICKS(milliseconds));
    feed_watchdog();
}

void feed_watchdog() {
    esp_task_wdt_reset();
}

}  // namespace esp32s3
}  // namespace tinyaudio

// The task has its core to itself, but for the microphone's interrupt: readers of the links and tasks of ESP-IDF run on
// the other one, and a driver's interrupt is taken where the driver was installed.
extern "C" void app_main() {
    using namespace tinyaudio::esp32s3;
    xTaskCreateStaticPinnedToCore(run, "tinyaudio", sizeof(stack), nullptr, kPriority, stack, &memory, kTask.core);
}
