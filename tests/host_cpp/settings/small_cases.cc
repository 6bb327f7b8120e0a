// The settings log where no power fails: wear, limits, foreign content, damage.
#include <string.h>

#include "cases.h"
#include "story.h"
#include "torn_flash.h"

using namespace tinyaudio;

namespace {

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

}  // namespace

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
