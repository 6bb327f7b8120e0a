// Means over any dimensions.
#pragma once

#include <stdint.h>

namespace tinyaudio {
namespace nn {

constexpr int32_t kMeanDimensions = 3;

struct Mean {
    int32_t kept_sizes[kMeanDimensions];  // the output, dense
    int32_t kept_strides[kMeanDimensions];
    int32_t averaged_sizes[kMeanDimensions];
    int32_t averaged_strides[kMeanDimensions];
    int32_t sum_offset;  // -(values of a mean) * input zero point
    int32_t multiplier;  // Q31, the division by the number of values included
    int32_t right_shift;
    int32_t output_zero_point;
    // The same in one multiplication where the compiler has found it to be exact, which includes at most 255 values in a
    // mean: ((sum of values * short_multiplier >> 16) + short_addend) >> short_shift. Else a multiplier of 0.
    int32_t short_multiplier;
    int32_t short_addend;
    int32_t short_shift;
};

void mean(const int8_t* input, int8_t* output, const Mean& parameters);

}  // namespace nn
}  // namespace tinyaudio
