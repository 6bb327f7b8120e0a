#include "settings_log.h"

#include <string.h>

#include "tinyaudio/crc32.h"

namespace tinyaudio {

namespace {

constexpr uint32_t kMagic = 0x53415454;  // "TTAS"
constexpr uint32_t kLayoutVersion = 1;
constexpr uint8_t kBlank = 0xFF;
constexpr uint32_t kMostTries = 4;  // of one record: a torn unit that looks blank may spoil a try or two

uint32_t address_of(const SettingsLog& log, uint32_t offset_bytes) {
    return log.sector * log.storage.sector_bytes + offset_bytes;
}

uint32_t header_crc32(const SectorHeader& header) {
    return crc32_update(0, &header, sizeof(header) - sizeof(header.crc32));
}

// With generation and place: what an earlier generation left there, or a value that looks like a record, does not pass.
uint32_t record_crc32(const SettingsLog& log, uint32_t offset_bytes, const RecordHeader& header, const uint8_t* value) {
    const uint32_t place[] = {log.generation, offset_bytes};
    uint32_t crc = crc32_update(0, place, sizeof(place));
    crc = crc32_update(crc, &header.key, sizeof(header.key));
    crc = crc32_update(crc, &header.value_bytes, sizeof(header.value_bytes));
    return crc32_update(crc, value, header.value_bytes);
}

// Programs `size_bytes` in whole units, in order, and reads them back.
bool program_and_check(const PortStorage& storage, uint32_t address, const uint8_t* bytes, uint32_t size_bytes) {
    for (uint32_t done = 0; done < size_bytes; done += storage.program_bytes) {
        uint8_t seen[kMaxProgramBytes];
        if (!port_storage_program(address + done, bytes + done) ||
            !port_storage_read(address + done, seen, storage.program_bytes) ||
            memcmp(seen, bytes + done, storage.program_bytes) != 0) {
            return false;
        }
    }
    return true;
}

// CRC-32 of what lies behind the header, up to `end_bytes`; false if some of it cannot be read.
bool content_crc32(const SettingsLog& log, uint32_t end_bytes, uint32_t* crc32) {
    uint8_t unit[kMaxProgramBytes];
    for (uint32_t offset = header_size(log.storage); offset < end_bytes; offset += log.storage.program_bytes) {
        if (!port_storage_read(address_of(log, offset), unit, log.storage.program_bytes)) {
            return false;
        }
        *crc32 = crc32_update(*crc32, unit, log.storage.program_bytes);
    }
    return true;
}

// Reads each unit once: a port may take its time over one.
bool read_record(const SettingsLog& log, uint32_t offset_bytes, Record* record) {
    RecordHeader& header = record->header;
    const uint32_t address = address_of(log, offset_bytes);
    const uint32_t first_bytes = whole_units(log.storage, sizeof(header));
    uint8_t bytes[kMaxRecordBytes];
    if (offset_bytes + first_bytes > log.storage.sector_bytes || !port_storage_read(address, bytes, first_bytes)) {
        return false;
    }
    memcpy(&header, bytes, sizeof(header));
    if (header.value_bytes > kMaxSettingBytes) {
        return false;
    }
    record->offset_bytes = offset_bytes;
    record->size_bytes = record_size(log.storage, header.value_bytes);
    const uint32_t further_bytes = record->size_bytes - first_bytes;
    if (offset_bytes + record->size_bytes > log.storage.sector_bytes ||
        (further_bytes > 0 && !port_storage_read(address + first_bytes, bytes + first_bytes, further_bytes))) {
        return false;
    }
    memcpy(record->value, bytes + sizeof(header), header.value_bytes);
    return record_crc32(log, offset_bytes, header, record->value) == header.crc32;
}

}  // namespace

uint32_t whole_units(const PortStorage& storage, uint32_t bytes) {
    return (bytes + storage.program_bytes - 1) / storage.program_bytes * storage.program_bytes;
}

uint32_t header_size(const PortStorage& storage) {
    return whole_units(storage, sizeof(SectorHeader));
}

uint32_t record_size(const PortStorage& storage, uint32_t value_bytes) {
    return whole_units(storage, sizeof(RecordHeader) + value_bytes);
}

HeaderState read_header(const PortStorage& storage, uint32_t sector, SectorHeader* header) {
    if (!port_storage_read(sector * storage.sector_bytes, reinterpret_cast<uint8_t*>(header), sizeof(*header)) ||
        header->magic != kMagic || header->crc32 != header_crc32(*header)) {
        return HeaderState::kNone;
    }
    return header->layout_version == kLayoutVersion ? HeaderState::kValid : HeaderState::kForeign;
}

bool is_blank(const PortStorage& storage, uint32_t sector, uint32_t offset_bytes) {
    uint8_t unit[kMaxProgramBytes];
    if (!port_storage_read(sector * storage.sector_bytes + offset_bytes, unit, storage.program_bytes)) {
        return false;
    }
    for (uint32_t index = 0; index < storage.program_bytes; ++index) {
        if (unit[index] != kBlank) {
            return false;
        }
    }
    return true;
}

uint32_t find_counted_generation(const PortStorage& storage, uint32_t sector) {
    struct {
        RecordHeader header;
        uint32_t generation;
    } control;
    const uint32_t end_bytes = find_end(storage, sector);
    for (uint32_t offset = header_size(storage); offset + sizeof(control) <= end_bytes; offset += storage.program_bytes) {
        const uint32_t address = sector * storage.sector_bytes + offset;
        Record record;
        if (port_storage_read(address, reinterpret_cast<uint8_t*>(&control), sizeof(control)) &&
            control.header.key == kControlKey && control.header.value_bytes == sizeof(control.generation) &&
            read_record({storage, sector, control.generation, 0, end_bytes}, offset, &record)) {
            return control.generation;
        }
    }
    return 0;
}

uint32_t find_end(const PortStorage& storage, uint32_t sector) {
    uint32_t end_bytes = storage.sector_bytes;
    while (end_bytes > 0 && is_blank(storage, sector, end_bytes - storage.program_bytes)) {
        end_bytes -= storage.program_bytes;
    }
    return end_bytes;
}

bool next_record(const SettingsLog& log, uint32_t offset_bytes, Record* record) {
    while (offset_bytes < log.end_bytes) {
        if (read_record(log, offset_bytes, record)) {
            return true;
        }
        offset_bytes += log.storage.program_bytes;
    }
    return false;
}

bool is_copy_whole(const SettingsLog& log, const SectorHeader& header) {
    uint32_t crc32 = 0;
    return header.copied_end_bytes <= log.storage.sector_bytes && content_crc32(log, header.copied_end_bytes, &crc32) &&
           crc32 == header.copied_crc32;
}

bool write_header(const SettingsLog& log) {
    SectorHeader header = {kMagic, kLayoutVersion, log.generation, log.end_bytes, 0, 0};
    if (!content_crc32(log, log.end_bytes, &header.copied_crc32)) {
        return false;
    }
    header.crc32 = header_crc32(header);
    uint8_t bytes[sizeof(header) + kMaxProgramBytes];
    memset(bytes, kBlank, sizeof(bytes));
    memcpy(bytes, &header, sizeof(header));
    return program_and_check(log.storage, address_of(log, 0), bytes, header_size(log.storage));
}

bool append_record(SettingsLog& log, uint16_t key, const uint8_t* value, uint32_t value_bytes,
                   uint32_t reserved_bytes) {
    const uint32_t size_bytes = record_size(log.storage, value_bytes);
    const uint32_t limit_bytes = log.storage.sector_bytes - reserved_bytes;
    RecordHeader header = {key, static_cast<uint16_t>(value_bytes), 0};
    uint8_t bytes[kMaxRecordBytes];
    memset(bytes, kBlank, sizeof(bytes));
    for (uint32_t attempt = 0; attempt < kMostTries && log.end_bytes + size_bytes <= limit_bytes; ++attempt) {
        const uint32_t offset_bytes = log.end_bytes;
        log.end_bytes += size_bytes;
        header.crc32 = record_crc32(log, offset_bytes, header, value);
        memcpy(bytes, &header, sizeof(header));
        if (value_bytes > 0) {
            memcpy(bytes + sizeof(header), value, value_bytes);
        }
        if (program_and_check(log.storage, address_of(log, offset_bytes), bytes, size_bytes)) {
            return true;
        }
    }
    return false;
}

bool append_control(SettingsLog& log, uint32_t generation, uint32_t reserved_bytes) {
    return append_record(log, kControlKey, reinterpret_cast<const uint8_t*>(&generation), sizeof(generation),
                         reserved_bytes);
}

}  // namespace tinyaudio
