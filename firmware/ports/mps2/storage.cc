// RAM for settings that nobody clears: it keeps them over a reset, though not without power. It is written as flash would be,
// for the log of settings (tinyaudio/settings.h) is what finds out after a reset whether they are whole; of what RAM holds
// when power comes nothing passes its CRC-32, so that a board that was switched on has stored nothing.
#include <string.h>

#include "tinyaudio/port.h"

// From the linker script, which has them from the board file; the last two are sizes.
extern "C" {
extern uint8_t tinyaudio_settings_start[];
extern uint8_t tinyaudio_settings_end[];
extern uint8_t tinyaudio_settings_sector_bytes[];
extern uint8_t tinyaudio_settings_program_bytes[];
}

namespace tinyaudio {

namespace {

constexpr uint8_t kErased = 0xFF;

uint32_t size_of(const uint8_t* symbol) {
    return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(symbol));
}

uint32_t storage_bytes() {
    return size_of(tinyaudio_settings_end) - size_of(tinyaudio_settings_start);
}

bool is_inside(uint32_t offset_bytes, uint32_t count) {
    return count <= storage_bytes() && offset_bytes <= storage_bytes() - count;
}

}  // namespace

PortStorage port_storage() {
    const uint32_t sector_bytes = size_of(tinyaudio_settings_sector_bytes);
    return {sector_bytes, sector_bytes == 0 ? 0 : storage_bytes() / sector_bytes, size_of(tinyaudio_settings_program_bytes)};
}

bool port_storage_read(uint32_t offset_bytes, uint8_t* bytes, uint32_t count) {
    if (!is_inside(offset_bytes, count)) {
        return false;
    }
    memcpy(bytes, tinyaudio_settings_start + offset_bytes, count);
    return true;
}

bool port_storage_program(uint32_t offset_bytes, const uint8_t* unit) {
    const uint32_t unit_bytes = size_of(tinyaudio_settings_program_bytes);
    if (unit_bytes == 0 || offset_bytes % unit_bytes != 0 || !is_inside(offset_bytes, unit_bytes)) {
        return false;
    }
    memcpy(tinyaudio_settings_start + offset_bytes, unit, unit_bytes);
    return true;
}

bool port_storage_erase(uint32_t sector) {
    const uint32_t sector_bytes = size_of(tinyaudio_settings_sector_bytes);
    if (!is_inside(sector * sector_bytes, sector_bytes)) {
        return false;
    }
    memset(tinyaudio_settings_start + sector * sector_bytes, kErased, sector_bytes);
    return true;
}

}  // namespace tinyaudio
