// The log in a sector: its format, reading and appending. Private to the library.
#ifndef TINYAUDIO_SETTINGS_LOG_H_
#define TINYAUDIO_SETTINGS_LOG_H_

#include "tinyaudio/settings.h"

namespace tinyaudio {

constexpr uint32_t kMaxProgramBytes = 64;  // of a unit
constexpr uint16_t kControlKey = 0xFFFF;   // value: u32, up to which generation all others do not count

// In front of a sector's records; its layout is the same in all versions. Padded with 0xFF to whole units.
struct SectorHeader {
    uint32_t magic;
    uint32_t layout_version;
    uint32_t generation;
    uint32_t copied_end_bytes;  // behind the records that the sector was begun with
    uint32_t copied_crc32;      // of those, from behind the header on
    uint32_t crc32;             // of the fields before
};

// Padded with 0xFF to whole units.
struct RecordHeader {
    uint16_t key;
    uint16_t value_bytes;
    uint32_t crc32;  // of place, key, value_bytes and value; see record_crc32
};

constexpr uint32_t kMaxRecordBytes = sizeof(RecordHeader) + kMaxSettingBytes + kMaxProgramBytes;

struct Record {
    uint32_t offset_bytes;  // in the sector
    uint32_t size_bytes;    // in whole units
    RecordHeader header;
    uint8_t value[kMaxSettingBytes];
};

// Where in the sector the next record may begin.
inline uint32_t end_of(const Record& record) {
    return record.offset_bytes + record.size_bytes;
}

enum class HeaderState : uint8_t { kNone, kValid, kForeign };

uint32_t whole_units(const PortStorage& storage, uint32_t bytes);

// Bytes that the header of a sector, and a record with `value_bytes`, take.
uint32_t header_size(const PortStorage& storage);
uint32_t record_size(const PortStorage& storage, uint32_t value_bytes);

HeaderState read_header(const PortStorage& storage, uint32_t sector, SectorHeader* header);

// Whether the unit at `offset_bytes` of a sector is blank; what cannot be read is not.
bool is_blank(const PortStorage& storage, uint32_t sector, uint32_t offset_bytes);

// The generation of a log that counted once, whatever became of its header and records; 0 if there is none. A log that
// counts has a control record that names its own generation behind the records that it was begun with.
uint32_t find_counted_generation(const PortStorage& storage, uint32_t sector);

// Where the last unit of a sector ends that is not blank; what cannot be read is not blank. 0: all of it is blank.
uint32_t find_end(const PortStorage& storage, uint32_t sector);

// The next valid record from `offset_bytes` on; false if there is none. Begin at header_size, go on at end_of.
bool next_record(const SettingsLog& log, uint32_t offset_bytes, Record* record);

// Whether the records that a sector was begun with are still those that its header was written for.
bool is_copy_whole(const SettingsLog& log, const SectorHeader& header);

// Writes the header for the records that are there, once. False if it does not read back.
bool write_header(const SettingsLog& log);

// Appends a record and reads it back; where it did not come out right, it is written again behind. False if that would
// not leave `reserved_bytes` of the sector, or nothing can be written.
bool append_record(SettingsLog& log, uint16_t key, const uint8_t* value, uint32_t value_bytes,
                   uint32_t reserved_bytes);
bool append_control(SettingsLog& log, uint32_t generation, uint32_t reserved_bytes);

}  // namespace tinyaudio

#endif  // TINYAUDIO_SETTINGS_LOG_H_
