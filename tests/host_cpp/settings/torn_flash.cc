#include "torn_flash.h"

#include <string.h>

using namespace tinyaudio;

Flash flash;
const char* scenario = "";

namespace {

uint32_t next_random() {
    flash.random = flash.random * 1664525U + 1013904223U;
    return flash.random >> 8;
}

void erase_unit(uint32_t unit) {
    memset(flash.bytes + unit * flash.geometry.program_bytes, 0xFF, flash.geometry.program_bytes);
    flash.is_programmed[unit] = flash.is_dirty[unit] = flash.is_unreadable[unit] = flash.is_flaky[unit] = false;
}

void tear_program(uint32_t unit, const uint8_t* wanted) {
    const uint32_t size = flash.geometry.program_bytes;
    uint8_t* const bytes = flash.bytes + unit * size;
    flash.is_programmed[unit] = flash.torn != Torn::kUntouched && flash.torn != Torn::kBlankDirty;
    switch (flash.torn) {
        case Torn::kUntouched:
            break;
        case Torn::kBlankDirty:
            flash.is_dirty[unit] = true;
            break;
        case Torn::kPrefix:
            memcpy(bytes, wanted, (size + 1) / 2);
            break;
        case Torn::kScattered:
            for (uint32_t index = 0; index < size; ++index) {
                bytes[index] = static_cast<uint8_t>(wanted[index] | next_random());
            }
            break;
        case Torn::kUnreadable:
            flash.is_unreadable[unit] = true;
            break;
        case Torn::kFlaky:
            memcpy(flash.steady + unit * size, wanted, size);
            memcpy(bytes, wanted, size);
            flash.is_flaky[unit] = true;
            break;
        default:
            memcpy(bytes, wanted, size);
            break;
    }
}

// Some units are as before, some erased, some neither; a sector is programmed to zeros before it is erased, and may be so.
void tear_erase(uint32_t first, uint32_t count) {
    if (flash.torn == Torn::kUntouched) {
        return;
    }
    for (uint32_t unit = first; unit < first + count; ++unit) {
        const bool is_second_half = unit - first >= count / 2;
        const uint32_t chance = next_random() % 5;
        if (flash.torn == Torn::kDone || (flash.torn == Torn::kPrefix && !is_second_half)) {
            erase_unit(unit);
        } else if (flash.torn == Torn::kBlankDirty) {
            erase_unit(unit);
            flash.is_dirty[unit] = true;
        } else if (flash.torn == Torn::kUnreadable) {
            flash.is_unreadable[unit] = is_second_half;
        } else if (flash.torn == Torn::kFlaky && is_second_half) {  // the header stays, zeros come up behind the records
            memset(flash.bytes + unit * flash.geometry.program_bytes, 0, flash.geometry.program_bytes);
            flash.is_programmed[unit] = true;
        } else if (flash.torn == Torn::kScattered && chance == 0) {
            erase_unit(unit);
        } else if (flash.torn == Torn::kScattered && chance == 1) {
            scramble(unit);
        } else if (flash.torn == Torn::kScattered && chance == 2) {
            flash.is_unreadable[unit] = true;
        } else if (flash.torn == Torn::kScattered && chance == 3) {
            erase_unit(unit);
            flash.is_dirty[unit] = true;
        }
    }
}

// Whether the step is done as asked; a dead flash does nothing.
bool take_step(bool* is_torn) {
    *is_torn = !flash.is_dead && flash.steps == flash.cut_at;
    ++flash.steps;
    flash.is_dead = flash.is_dead || (*is_torn && !flash.is_powered);
    return !flash.is_dead && !*is_torn;
}

}  // namespace

void describe() {
    fprintf(stderr, "%s: unit %u, cut at step %u as %u\n", scenario, flash.geometry.program_bytes, flash.cut_at,
            static_cast<uint32_t>(flash.torn));
}

uint32_t unit_count() {
    return flash.geometry.sectors * flash.geometry.sector_bytes / flash.geometry.program_bytes;
}

void format(const PortStorage& geometry) {
    flash = {};
    flash.geometry = geometry;
    flash.cut_at = 0xFFFFFFFF;
    flash.random = 7;
    for (uint32_t unit = 0; unit < unit_count(); ++unit) {
        erase_unit(unit);
    }
}

void scramble(uint32_t unit) {
    flash.is_programmed[unit] = true;
    for (uint32_t index = 0; index < flash.geometry.program_bytes; ++index) {
        flash.bytes[unit * flash.geometry.program_bytes + index] = static_cast<uint8_t>(next_random());
    }
}

void start(Settings& settings) {
    flash.is_dead = false;
    for (uint32_t unit = 0; unit < unit_count(); ++unit) {
        if (flash.is_flaky[unit]) {
            const uint32_t size = flash.geometry.program_bytes;
            const uint32_t chance = next_random() % 3;
            scramble(unit);
            if (chance == 0) {
                memset(flash.bytes + unit * size, 0xFF, size);
            } else if (chance == 1) {
                memcpy(flash.bytes + unit * size, flash.steady + unit * size, size);
            }
        }
    }
    settings_mount(settings);
    CHECK(settings.is_usable);
}

namespace tinyaudio {

PortStorage port_storage() {
    return flash.geometry;
}

bool port_storage_read(uint32_t offset_bytes, uint8_t* bytes, uint32_t count) {
    CHECK(offset_bytes + count <= flash.geometry.sectors * flash.geometry.sector_bytes);
    const uint32_t size = flash.geometry.program_bytes;
    for (uint32_t unit = offset_bytes / size; count > 0 && unit <= (offset_bytes + count - 1) / size; ++unit) {
        if (flash.is_unreadable[unit]) {
            return false;
        }
    }
    memcpy(bytes, flash.bytes + offset_bytes, count);
    return true;
}

bool port_storage_program(uint32_t offset_bytes, const uint8_t* wanted) {
    const uint32_t size = flash.geometry.program_bytes;
    const uint32_t unit = offset_bytes / size;
    CHECK(offset_bytes % size == 0 && unit < unit_count());
    bool is_torn = false;
    const bool is_done = take_step(&is_torn);
    if (is_torn || is_done) {
        CHECK(!flash.is_programmed[unit]);  // once between two erasures
        ++flash.programs;
    }
    if (is_torn) {
        tear_program(unit, wanted);
    } else if (is_done && flash.is_dirty[unit]) {
        scramble(unit);
    } else if (is_done) {
        flash.is_programmed[unit] = true;
        memcpy(flash.bytes + offset_bytes, wanted, size);
    }
    return is_done || (is_torn && flash.is_silent);
}

bool port_storage_erase(uint32_t sector) {
    CHECK(sector < flash.geometry.sectors);
    const uint32_t units = flash.geometry.sector_bytes / flash.geometry.program_bytes;
    bool is_torn = false;
    const bool is_done = take_step(&is_torn);
    flash.erases += is_torn || is_done ? 1 : 0;
    if (is_torn) {
        tear_erase(sector * units, units);
    } else if (is_done) {
        for (uint32_t unit = 0; unit < units; ++unit) {
            erase_unit(sector * units + unit);
        }
    }
    return is_done || (is_torn && flash.is_silent);
}

}  // namespace tinyaudio
