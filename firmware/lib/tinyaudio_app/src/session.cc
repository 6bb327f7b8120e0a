#include "session.h"

#include <string.h>

#include "tinyaudio/port.h"

namespace tinyaudio {

void put_text(const char* text, uint32_t capacity, char* field, uint16_t* count) {
    const size_t length = strlen(text);
    *count = static_cast<uint16_t>(length < capacity ? length : capacity);
    memcpy(field, text, *count);
}

void tell_log(wire::Link& link, wire::LogLevel level, const char* text) {
    if (text == nullptr) {
        return;
    }
    wire::Log log;
    log.level = level;
    put_text(text, wire::Log::kMaxText, log.text, &log.text_count);
    wire::link_send_message(link, log);
}

void tell_notes(wire::Link& link) {
    tell_log(link, wire::LogLevel::kError, port_last_words());
    tell_log(link, wire::LogLevel::kWarning, port_boot_note());
}

const char* only_talks_fault() {
    return port_only_talks() ? "faults at every start: this firmware only tells of them until it is reset" : nullptr;
}

void tell_fault(wire::Link& link, wire::FaultCode code, const char* text) {
    wire::DeviceFault fault = {};
    fault.code = code;
    put_text(text, wire::DeviceFault::kMaxText, fault.text, &fault.text_count);
    wire::link_send_message(link, fault);
}

void reset_on_request(const wire::MessageView& view, uint32_t counter_frequency_hz) {
    wire::ResetRequest request = {0};
    wire::decode(view.payload, view.payload_bytes, &request);
    const uint32_t ticks_per_ms = counter_frequency_hz / 1000;
    for (uint32_t ms = 0; ms < request.delay_ms; ++ms) {
        const uint32_t start = port_counter_ticks();
        while (port_counter_ticks() - start < ticks_per_ms) {
        }
    }
    port_reset();
}

}  // namespace tinyaudio
