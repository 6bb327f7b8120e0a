#include "link.h"

#include "application_task.h"
#include "byte_channel.h"
#include "freertos/FreeRTOS.h"
#include "freertos/stream_buffer.h"
#include "freertos/task.h"
#include "generated/board_config.h"

namespace tinyaudio {
namespace esp32s3 {

namespace {

using tinyaudio_generated::kLink;

constexpr uint32_t kReceivedBytes = 8192;  // what the host may have under way: kReceiveBytes of application.h
constexpr uint32_t kPieceBytes = 256;
constexpr uint32_t kReaderStackBytes = 3072;
constexpr UBaseType_t kReaderPriority = 10;  // above the application: a driver's buffer is emptied while it computes
constexpr int32_t kReaderCore = 0;           // and on the other core
constexpr uint32_t kSendMs = 10;
constexpr uint32_t kPatienceMs = 1000;

enum class LineState : uint8_t { kOpening, kOpen, kFailed };

// A channel, the bytes that came through it, and the task that fetches them.
struct Line {
    const ByteChannel* channel;
    StreamBufferHandle_t received;
    bool is_given_up;   // the host takes nothing
    LineState state;    // written once, by the line's own task
    uint8_t piece[kPieceBytes];
    uint8_t storage[kReceivedBytes + 1];  // FreeRTOS: one byte more than it holds
    StaticStreamBuffer_t buffer;
    StackType_t stack[kReaderStackBytes / sizeof(StackType_t)];
    StaticTask_t task;
};

constexpr uint32_t kLines = (kLink.uart >= 0 ? 1 : 0) + (kLink.uses_usb ? 1 : 0);
static_assert(kLines > 0, "a board needs a way to its host");

Line lines[kLines];
Line* active = &lines[0];

// The task of a line. It installs the driver, so that its interrupt is taken on the task's core.
void read_for_ever(void* argument) {
    Line& line = *static_cast<Line*>(argument);
    const bool is_open = line.channel->open();
    __atomic_store_n(&line.state, is_open ? LineState::kOpen : LineState::kFailed, __ATOMIC_RELEASE);
    wake_application();
    while (!is_open) {
        vTaskSuspend(nullptr);
    }
    for (;;) {
        const uint32_t count = line.channel->receive(line.piece, kPieceBytes);
        if (count == 0) {
            vTaskDelay(1);
            continue;
        }
        xStreamBufferSend(line.received, line.piece, count, portMAX_DELAY);
        wake_application();
    }
}

bool open(Line& line, const ByteChannel& channel) {
    constexpr uint32_t kWaitMs = 10;
    line.channel = &channel;
    line.state = LineState::kOpening;
    line.received = xStreamBufferCreateStatic(sizeof(line.storage), 1, line.storage, &line.buffer);
    if (line.received == nullptr ||
        xTaskCreateStaticPinnedToCore(read_for_ever, channel.name, sizeof(line.stack), &line, kReaderPriority,
                                      line.stack, &line.task, kReaderCore) == nullptr) {
        return false;
    }
    LineState state;
    do {
        wait_for_news(kWaitMs);
        state = __atomic_load_n(&line.state, __ATOMIC_ACQUIRE);
    } while (state == LineState::kOpening);
    return state == LineState::kOpen;
}

}  // namespace

bool link_open() {
    uint32_t count = 0;
    bool is_open = true;
    if (kLink.uart >= 0) {
        is_open = open(lines[count++], kUartChannel);
    }
    if (kLink.uses_usb) {
        is_open = open(lines[count], kUsbChannel) && is_open;
    }
    return is_open;
}

uint32_t link_read(uint8_t* bytes, uint32_t capacity) {
    uint32_t count = static_cast<uint32_t>(xStreamBufferReceive(active->received, bytes, capacity, 0));
    for (Line* line = lines; count == 0 && line != lines + kLines; ++line) {
        count = static_cast<uint32_t>(xStreamBufferReceive(line->received, bytes, capacity, 0));
        if (count > 0) {
            active = line;
        }
    }
    return count;
}

void link_write(const uint8_t* bytes, uint32_t count) {
    uint32_t waited_ms = 0;
    while (count > 0) {
        const uint32_t sent = active->channel->send(bytes, count, active->is_given_up ? 0 : kSendMs);
        feed_watchdog();
        if (sent > 0) {
            active->is_given_up = false;
            waited_ms = 0;
            bytes += sent;
            count -= sent;
            continue;
        }
        waited_ms += kSendMs;
        if (active->is_given_up || waited_ms >= kPatienceMs) {
            active->is_given_up = true;
            return;
        }
    }
}

void link_flush() {
    constexpr uint32_t kFlushMs = 200;
    active->channel->flush(kFlushMs);
}

}  // namespace esp32s3
}  // namespace tinyaudio
