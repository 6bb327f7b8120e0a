// The port to the host: the firmware as a process that talks over its standard input and output (POSIX).
#include "tinyaudio/port.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

namespace tinyaudio {

namespace {

char** program_arguments;
uint32_t boot_ticks;

}  // namespace

bool port_open(int, char** arguments) {
    program_arguments = arguments;
    boot_ticks = port_counter_ticks();
    return true;
}

int32_t port_read(uint8_t* bytes, uint32_t capacity, PortWait) {
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
