// What a host has not: a microphone, and flash for settings.
#include "tinyaudio/port.h"

namespace tinyaudio {

bool port_has_microphone() {
    return false;
}

bool port_microphone_start(uint32_t) {
    return false;
}

void port_microphone_stop() {}

uint32_t port_microphone_read(int16_t*, uint32_t) {
    return 0;
}

uint32_t port_microphone_take_overruns() {
    return 0;
}

PortStorage port_storage() {
    return {0, 0, 0};
}

bool port_storage_read(uint32_t, uint8_t*, uint32_t) {
    return false;
}

bool port_storage_program(uint32_t, const uint8_t*) {
    return false;
}

bool port_storage_erase(uint32_t) {
    return false;
}

}  // namespace tinyaudio
