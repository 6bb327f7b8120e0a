// The port to the host: the firmware as a process that talks over its standard input and output (POSIX). Options stand in
// for a microphone and for flash; see options.h.
#include "tinyaudio/port.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "microphone.h"
#include "options.h"
#include "storage.h"

namespace tinyaudio {

namespace {

char** program_arguments;
uint32_t boot_ticks;

// Returns whether bytes came, or the end of the stream.
bool wait_for_bytes_or_samples() {
    const native::SampleWait samples = native::wait_for_samples();
    pollfd awaited[] = {{STDIN_FILENO, POLLIN, 0}, {samples.descriptor, POLLIN, 0}};
    poll(awaited, 2, samples.timeout_ms);
    return awaited[0].revents != 0;
}

}  // namespace

bool port_open(int argument_count, char** arguments) {
    native::Options options;
    program_arguments = arguments;
    boot_ticks = port_counter_ticks();
    return native::read_options(argument_count, arguments, &options) && native::open_microphone(options) &&
           native::open_storage(options.settings);
}

int32_t port_read(uint8_t* bytes, uint32_t capacity, PortWait wait) {
    if (wait == PortWait::kBytesOrSamples && !wait_for_bytes_or_samples()) {
        return 0;
    }
    ssize_t count;
    do {
        count = read(STDIN_FILENO, bytes, capacity);
    } while (count < 0 && errno == EINTR);
    return count > 0 ? static_cast<int32_t>(count) : -1;
}

bool port_write(const uint8_t* bytes, uint32_t count) {
    while (count > 0) {
        const ssize_t written = write(STDOUT_FILENO, bytes, count);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        bytes += written;
        count -= static_cast<uint32_t>(written);
    }
    return true;
}

uint32_t port_counter_ticks() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint32_t>(static_cast<uint64_t>(now.tv_sec) * 1000000000U + static_cast<uint64_t>(now.tv_nsec));
}

uint32_t port_counter_start() {
    return port_counter_ticks();
}

uint32_t port_chip_id(uint8_t*, uint32_t) {
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

uint32_t port_boot_id() {
    return boot_ticks;
}

// The process becomes a fresh copy of itself; standard input and output stay open.
void port_reset() {
    execv(program_arguments[0], program_arguments);
    _exit(EXIT_FAILURE);
}

void port_exit(int code) {
    _exit(code);
}

}  // namespace tinyaudio
