// A story of writes, what should be stored behind each, and checks that it is.
#ifndef TESTS_HOST_CPP_SETTINGS_STORY_H_
#define TESTS_HOST_CPP_SETTINGS_STORY_H_

#include <stdint.h>

#include "tinyaudio/settings.h"

constexpr uint32_t kKeys = 6;

struct Value {
    uint32_t bytes;
    uint8_t data[tinyaudio::kMaxSettingBytes];
};

// Write number `index` of the story: which key, which value; now and then the key is forgotten.
uint16_t story_key(uint32_t index);
Value story_value(uint32_t index);

bool holds(const tinyaudio::Settings& settings, uint16_t key, const Value& value);

// `model` is what should be stored, [kKeys + 1], by key.
void check_all(const tinyaudio::Settings& settings, const Value* model);

// Writes on from `first` until `end` or until power fails; returns the write that was cut short, or `end`.
uint32_t write_on(tinyaudio::Settings& settings, Value* model, uint32_t first, uint32_t end);

#endif  // TESTS_HOST_CPP_SETTINGS_STORY_H_
