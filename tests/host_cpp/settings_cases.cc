// Power fails at every step of many writes of settings, in several ways; nothing but the old or the new value may be found.
// So it is where a step fails while the power stays, whether the flash says so or not.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tinyaudio/port.h"
#include "tinyaudio/settings.h"

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);    \
            describe();                                                        \
            exit(1);                                                           \
        }                                                                      \
    } while (false)

namespace {

using namespace tinyaudio;

// What a unit is left as when power fails while it is programmed.
enum class Torn : uint8_t {
    kUntouched,   // the step had not begun
    kBlankDirty,  // it reads blank, but what is programmed on it comes out wrong
    kPrefix,      // the first half of it is there
    kScattered,   // some bits of it are there
    kUnreadable,  // it cannot be read
    kFlaky,       // whether it reads right or not differs from start to start
    kDone,        // the step was through, but nobody was told
    kCount
};

constexpr uint32_t kMaxStorageBytes = 4096;
constexpr uint32_t kKeys = 6;

struct Flash {
    PortStorage geometry;
    uint8_t bytes[kMaxStorageBytes];
    bool is_programmed[kMaxStorageBytes];  // by unit, as those below
    bool is_dirty[kMaxStorageBytes];
    bool is_unreadable[kMaxStorageBytes];
    bool is_flaky[kMaxStorageBytes];
    uint8_t steady[kMaxStorageBytes];  // of flaky units: what reads right
    uint32_t steps;
    uint32_t cut_at;  // the step in which power fails
    Torn torn;
    bool is_dead;
    bool is_powered;   // a cut is no more than a step that fails
    bool is_silent;    // and the flash does not say so
    uint32_t erases;
    uint32_t programs;
    uint32_t random;
};

struct Value {
    uint32_t bytes;
    uint8_t data[kMaxSettingBytes];
};

Flash flash;
const char* scenario = "";

void describe() {
    fprintf(stderr, "%s: unit %u, cut at step %u as %u\n", scenario, flash.geometry.program_bytes, flash.cut_at,
            static_cast<uint32_t>(flash.torn));
}

uint32_t next_random() {
    flash.random = flash.random * 1664525U + 1013904223U;
    return flash.random >> 8;
}

uint32_t unit_count() {
    return flash.geometry.sectors * flash.geometry.sector_bytes / flash.geometry.program_bytes;
}

void erase_unit(uint32_t unit) {
    memset(flash.bytes + unit * flash.geometry.program_bytes, 0xFF, flash.geometry.program_bytes);
    flash.is_programmed[unit] = flash.is_dirty[unit] = flash.is_unreadable[unit] = flash.is_flaky[unit] = false;
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

// Power comes back: flaky units read right, blank or anything.
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

}  // namespace

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

namespace {

// Write number `index` of the story: which key, which value; now and then the key is forgotten.
uint16_t story_key(uint32_t index) {
    return static_cast<uint16_t>(1 + (index * 5 + index / 7) % kKeys);
}

Value story_value(uint32_t index) {
    constexpr uint32_t kLengths[] = {2, 20, 24, 25, 64, 1, 40, 8};
    Value value = {index % 11 == 10 ? 0 : kLengths[index % 8], {0}};
    for (uint32_t byte = 0; byte < value.bytes; ++byte) {
        value.data[byte] = static_cast<uint8_t>(index * 31 + byte * 7);
    }
    return value;
}

bool holds(const Settings& settings, uint16_t key, const Value& value) {
    uint8_t data[kMaxSettingBytes];
    const uint32_t bytes = settings_read(settings, key, data);
    return bytes == value.bytes && (bytes == 0 || memcmp(data, value.data, bytes) == 0);
}

void check_all(const Settings& settings, const Value* model) {
    uint16_t listed[kMaxSettings];
    const uint32_t count = settings_list(settings, listed);
    uint32_t expected = 0;
    for (uint16_t key = 1; key <= kKeys; ++key) {
        CHECK(holds(settings, key, model[key]));
        if (model[key].bytes > 0) {
            CHECK(expected < count && listed[expected] == key);
            ++expected;
        }
    }
    CHECK(expected == count);
}

// Writes on from `first` until `end` or until power fails; returns the write that was cut short, or `end`.
uint32_t write_on(Settings& settings, Value* model, uint32_t first, uint32_t end) {
    for (uint32_t index = first; index < end; ++index) {
        const Value value = story_value(index);
        const SettingsResult result = settings_write(settings, story_key(index), value.data, value.bytes);
        if (flash.is_dead) {
            return index;
        }
        CHECK(result == SettingsResult::kDone);
        model[story_key(index)] = value;
    }
    return end;
}

// Behind a cut in write `index`: every key has its value, the one under way the old or the new. Takes over which.
void recover(Settings& settings, Value* model, uint32_t index, bool is_flaky) {
    start(settings);
    const uint16_t key = story_key(index);
    const Value wanted = story_value(index);
    const Value old = model[key];
    if (is_flaky) {  // the old at one start and the new at another, until someone writes
        for (uint32_t round = 0; round < 6; ++round) {
            CHECK(holds(settings, key, old) || holds(settings, key, wanted));
            model[key] = holds(settings, key, wanted) ? wanted : old;
            check_all(settings, model);
            start(settings);
        }
    }
    CHECK(holds(settings, key, old) || holds(settings, key, wanted));
    model[key] = holds(settings, key, wanted) ? wanted : old;
    check_all(settings, model);
    CHECK(!settings_is_doubtful(settings, key) && !settings_is_doubtful(settings, kKeys + 1));  // a power loss is no damage
}

// Writes and starts again and again behind a cut; nothing that was written may be lost any more.
void go_on(Settings& settings, Value* model, uint32_t first, uint32_t end) {
    for (uint32_t index = first; index < end; ++index) {
        CHECK(write_on(settings, model, index, index + 1) == index + 1);
        check_all(settings, model);
        if (index % 3 == 0) {
            start(settings);
            check_all(settings, model);
        }
    }
}

uint32_t count_steps(const PortStorage& geometry, uint32_t writes) {
    Settings settings;
    Value model[kKeys + 1] = {};
    format(geometry);
    start(settings);
    CHECK(write_on(settings, model, 0, writes) == writes);
    check_all(settings, model);
    start(settings);
    check_all(settings, model);
    return flash.steps;
}

// Power fails once, at every step of the story.
void one_cut(const PortStorage& geometry, uint32_t writes) {
    scenario = "one cut";
    const uint32_t steps = count_steps(geometry, writes);
    for (uint32_t cut = 0; cut < steps; ++cut) {
        for (uint8_t torn = 0; torn < static_cast<uint8_t>(Torn::kCount); ++torn) {
            Settings settings;
            Value model[kKeys + 1] = {};
            format(geometry);
            flash.random += cut;
            flash.torn = static_cast<Torn>(torn);
            start(settings);
            flash.cut_at = cut;
            const uint32_t index = write_on(settings, model, 0, writes);
            CHECK(index < writes);
            recover(settings, model, index, flash.torn == Torn::kFlaky);
            // The very value again: what reads as done already must be as safe as what was just written.
            CHECK(write_on(settings, model, index, index + 1) == index + 1);
            start(settings);
            check_all(settings, model);
            start(settings);
            check_all(settings, model);
            go_on(settings, model, index + 1, index + 30);
        }
    }
}

// Power fails at every step, and again at every one of the next steps, those of the recovery.
void two_cuts(const PortStorage& geometry, uint32_t writes, uint32_t further_steps) {
    scenario = "two cuts";
    const uint32_t steps = count_steps(geometry, writes);
    for (uint32_t cut = 0; cut < steps; ++cut) {
        for (uint32_t further = 1; further <= further_steps; ++further) {
            for (uint8_t pair = 0; pair < 36; ++pair) {
                constexpr Torn kKinds[] = {Torn::kUntouched, Torn::kBlankDirty, Torn::kPrefix,
                                           Torn::kScattered, Torn::kUnreadable, Torn::kDone};
                Settings settings;
                Value model[kKeys + 1] = {};
                format(geometry);
                flash.random += cut * 64 + further;
                start(settings);
                flash.cut_at = cut;
                flash.torn = kKinds[pair / 6];
                const uint32_t first = write_on(settings, model, 0, writes);
                recover(settings, model, first, false);
                flash.cut_at = flash.steps + further - 1;
                flash.torn = kKinds[pair % 6];
                const uint32_t second = write_on(settings, model, first + 1, writes + 30);
                CHECK(second < writes + 30);
                recover(settings, model, second, false);
                go_on(settings, model, second + 1, second + 8);
            }
        }
    }
}

// One step fails, the power stays. What is told to be done is; what is told to have failed has not changed anything.
void one_failure(const PortStorage& geometry, uint32_t writes) {
    scenario = "one failure";
    const uint32_t steps = count_steps(geometry, writes);
    for (uint32_t cut = 0; cut < steps; ++cut) {
        for (uint8_t kind = 0; kind < 2 * static_cast<uint8_t>(Torn::kFlaky); ++kind) {
            Settings settings;
            Value model[kKeys + 1] = {};
            format(geometry);
            flash.random += cut;
            flash.torn = static_cast<Torn>(kind / 2);
            flash.is_silent = kind % 2 != 0;
            flash.is_powered = true;
            start(settings);
            flash.cut_at = cut;
            for (uint32_t index = 0; index < writes + 4; ++index) {
                const Value value = story_value(index);
                if (settings_write(settings, story_key(index), value.data, value.bytes) == SettingsResult::kDone) {
                    model[story_key(index)] = value;
                }
                check_all(settings, model);
                if (index % 5 == 4) {
                    start(settings);
                    check_all(settings, model);
                }
            }
        }
    }
}

// How often is erased, in relation to what has to be written: a reference.
void wear_is_low() {
    scenario = "wear";
    format({131072 / 64, 2, 32});  // 2 KiB a sector
    Settings settings;
    start(settings);
    uint8_t value[] = {0, 0};
    for (uint32_t index = 0; index < 550; ++index) {
        value[0] = static_cast<uint8_t>(index);
        value[1] = static_cast<uint8_t>(index >> 8);
        CHECK(settings_write(settings, 1, value, sizeof(value)) == SettingsResult::kDone);
        const uint32_t programs = flash.programs;
        CHECK(settings_write(settings, 1, value, sizeof(value)) == SettingsResult::kDone);
        CHECK(flash.programs == programs);  // the same value again: nothing to do
    }
    CHECK(flash.erases == 10);  // one for 55 writes: of 64 units, a header, a control record and 7 in reserve are no values
    const uint32_t programs = flash.programs;
    start(settings);
    uint8_t seen[kMaxSettingBytes];
    CHECK(settings_read(settings, 1, seen) == 2 && memcmp(seen, value, 2) == 0);
    CHECK(flash.programs == programs && flash.erases == 10);  // reading writes nothing
}

void what_does_not_fit_is_refused() {
    scenario = "limits";
    format({1024, 2, 32});
    Settings settings;
    start(settings);
    uint8_t value[kMaxSettingBytes] = {1};
    uint8_t seen[kMaxSettingBytes];
    uint32_t stored = 0;
    while (settings_write(settings, static_cast<uint16_t>(100 + stored), value, kMaxSettingBytes) == SettingsResult::kDone) {
        ++stored;
    }
    CHECK(stored == 10);  // of 96 bytes in 1024, with a header and a control record
    CHECK(settings_write(settings, 500, value, kMaxSettingBytes) == SettingsResult::kFull);
    CHECK(settings_read(settings, 500, seen) == 0 && settings_read(settings, 100, seen) == kMaxSettingBytes);
    value[0] = 2;
    CHECK(settings_write(settings, 104, value, kMaxSettingBytes) == SettingsResult::kDone);  // in place of the old
    CHECK(settings_write(settings, 105, nullptr, 0) == SettingsResult::kDone);               // forgotten
    CHECK(settings_write(settings, 500, value, kMaxSettingBytes) == SettingsResult::kDone);
    start(settings);
    CHECK(settings_read(settings, 105, seen) == 0 && settings_read(settings, 500, seen) == kMaxSettingBytes);
    CHECK(settings_write(settings, 0, value, 1) == SettingsResult::kFailed);
    CHECK(settings_write(settings, 0xFFFF, value, 1) == SettingsResult::kFailed);
    CHECK(settings_write(settings, 1, value, kMaxSettingBytes + 1) == SettingsResult::kFailed);

    format({2048, 2, 8});
    start(settings);
    for (uint16_t key = 1; key <= kMaxSettings; ++key) {
        CHECK(settings_write(settings, key, value, 1) == SettingsResult::kDone);
    }
    CHECK(settings_write(settings, 1000, value, 1) == SettingsResult::kFull);
    CHECK(settings_write(settings, 7, value, 2) == SettingsResult::kDone);
}

void without_storage_nothing_is_kept() {
    scenario = "no storage";
    constexpr PortStorage kUnfit[] = {{0, 0, 0}, {1024, 1, 32}, {1024, 2, 128}, {1000, 2, 32}, {160, 2, 32}};
    for (const PortStorage& geometry : kUnfit) {
        format({1024, 2, 32});
        flash.geometry = geometry;
        Settings settings;
        settings_mount(settings);
        CHECK(!settings.is_usable);
        uint8_t value[kMaxSettingBytes] = {1};
        uint16_t keys[kMaxSettings];
        CHECK(settings_write(settings, 1, value, 1) == SettingsResult::kFailed);
        CHECK(settings_read(settings, 1, value) == 0 && settings_list(settings, keys) == 0);
    }
}

// Another version of the layout is left alone.
void another_layout_is_not_touched() {
    scenario = "another layout";
    format({1024, 2, 32});
    Settings settings;
    start(settings);
    const uint8_t value[] = {1};
    CHECK(settings_write(settings, 1, value, 1) == SettingsResult::kDone);
    // The header's second word, made 2, with the CRC-32 that belongs to it.
    flash.bytes[4] = 2;
    uint32_t crc = 0xFFFFFFFF;
    for (uint32_t index = 0; index < 20; ++index) {
        crc ^= flash.bytes[index];
        for (uint32_t bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320U : 0U);
        }
    }
    crc = ~crc;
    memcpy(flash.bytes + 20, &crc, sizeof(crc));
    const uint32_t steps = flash.steps;
    settings_mount(settings);
    CHECK(!settings.is_usable);
    CHECK(settings_write(settings, 1, value, 1) == SettingsResult::kFailed && flash.steps == steps);
}

// A value that looks like a record is no record, wherever it is torn.
void a_value_is_never_taken_for_a_record() {
    scenario = "value like a record";
    format({1024, 2, 32});
    Settings settings;
    start(settings);
    uint8_t small[] = {9};
    uint8_t big[kMaxSettingBytes];
    CHECK(settings_write(settings, 2, small, 1) == SettingsResult::kDone);
    memset(big, 0xFF, sizeof(big));
    memcpy(big + 24, flash.bytes + 32, 32);  // the unit that the record of key 2 is, where a unit of the new record begins
    small[0] = 10;
    CHECK(settings_write(settings, 2, small, 1) == SettingsResult::kDone);
    flash.cut_at = flash.steps;  // its first unit, the header's, is torn; but the others are there
    flash.torn = Torn::kUnreadable;
    settings_write(settings, 3, big, sizeof(big));
    memcpy(flash.bytes + 32 * 5, big + 24, 32);
    start(settings);
    uint8_t seen[kMaxSettingBytes];
    CHECK(settings_read(settings, 2, seen) == 1 && seen[0] == 10);
}

// Damage to any unit, behind any number of sealed writes: a value is the latest, or it is told that it may not be. Once it
// is written again there is no doubt left.
void damage_is_told(const PortStorage& geometry, uint32_t writes) {
    scenario = "damage";
    uint32_t doubts = 0;
    format(geometry);
    for (uint32_t end = 1; end <= writes; ++end) {
        for (uint32_t unit = 0; unit < unit_count(); ++unit) {
            Settings settings;
            Value model[kKeys + 1] = {};
            format(geometry);
            start(settings);
            for (uint32_t index = 0; index < end; ++index) {
                const Value value = story_value(index);
                CHECK(settings_write_sealed(settings, story_key(index), value.data, value.bytes) == SettingsResult::kDone);
                model[story_key(index)] = value;
            }
            if (!flash.is_programmed[unit]) {
                continue;
            }
            if (unit % 2 == 0) {
                flash.bytes[unit * geometry.program_bytes + unit % geometry.program_bytes] ^= 0x10;
            } else {
                flash.is_unreadable[unit] = true;
            }
            start(settings);
            for (uint16_t key = 1; key <= kKeys; ++key) {
                const bool is_doubtful = settings_is_doubtful(settings, key);
                CHECK(is_doubtful || holds(settings, key, model[key]));
                doubts += is_doubtful ? 1 : 0;
            }
            const Value value = story_value(end + 1);
            CHECK(settings_write(settings, 1, value.data, value.bytes) == SettingsResult::kDone);
            CHECK(!settings_is_doubtful(settings, 1) && holds(settings, 1, value));
            start(settings);
            CHECK(!settings_is_doubtful(settings, 1) && holds(settings, 1, value));
        }
    }
    CHECK(doubts > 0);
}

// Forgetting what is in doubt ends the doubt as well, though nothing is stored.
void a_forgotten_value_is_in_no_doubt() {
    scenario = "forgotten";
    format({1024, 2, 32});
    Settings settings;
    start(settings);
    const uint8_t value[] = {1, 2};
    CHECK(settings_write(settings, 1, value, sizeof(value)) == SettingsResult::kDone);
    flash.bytes[32 + 8] ^= 1;  // its record, in the part that the log was begun with
    start(settings);
    uint8_t seen[kMaxSettingBytes];
    CHECK(settings_read(settings, 1, seen) == 0 && settings_is_doubtful(settings, 1));
    CHECK(settings_write(settings, 1, nullptr, 0) == SettingsResult::kDone && !settings_is_doubtful(settings, 1));
    start(settings);
    CHECK(settings_read(settings, 1, seen) == 0 && !settings_is_doubtful(settings, 1));
}

// What other memory, or RAM without power, may hold is no log that was lost.
void rubbish_is_no_damage() {
    scenario = "rubbish";
    for (uint32_t round = 0; round < 64; ++round) {
        format({1024, 2, 32});
        flash.random = round;
        for (uint32_t unit = 0; unit < unit_count(); ++unit) {
            scramble(unit);
            if (round == 0) {
                memset(flash.bytes + unit * 32, 0, 32);
            }
        }
        Settings settings;
        start(settings);
        CHECK(!settings_is_doubtful(settings, 1) && !settings.has_log);
        const uint8_t value[] = {1, 2};
        CHECK(settings_write(settings, 1, value, sizeof(value)) == SettingsResult::kDone);
        start(settings);
        uint8_t seen[kMaxSettingBytes];
        CHECK(settings_read(settings, 1, seen) == 2 && !settings_is_doubtful(settings, 1));
    }
}

void small_cases() {
    damage_is_told({1024, 2, 32}, 24);
    damage_is_told({512, 3, 8}, 10);
    a_forgotten_value_is_in_no_doubt();
    rubbish_is_no_damage();
    wear_is_low();
    what_does_not_fit_is_refused();
    without_storage_nothing_is_kept();
    another_layout_is_not_touched();
    a_value_is_never_taken_for_a_record();
}

// None takes more than a few seconds.
constexpr struct {
    const char* name;
    void (*run)();
} kParts[] = {
    {"small cases", small_cases},
    {"one cut, two sectors", [] { one_cut({1024, 2, 32}, 50); }},
    {"one cut, three sectors", [] { one_cut({512, 3, 32}, 50); }},
    {"one cut, small units",
     [] {
         constexpr uint32_t kUnitBytes[] = {8, 4, 16, 1};
         for (const uint32_t unit_bytes : kUnitBytes) {
             one_cut({512, 2, unit_bytes}, 12);
         }
     }},
    {"one failure", [] { one_failure({512, 2, 32}, 50); }},
    {"two cuts", [] { two_cuts({512, 2, 32}, 12, 10); }},
    {"two cuts, hardly any room", [] { two_cuts({416, 2, 32}, 10, 6); }},
};

}  // namespace

// Without an argument, tells the names of the parts; with one, runs that part.
int main(int argc, char** argv) {
    for (const auto& part : kParts) {
        if (argc == 1) {
            puts(part.name);
        } else if (strcmp(argv[1], part.name) == 0) {
            part.run();
            puts("ok");
        }
    }
    return 0;
}
