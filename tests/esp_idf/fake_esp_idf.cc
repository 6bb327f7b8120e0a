// What of ESP-IDF the port calls, on the host: tasks are threads, the UART is standard input and output, the USB port two
// FIFOs, the microphone a file, flash a file or nothing but memory. The environment says what is there and what goes wrong:
//
//   FAKE_USB            folder with the FIFOs to_device and from_device
//   FAKE_MICROPHONE     int16 samples; silence follows. Its time waits for the application and for the host, so that a busy
//                       computer loses no sample; what is to be lost is held off
//   FAKE_HELD_OFF       "20-24,60": blocks of the microphone whose interrupt comes with the next one that is not listed
//   FAKE_FLASH          file that keeps the partition
//   FAKE_RESET_REASON   number of an esp_reset_reason_t
//   FAKE_CORE_DUMP      "task:address"
//   FAKE_RTC_MEMORY     file that keeps the memory that outlives a reset, once the host has gone
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bootloader_random.h"
#include "driver/i2s_std.h"
#include "driver/uart.h"
#include "driver/usb_serial_jtag.h"
#include "esp_attr.h"
#include "esp_core_dump.h"
#include "esp_cpu.h"
#include "esp_mac.h"
#include "esp_partition.h"
#include "esp_random.h"
#include "esp_sleep.h"
#include "esp_system.h"
#include "esp_task_wdt.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/stream_buffer.h"
#include "freertos/task.h"

extern "C" void app_main();

extern char __start_rtc_noinit;  // the linker's
extern char __stop_rtc_noinit;

struct tskTaskControlBlock {
    std::mutex mutex;
    std::condition_variable changed;
    uint32_t notified = 0;
    bool is_waiting = false;  // for a notification
};

struct StreamBufferDef_t {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<uint8_t> bytes;
    size_t capacity = 0;
};

struct i2s_channel_obj_t {
    i2s_chan_config_t config = {};
    i2s_std_config_t standard = {};
    i2s_event_callbacks_t callbacks = {};
    void* context = nullptr;
    std::vector<std::vector<int32_t>> blocks;
    std::atomic<bool> is_running{false};
    std::thread thread;
};

namespace {

using std::chrono::milliseconds;

constexpr int kSpeed = 2;  // the microphone's time against that of the host, at most

thread_local TaskHandle_t current_task = nullptr;
thread_local TaskHandle_t woken_task = nullptr;  // by this thread's last interrupt
std::atomic<int64_t> microphone_us{0};

const char* setting(const char* name) {
    const char* const value = getenv(name);
    return value == nullptr ? "" : value;
}

[[noreturn]] void sleep_for_ever() {
    for (;;) {
        pause();
    }
}

template <typename Condition>
bool wait_for(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, TickType_t ticks, Condition is_met) {
    if (ticks == portMAX_DELAY) {
        changed.wait(lock, is_met);
        return true;
    }
    return changed.wait_for(lock, milliseconds(ticks), is_met);
}

// Ends the program as a reset would: memory of the real-time clock stays.
[[noreturn]] void leave() {
    static std::mutex once;
    once.lock();  // never let go of: one task writes the memory, others wait for the end
    const std::string kept = setting("FAKE_RTC_MEMORY");
    const std::string half = kept + ".half";  // the test may end this program while it writes
    FILE* const file = kept.empty() ? nullptr : fopen(half.c_str(), "wb");
    if (file != nullptr) {
        fwrite(&__start_rtc_noinit, 1, static_cast<size_t>(&__stop_rtc_noinit - &__start_rtc_noinit), file);
        fclose(file);
        rename(half.c_str(), kept.c_str());
    }
    _exit(0);
}

int read_some(int file, void* buffer, uint32_t length) {
    const ssize_t count = read(file, buffer, length);
    if (count <= 0) {
        leave();  // the host has gone
    }
    return static_cast<int>(count);
}

bool is_held_off(uint32_t block) {
    std::string text = setting("FAKE_HELD_OFF");
    for (char* part = strtok(text.data(), ","); part != nullptr; part = strtok(nullptr, ",")) {
        const uint32_t first = static_cast<uint32_t>(strtoul(part, &part, 10));
        const uint32_t last = *part == '-' ? static_cast<uint32_t>(strtoul(part + 1, nullptr, 10)) : first;
        if (first <= block && block <= last) {
            return true;
        }
    }
    return false;
}

// Whether nothing is left to do of what this thread's last interrupt brought: the task waits for news, and the host has read
// all that it was sent.
bool is_all_done() {
    int unread = 0;
    ioctl(STDOUT_FILENO, FIONREAD, &unread);
    if (unread > 0 || woken_task == nullptr) {
        return unread == 0;
    }
    const std::lock_guard<std::mutex> lock(woken_task->mutex);
    return woken_task->is_waiting && woken_task->notified == 0;
}

void record(i2s_channel_obj_t* channel) {
    FILE* const file = fopen(setting("FAKE_MICROPHONE"), "rb");
    const uint32_t samples = channel->config.dma_frame_num;
    const int64_t block_us = static_cast<int64_t>(samples) * 1000000 / channel->standard.clk_cfg.sample_rate_hz;
    std::vector<int16_t> read_samples(samples);
    for (uint32_t block = 0; channel->is_running; ++block) {
        do {
            std::this_thread::sleep_for(std::chrono::microseconds(block_us / kSpeed));
        } while (channel->is_running && !is_all_done());
        std::fill(read_samples.begin(), read_samples.end(), 0);
        if (file != nullptr && fread(read_samples.data(), sizeof(int16_t), samples, file) == 0) {
            clearerr(file);
        }
        std::vector<int32_t>& target = channel->blocks[block % channel->blocks.size()];
        for (uint32_t index = 0; index < samples; ++index) {
            target[index] = (static_cast<int32_t>(read_samples[index]) * 65536) | 0x5A00;  // the lower bits of 24 are noise
        }
        microphone_us += block_us;
        if (!is_held_off(block)) {
            void* buffer = target.data();
            i2s_event_data_t event = {&buffer, buffer, samples * sizeof(int32_t)};
            channel->callbacks.on_recv(channel, &event, channel->context);
        }
    }
    if (file != nullptr) {
        fclose(file);
    }
}

constexpr uint32_t kPartitionBytes = 16384;
esp_partition_t partition = {ESP_PARTITION_TYPE_DATA, static_cast<esp_partition_subtype_t>(0x40), 0x410000, kPartitionBytes, 4096, "settings"};
uint8_t flash[kPartitionBytes];

void keep_flash() {
    FILE* const file = fopen(setting("FAKE_FLASH"), "wb");
    if (file != nullptr) {
        fwrite(flash, 1, sizeof(flash), file);
        fclose(file);
    }
}

}  // namespace

extern "C" {

TaskHandle_t xTaskCreateStaticPinnedToCore(TaskFunction_t function, const char*, uint32_t, void* argument, UBaseType_t, StackType_t*,
                                           StaticTask_t*, BaseType_t) {
    TaskHandle_t task = new tskTaskControlBlock;
    std::thread([=] {
        current_task = task;
        function(argument);
    }).detach();
    return task;
}

TaskHandle_t xTaskGetCurrentTaskHandle(void) { return current_task; }

void vTaskDelay(TickType_t ticks) { std::this_thread::sleep_for(milliseconds(ticks)); }

void vTaskSuspend(TaskHandle_t) { sleep_for_ever(); }

BaseType_t xTaskNotifyGive(TaskHandle_t task) {
    const std::lock_guard<std::mutex> lock(task->mutex);
    ++task->notified;
    task->changed.notify_all();
    return pdTRUE;
}

void vTaskNotifyGiveFromISR(TaskHandle_t task, BaseType_t* higher_priority_task_woken) {
    woken_task = task;
    xTaskNotifyGive(task);
    *higher_priority_task_woken = pdTRUE;
}

uint32_t ulTaskNotifyTake(BaseType_t, TickType_t ticks_to_wait) {
    std::unique_lock<std::mutex> lock(current_task->mutex);
    current_task->is_waiting = true;
    wait_for(current_task->changed, lock, ticks_to_wait, [] { return current_task->notified > 0; });
    current_task->is_waiting = false;
    const uint32_t notified = current_task->notified;
    current_task->notified = 0;
    return notified;
}

StreamBufferHandle_t xStreamBufferCreateStatic(size_t bytes, size_t, uint8_t*, StaticStreamBuffer_t*) {
    StreamBufferHandle_t buffer = new StreamBufferDef_t;
    buffer->capacity = bytes - 1;
    return buffer;
}

size_t xStreamBufferSend(StreamBufferHandle_t buffer, const void* data, size_t bytes, TickType_t ticks_to_wait) {
    std::unique_lock<std::mutex> lock(buffer->mutex);
    wait_for(buffer->changed, lock, ticks_to_wait, [&] { return buffer->capacity - buffer->bytes.size() >= bytes; });
    const uint8_t* const source = static_cast<const uint8_t*>(data);
    buffer->bytes.insert(buffer->bytes.end(), source, source + bytes);
    return bytes;
}

size_t xStreamBufferReceive(StreamBufferHandle_t buffer, void* data, size_t bytes, TickType_t) {
    const std::lock_guard<std::mutex> lock(buffer->mutex);
    const size_t count = std::min(bytes, buffer->bytes.size());
    std::copy_n(buffer->bytes.begin(), count, static_cast<uint8_t*>(data));
    buffer->bytes.erase(buffer->bytes.begin(), buffer->bytes.begin() + static_cast<long>(count));
    buffer->changed.notify_all();
    return count;
}

esp_err_t uart_driver_install(uart_port_t, int, int, int, QueueHandle_t*, int) { return ESP_OK; }

esp_err_t uart_param_config(uart_port_t, const uart_config_t* config) { return config->baud_rate > 0 ? ESP_OK : ESP_FAIL; }

esp_err_t uart_set_pin(uart_port_t, int tx, int rx, int, int) { return tx >= 0 && rx >= 0 && tx != rx ? ESP_OK : ESP_FAIL; }

int uart_read_bytes(uart_port_t, void* buffer, uint32_t length, TickType_t ticks_to_wait) {
    uint8_t* const bytes = static_cast<uint8_t*>(buffer);
    uint32_t filled = 0;
    while (filled < length) {
        pollfd input = {STDIN_FILENO, POLLIN, 0};
        if (ticks_to_wait == 0 && poll(&input, 1, 0) == 0) {
            break;
        }
        filled += static_cast<uint32_t>(read_some(STDIN_FILENO, bytes + filled, length - filled));
    }
    return static_cast<int>(filled);
}

int uart_write_bytes(uart_port_t, const void* source, size_t size) { return static_cast<int>(write(STDOUT_FILENO, source, size)); }

esp_err_t uart_get_buffered_data_len(uart_port_t, size_t* size) {
    int waiting = 0;
    ioctl(STDIN_FILENO, FIONREAD, &waiting);
    *size = static_cast<size_t>(waiting);
    return ESP_OK;
}

esp_err_t uart_get_tx_buffer_free_size(uart_port_t, size_t* size) {
    *size = 1000;
    return ESP_OK;
}

esp_err_t uart_wait_tx_done(uart_port_t, TickType_t) { return ESP_OK; }

static int usb_from_host = -1;
static int usb_to_host = -1;

esp_err_t usb_serial_jtag_driver_install(usb_serial_jtag_driver_config_t* config) {
    const std::string folder = setting("FAKE_USB");
    if (!folder.empty()) {
        usb_from_host = open((folder + "/to_device").c_str(), O_RDONLY);
        usb_to_host = open((folder + "/from_device").c_str(), O_WRONLY);
    }
    return config->tx_buffer_size > 0 && config->rx_buffer_size > 0 ? ESP_OK : ESP_FAIL;
}

int usb_serial_jtag_read_bytes(void* buffer, uint32_t length, uint32_t) {
    if (usb_from_host < 0) {
        sleep_for_ever();
    }
    return read_some(usb_from_host, buffer, length);
}

int usb_serial_jtag_write_bytes(const void* source, size_t size, uint32_t ticks_to_wait) {
    if (usb_to_host < 0) {
        vTaskDelay(ticks_to_wait);
        return 0;
    }
    return static_cast<int>(write(usb_to_host, source, size));
}

esp_err_t usb_serial_jtag_wait_tx_done(uint32_t) { return ESP_OK; }

esp_err_t i2s_new_channel(const i2s_chan_config_t* config, i2s_chan_handle_t*, i2s_chan_handle_t* receiver) {
    *receiver = new i2s_channel_obj_t;
    (*receiver)->config = *config;
    (*receiver)->blocks.assign(config->dma_desc_num, std::vector<int32_t>(config->dma_frame_num));
    return ESP_OK;
}

esp_err_t i2s_del_channel(i2s_chan_handle_t handle) {
    delete handle;
    return ESP_OK;
}

esp_err_t i2s_channel_init_std_mode(i2s_chan_handle_t handle, const i2s_std_config_t* config) {
    handle->standard = *config;
    return ESP_OK;
}

esp_err_t i2s_channel_register_event_callback(i2s_chan_handle_t handle, const i2s_event_callbacks_t* callbacks, void* context) {
    handle->callbacks = *callbacks;
    handle->context = context;
    return ESP_OK;
}

esp_err_t i2s_channel_enable(i2s_chan_handle_t handle) {
    handle->is_running = true;
    handle->thread = std::thread(record, handle);
    return ESP_OK;
}

esp_err_t i2s_channel_disable(i2s_chan_handle_t handle) {
    handle->is_running = false;
    handle->thread.join();
    return ESP_OK;
}

int64_t esp_timer_get_time(void) { return microphone_us; }

uint32_t esp_cpu_get_cycle_count(void) {
    return static_cast<uint32_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

uint32_t esp_random(void) { return static_cast<uint32_t>(getpid()); }

void bootloader_random_enable(void) {}

void bootloader_random_disable(void) {}

esp_err_t esp_efuse_mac_get_default(uint8_t* mac) {
    memcpy(mac, "\x7c\xdf\xa1\xe0\xc0\xde", 6);
    return ESP_OK;
}

esp_reset_reason_t esp_reset_reason(void) { return static_cast<esp_reset_reason_t>(atoi(setting("FAKE_RESET_REASON"))); }

void esp_restart(void) { leave(); }

esp_err_t esp_task_wdt_add(TaskHandle_t) { return ESP_OK; }

esp_err_t esp_task_wdt_reset(void) { return ESP_OK; }

esp_err_t esp_task_wdt_delete(TaskHandle_t) { return ESP_OK; }

esp_err_t esp_sleep_enable_timer_wakeup(uint64_t) { return ESP_OK; }

esp_err_t esp_sleep_disable_wakeup_source(esp_sleep_source_t) { return ESP_OK; }

esp_err_t esp_light_sleep_start(void) { return ESP_OK; }

const esp_partition_t* esp_partition_find_first(esp_partition_type_t type, esp_partition_subtype_t subtype, const char* label) {
    return type == partition.type && subtype == partition.subtype && strcmp(label, partition.label) == 0 ? &partition : nullptr;
}

esp_err_t esp_partition_read(const esp_partition_t*, size_t offset, void* destination, size_t size) {
    memcpy(destination, flash + offset, size);
    return ESP_OK;
}

esp_err_t esp_partition_write(const esp_partition_t*, size_t offset, const void* source, size_t size) {
    for (size_t index = 0; index < size; ++index) {
        flash[offset + index] &= static_cast<const uint8_t*>(source)[index];
    }
    keep_flash();
    return ESP_OK;
}

esp_err_t esp_partition_erase_range(const esp_partition_t*, size_t offset, size_t size) {
    memset(flash + offset, 0xFF, size);
    keep_flash();
    return ESP_OK;
}

esp_err_t esp_core_dump_get_summary(esp_core_dump_summary_t* summary) {
    const std::string text = setting("FAKE_CORE_DUMP");
    if (text.empty()) {
        return ESP_FAIL;
    }
    const size_t colon = text.find(':');
    snprintf(summary->exc_task, sizeof(summary->exc_task), "%s", text.substr(0, colon).c_str());
    summary->exc_pc = static_cast<uint32_t>(strtoul(text.c_str() + colon + 1, nullptr, 16));
    return ESP_OK;
}

esp_err_t esp_core_dump_image_erase(void) { return ESP_OK; }

}  // extern "C"

int main() {
    FILE* const memory = fopen(setting("FAKE_RTC_MEMORY"), "rb");
    if (memory != nullptr) {
        if (fread(&__start_rtc_noinit, 1, static_cast<size_t>(&__stop_rtc_noinit - &__start_rtc_noinit), memory) == 0) {
            return 2;
        }
        fclose(memory);
    }
    memset(flash, 0xFF, sizeof(flash));
    FILE* const file = fopen(setting("FAKE_FLASH"), "rb");
    if (file != nullptr) {
        if (fread(flash, 1, sizeof(flash), file) != sizeof(flash)) {
            return 2;
        }
        fclose(file);
    }
    current_task = new tskTaskControlBlock;
    app_main();
    sleep_for_ever();
}
