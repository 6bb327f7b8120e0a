// What these boards have not: a microphone.
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

}  // namespace tinyaudio
