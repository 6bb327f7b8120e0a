// Softmax from int8 to int8 (output scale 1/256, zero point -128) or int16 (1/65536, -32768) in fixed point.
#pragma once

#include <stdint.h>

namespace tinyaudio {
namespace nn {

struct SoftmaxParameters {
    int32_t rows;
    int32_t depth;                // values of a row
    int32_t input_multiplier;     // Q31: beta * input scale in Q5.26, without the power of two
    int32_t input_left_shift;     // that power of two
    int32_t smallest_difference;  // differences to the row's largest value below this count as e^-infinity
};

void softmax(const int8_t* input, int8_t* output, const SoftmaxParameters& parameters);
void softmax(const int8_t* input, int16_t* output, const SoftmaxParameters& parameters);

}  // namespace nn
}  // namespace tinyaudio
