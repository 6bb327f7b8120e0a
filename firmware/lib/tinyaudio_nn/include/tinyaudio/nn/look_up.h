// Functions of one byte, as tables: LOGISTIC, TANH, RELU, QUANTIZE between bytes ...
#pragma once

#include <stdint.h>

namespace tinyaudio {
namespace nn {

// table: [256], for each byte read as uint8. The output may start where the input starts, or before.
void look_up(const int8_t* input, int8_t* output, const int8_t* table, int32_t count);

}  // namespace nn
}  // namespace tinyaudio
