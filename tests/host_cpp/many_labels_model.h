// A made-up model with many labels, in place of a compiled one; see test_decisions_cpp.py.
#pragma once

#include <stdint.h>

namespace tinyaudio_model {

constexpr uint32_t kInputElements = @ELEMENTS@;
constexpr uint32_t kOutputElements = @LABELS@;
constexpr uint32_t kLogitsElements = @LABELS@;
constexpr uint32_t kArenaBytes = 0;

int8_t* input();
void invoke();
const int8_t* output();
const int8_t* logits();

}  // namespace tinyaudio_model
