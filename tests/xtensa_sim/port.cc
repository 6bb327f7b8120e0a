// The port to the simulator: the link over two FIFOs of the host, which QEMU reads and writes for the program.
#include "tinyaudio/port.h"

#include "host_files.h"

namespace tinyaudio {

namespace {

int32_t from_host;
int32_t to_host;

}  // namespace

bool port_open(int, char**) {
    from_host = host_open("to_device", kHostReads);
    to_host = host_open("from_device", kHostWrites);
    return from_host >= 0 && to_host >= 0;
}

int32_t port_read(uint8_t* bytes, uint32_t capacity, PortWait) {
    const int32_t count = host_read(from_host, bytes, capacity);
    return count > 0 ? count : -1;
}

bool port_write(const uint8_t* bytes, uint32_t count) {
    while (count > 0) {
        const int32_t written = host_write(to_host, bytes, count);
        if (written <= 0) {
            return false;
        }
        bytes += written;
        count -= static_cast<uint32_t>(written);
    }
    return true;
}

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

uint32_t port_counter_ticks() {
    return 0;
}

uint32_t port_counter_start() {
    return 0;
}

uint32_t port_chip_id(uint8_t*, uint32_t) {
    return 0;
}

uint32_t port_boot_id() {
    return 0;
}

const char* port_last_words() {
    return nullptr;
}

bool port_only_talks() {
    return false;
}

void port_host_is_here() {}

const char* port_boot_note() {
    return nullptr;
}

void port_reset() {
    host_exit(0);
}

void port_exit(int code) {
    host_exit(code);
}

}  // namespace tinyaudio
