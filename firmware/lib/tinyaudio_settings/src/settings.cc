#include "tinyaudio/settings.h"

#include <string.h>

#include "settings_log.h"

namespace tinyaudio {

namespace {

constexpr uint32_t kMaxSectors = 8;

// Where the latest record of each key is.
struct Directory {
    uint32_t count;
    uint16_t keys[kMaxSettings];
    uint32_t offsets_bytes[kMaxSettings];
};

uint32_t greater(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

bool fits(const PortStorage& storage) {
    return storage.sectors >= 2 && storage.sectors <= kMaxSectors && storage.program_bytes >= 1 &&
           storage.program_bytes <= kMaxProgramBytes &&
           storage.sector_bytes % storage.program_bytes == 0 &&
           header_size(storage) + 2 * record_size(storage, kMaxSettingBytes) + record_size(storage, sizeof(uint32_t)) <=
               storage.sector_bytes;
}

// What mounting finds in a sector.
struct Candidate {
    bool counts;
    SettingsLog log;
    uint32_t void_generation;  // the greatest up to which its records declare all others void; 0 if none does
    uint32_t lost_generation;  // of a log that counted once and cannot be relied on any more; 0 if there is none
};

// Walks through a log: how far it goes (a value of 0xFF may end in units that look blank), what it declares void.
void survey(Candidate& candidate) {
    SettingsLog& log = candidate.log;
    Record record;
    for (uint32_t offset = header_size(log.storage); next_record(log, offset, &record); offset = end_of(record)) {
        log.end_bytes = greater(log.end_bytes, end_of(record));
        if (record.header.key == kControlKey && record.header.value_bytes == sizeof(uint32_t)) {
            uint32_t generation;
            memcpy(&generation, record.value, sizeof(generation));
            candidate.void_generation = greater(candidate.void_generation, generation);
        }
    }
}

// Opens the log of a sector. A header counts with the records it was written for, as long as it is not erased in part, and
// with something behind them, which was begun when the header had been read back.
Candidate open_log(Settings& settings, uint32_t sector) {
    const PortStorage& storage = settings.log.storage;
    Candidate candidate = {};
    SectorHeader header;
    const HeaderState state = read_header(storage, sector, &header);
    if (state != HeaderState::kValid) {
        settings.is_usable = settings.is_usable && state == HeaderState::kNone;
        candidate.lost_generation = settings.is_usable ? find_counted_generation(storage, sector) : 0;
        return candidate;
    }
    if (header.generation >= settings.newest_generation) {
        settings.newest_generation = header.generation;
        settings.newest_sector = sector;
    }
    candidate.log = {storage, sector, header.generation, header.copied_end_bytes, find_end(storage, sector)};
    if (is_copy_whole(candidate.log, header)) {
        survey(candidate);
        candidate.counts = candidate.log.end_bytes > header.copied_end_bytes;
    } else {
        candidate.lost_generation = find_counted_generation(storage, sector);
    }
    return candidate;
}

// Whether an older log that counts says that the log of `generation` does not.
bool is_void(const Candidate (&candidates)[kMaxSectors], uint32_t generation) {
    for (const Candidate& other : candidates) {
        if (other.counts && other.log.generation < generation && other.void_generation >= generation) {
            return true;
        }
    }
    return false;
}

// Whether a log is lost that was newer than all that count.
bool is_newest_lost(const Settings& settings, const Candidate (&candidates)[kMaxSectors]) {
    for (const Candidate& candidate : candidates) {
        const uint32_t generation = candidate.lost_generation;
        if (generation > (settings.has_log ? settings.log.generation : 0) && !is_void(candidates, generation)) {
            return true;
        }
    }
    return false;
}

// What continue_log may need behind a full log.
uint32_t reserved_bytes(const PortStorage& storage) {
    return 2 * record_size(storage, kMaxSettingBytes) + record_size(storage, sizeof(uint32_t));
}

bool find_latest(const SettingsLog& log, uint16_t key, Record* latest) {
    bool is_found = false;
    Record record;
    for (uint32_t offset = header_size(log.storage); next_record(log, offset, &record); offset = end_of(record)) {
        if (record.header.key == key) {
            *latest = record;
            is_found = true;
        }
    }
    return is_found;
}

void remove_entry(Directory& directory, uint32_t index) {
    --directory.count;
    for (uint32_t next = index; next < directory.count; ++next) {
        directory.keys[next] = directory.keys[next + 1];
        directory.offsets_bytes[next] = directory.offsets_bytes[next + 1];
    }
}

// Keeps the keys ascending.
void enter(Directory& directory, const Record& record) {
    const uint16_t key = record.header.key;
    uint32_t index = 0;
    while (index < directory.count && directory.keys[index] < key) {
        ++index;
    }
    const bool is_known = index < directory.count && directory.keys[index] == key;
    if (record.header.value_bytes == 0) {
        if (is_known) {
            remove_entry(directory, index);
        }
        return;
    }
    if (!is_known) {
        if (directory.count == kMaxSettings) {
            return;  // settings_write lets no log come to that
        }
        for (uint32_t next = directory.count++; next > index; --next) {
            directory.keys[next] = directory.keys[next - 1];
            directory.offsets_bytes[next] = directory.offsets_bytes[next - 1];
        }
        directory.keys[index] = key;
    }
    directory.offsets_bytes[index] = record.offset_bytes;
}

Directory read_directory(const Settings& settings) {
    Directory directory = {};
    Record record;
    uint32_t offset = header_size(settings.log.storage);
    while (settings.has_log && next_record(settings.log, offset, &record)) {
        if (record.header.key != kControlKey) {
            enter(directory, record);
        }
        offset = end_of(record);
    }
    return directory;
}

bool has_key(const Directory& directory, uint16_t key) {
    for (uint32_t index = 0; index < directory.count; ++index) {
        if (directory.keys[index] == key) {
            return true;
        }
    }
    return false;
}

// The first write since the start: see settings.h, the last of the four points. False if there is no room.
bool continue_log(Settings& settings) {
    SettingsLog& log = settings.log;
    Record record;
    Record last;
    bool is_last_whole = false;
    for (uint32_t offset = header_size(log.storage); next_record(log, offset, &record); offset = end_of(record)) {
        last = record;
        is_last_whole = end_of(record) == log.end_bytes;
    }
    const bool needs_control = !is_last_whole || settings.newest_generation > log.generation;
    log.end_bytes += record_size(log.storage, kMaxSettingBytes);  // what a record may have touched and left to look blank
    settings.is_continued =
        (!needs_control || append_control(log, settings.newest_generation, 0)) &&
        (!is_last_whole || append_record(log, last.header.key, last.value, last.header.value_bytes, 0));
    return settings.is_continued;
}

// Whether a record (or null, that there is none), and that the log counts at all, will be read at the next start as well:
// neither hangs on the last unit alone, which may have been under way when power failed.
bool is_proven(const SettingsLog& log, const Record* latest) {
    Record record;
    for (uint32_t offset = log.copied_end_bytes; next_record(log, offset, &record); offset = end_of(record)) {
        if (end_of(record) < log.end_bytes) {
            return latest == nullptr || end_of(*latest) < log.end_bytes;
        }
    }
    return false;
}

// Copies all values but that of `key` behind the header of `target`, and the new one. False if something fails.
bool copy_records(const SettingsLog& source, const Directory& directory, SettingsLog& target, uint16_t key,
                  const uint8_t* value, uint32_t bytes) {
    Record record;
    for (uint32_t index = 0; index < directory.count; ++index) {
        if (directory.keys[index] == key) {
            continue;
        }
        const uint32_t offset = directory.offsets_bytes[index];
        if (!next_record(source, offset, &record) || record.offset_bytes != offset ||
            !append_record(target, record.header.key, record.value, record.header.value_bytes, 0)) {
            return false;
        }
    }
    return bytes == 0 || append_record(target, key, value, bytes, 0);
}

// Begins the next sector with all values, the new one of `key` among them.
SettingsResult copy_to_next_sector(Settings& settings, uint16_t key, const uint8_t* value, uint32_t bytes) {
    const Directory directory = read_directory(settings);
    const PortStorage& storage = settings.log.storage;
    // Without a log: not the sector that lacks but the last step to count. Erased in part it might come to that.
    const uint32_t sector = ((settings.has_log ? settings.log.sector : settings.newest_sector) + 1) % storage.sectors;
    SettingsLog target = {storage, sector, settings.newest_generation + 1, 0, header_size(storage)};
    if (!port_storage_erase(sector) || find_end(storage, sector) != 0 ||
        !copy_records(settings.log, directory, target, key, value, bytes)) {
        return SettingsResult::kFailed;
    }
    target.copied_end_bytes = target.end_bytes;
    settings.newest_generation = target.generation;
    settings.newest_sector = sector;
    settings.is_continued = false;  // if it is cut short from here on, the old log has to say that this one is void
    if (!write_header(target) || !append_control(target, target.generation, 0)) {
        return SettingsResult::kFailed;
    }
    settings.log = target;
    settings.has_log = true;
    settings.is_continued = true;
    return SettingsResult::kDone;
}

// Whether all values and the new one, with what begins a log, go into a sector.
bool has_room(const Settings& settings, uint16_t key, uint32_t bytes) {
    const PortStorage& storage = settings.log.storage;
    const Directory directory = read_directory(settings);
    uint32_t needed_bytes = header_size(storage) + record_size(storage, sizeof(uint32_t)) + record_size(storage, bytes);
    for (uint32_t index = 0; index < directory.count; ++index) {
        Record record;
        if (directory.keys[index] != key && next_record(settings.log, directory.offsets_bytes[index], &record)) {
            needed_bytes += record.size_bytes;
        }
    }
    return needed_bytes <= storage.sector_bytes && (has_key(directory, key) || directory.count < kMaxSettings);
}

// Appends a record, and where it is to be sealed a control record behind it. False if the record is not there.
bool append(SettingsLog& log, uint16_t key, const uint8_t* value, uint32_t bytes, bool is_sealed) {
    const uint32_t reserved = reserved_bytes(log.storage);
    const uint32_t seal_bytes = is_sealed ? record_size(log.storage, sizeof(log.generation)) : 0;
    if (!append_record(log, key, value, bytes, reserved + seal_bytes)) {
        return false;
    }
    if (is_sealed) {
        append_control(log, log.generation, reserved);  // the value is safe without it
    }
    return true;
}

// Where the value is not stored already and known to be safe, writes it.
SettingsResult store(Settings& settings, uint16_t key, const uint8_t* value, uint32_t bytes, bool is_sealed) {
    Record latest;
    const bool is_known = settings.has_log && find_latest(settings.log, key, &latest);
    const uint32_t known_bytes = is_known ? latest.header.value_bytes : 0;
    const bool is_unchanged = known_bytes == bytes && (bytes == 0 || memcmp(latest.value, value, bytes) == 0) &&
                              !settings_is_doubtful(settings, key);
    if (is_unchanged && (!settings.has_log || settings.is_continued ||
                         is_proven(settings.log, is_known ? &latest : nullptr) || continue_log(settings))) {
        return SettingsResult::kDone;
    }
    if (bytes > 0 && !has_room(settings, key, bytes)) {
        return SettingsResult::kFull;
    }
    if (settings.has_log && (settings.is_continued || continue_log(settings)) &&
        append(settings.log, key, value, bytes, is_sealed)) {
        return SettingsResult::kDone;
    }
    return copy_to_next_sector(settings, key, value, bytes);
}

SettingsResult write(Settings& settings, uint16_t key, const uint8_t* value, uint32_t bytes, bool is_sealed) {
    if (!settings.is_usable || key < kFirstSettingKey || key > kLastSettingKey || bytes > kMaxSettingBytes) {
        return SettingsResult::kFailed;
    }
    const SettingsResult result = store(settings, key, value, bytes, is_sealed);
    settings.is_damaged = settings.is_damaged && result != SettingsResult::kDone;
    return result;
}

}  // namespace

void settings_mount(Settings& settings) {
    settings = {};
    settings.log.storage = port_storage();
    const uint32_t sectors = settings.log.storage.sectors;
    settings.is_usable = fits(settings.log.storage);
    settings.newest_sector = sectors - 1;  // so that the first log begins in the first sector
    Candidate candidates[kMaxSectors] = {};
    for (uint32_t sector = 0; settings.is_usable && sector < sectors; ++sector) {
        candidates[sector] = open_log(settings, sector);
    }
    for (const Candidate& candidate : candidates) {
        settings.newest_generation = greater(settings.newest_generation, candidate.lost_generation);
        if (!settings.is_usable || !candidate.counts) {
            continue;
        }
        settings.newest_generation = greater(settings.newest_generation, candidate.void_generation);
        if (!is_void(candidates, candidate.log.generation) &&
            (!settings.has_log || candidate.log.generation > settings.log.generation)) {
            settings.log = candidate.log;
            settings.has_log = true;
        }
    }
    settings.is_damaged = settings.is_usable && is_newest_lost(settings, candidates);
}

uint32_t settings_read(const Settings& settings, uint16_t key, uint8_t* value) {
    Record record;
    if (!settings.is_usable || !settings.has_log || !find_latest(settings.log, key, &record)) {
        return 0;
    }
    memcpy(value, record.value, record.header.value_bytes);
    return record.header.value_bytes;
}

SettingsResult settings_write(Settings& settings, uint16_t key, const uint8_t* value, uint32_t bytes) {
    return write(settings, key, value, bytes, false);
}

SettingsResult settings_write_sealed(Settings& settings, uint16_t key, const uint8_t* value, uint32_t bytes) {
    return write(settings, key, value, bytes, true);
}

bool settings_is_doubtful(const Settings& settings, uint16_t key) {
    if (!settings.is_usable || !settings.has_log) {
        return settings.is_damaged;
    }
    const SettingsLog& log = settings.log;
    bool is_doubtful = settings.is_damaged;
    Record record;
    for (uint32_t offset = header_size(log.storage); next_record(log, offset, &record); offset = end_of(record)) {
        // What the log was begun with has a CRC-32 of its own, gaps and all.
        const bool has_gap = record.offset_bytes > offset && record.offset_bytes > log.copied_end_bytes;
        if (has_gap && !is_blank(log.storage, log.sector, record.offset_bytes - log.storage.program_bytes)) {
            is_doubtful = true;
        }
        if (record.header.key == key && !settings.is_damaged) {
            is_doubtful = false;
        }
    }
    return is_doubtful;
}

uint32_t settings_list(const Settings& settings, uint16_t* keys) {
    if (!settings.is_usable) {
        return 0;
    }
    const Directory directory = read_directory(settings);
    memcpy(keys, directory.keys, directory.count * sizeof(keys[0]));
    return directory.count;
}

}  // namespace tinyaudio
