// The sum, the largest or the smallest of the values along some dimensions.
#pragma once

#include <stdint.h>

namespace tinyaudio {
namespace nn {

constexpr int32_t kReduceDimensions = 3;

// Which values each result is made of. Neighbouring dimensions that are kept, or taken together, count as one.
struct Reduction {
    int32_t kept_sizes[kReduceDimensions];  // the output is dense over them
    int32_t kept_strides[kReduceDimensions];
    int32_t reduced_sizes[kReduceDimensions];
    int32_t reduced_strides[kReduceDimensions];
};

struct ReducedSum {
    Reduction reduction;
    int32_t sum_offset;   // minus the number of values times the input's zero point
    int32_t multiplier;   // Q31
    int32_t right_shift;  // negative: shift left
    int32_t output_zero_point;
};

void reduce_max(const int8_t* input, int8_t* output, const Reduction& reduction);
void reduce_min(const int8_t* input, int8_t* output, const Reduction& reduction);
void reduce_sum(const int8_t* input, int8_t* output, const ReducedSum& parameters);

}  // namespace nn
}  // namespace tinyaudio
