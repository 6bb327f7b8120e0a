#include "storage.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tinyaudio/port.h"

namespace tinyaudio {

namespace {

constexpr PortStorage kGeometry = {4096, 2, 32};
constexpr uint32_t kStorageBytes = kGeometry.sectors * kGeometry.sector_bytes;
constexpr uint8_t kErased = 0xFF;

int descriptor = -1;

bool write_at(uint32_t offset_bytes, const uint8_t* bytes, uint32_t count) {
    return pwrite(descriptor, bytes, count, static_cast<off_t>(offset_bytes)) == static_cast<ssize_t>(count);
}

}  // namespace

namespace native {

bool open_storage(const char* path) {
    if (path == nullptr) {
        return true;
    }
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        perror(path);
        return false;
    }
    const off_t size = lseek(descriptor, 0, SEEK_END);
    const bool is_erased = size == 0 && port_storage_erase(0) && port_storage_erase(1);
    if (!is_erased && size != static_cast<off_t>(kStorageBytes)) {
        fprintf(stderr, "%s: not a storage of %u bytes\n", path, kStorageBytes);
        return false;
    }
    return true;
}

}  // namespace native

PortStorage port_storage() {
    return descriptor < 0 ? PortStorage{0, 0, 0} : kGeometry;
}

bool port_storage_read(uint32_t offset_bytes, uint8_t* bytes, uint32_t count) {
    return pread(descriptor, bytes, count, static_cast<off_t>(offset_bytes)) == static_cast<ssize_t>(count);
}

bool port_storage_program(uint32_t offset_bytes, const uint8_t* unit) {
    uint8_t found[kGeometry.program_bytes];
    if (!port_storage_read(offset_bytes, found, sizeof(found))) {
        return false;
    }
    for (const uint8_t byte : found) {
        if (byte != kErased) {
            return false;
        }
    }
    return write_at(offset_bytes, unit, kGeometry.program_bytes);
}

bool port_storage_erase(uint32_t sector) {
    uint8_t erased[kGeometry.sector_bytes];
    memset(erased, kErased, sizeof(erased));
    return write_at(sector * kGeometry.sector_bytes, erased, sizeof(erased));
}

}  // namespace tinyaudio
