// Files of the host, through QEMU's semihosting of Xtensa's simulator.
#pragma once

#include <stdint.h>

constexpr int32_t kHostReads = 0;  // flags and mode of open() on Linux, where QEMU runs
constexpr int32_t kHostWrites = 1;

int32_t host_open(const char* path, int32_t flags);  // negative: it cannot be opened
int32_t host_read(int32_t file, void* target, uint32_t bytes);
int32_t host_write(int32_t file, const void* source, uint32_t bytes);
[[noreturn]] void host_exit(int32_t code);
