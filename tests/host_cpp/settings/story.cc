#include "story.h"

#include <string.h>

#include "torn_flash.h"

using namespace tinyaudio;

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
