#include "tinyaudio/nn/mean.h"

#include "tinyaudio/nn/requantize.h"

namespace tinyaudio {
namespace nn {
namespace {

int32_t sum_of(const int8_t* input, const Mean& parameters) {
    const int32_t* const sizes = parameters.averaged_sizes;
    const int32_t* const strides = parameters.averaged_strides;
    int32_t sum = parameters.sum_offset;
    for (int32_t a = 0; a < sizes[0]; ++a) {
        for (int32_t b = 0; b < sizes[1]; ++b) {
            const int8_t* source = input + a * strides[0] + b * strides[1];
            for (int32_t c = 0; c < sizes[2]; ++c, source += strides[2]) {
                sum += *source;
            }
        }
    }
    return sum;
}

}  // namespace

void mean(const int8_t* input, int8_t* output, const Mean& parameters) {
    const int32_t* const sizes = parameters.kept_sizes;
    const int32_t* const strides = parameters.kept_strides;
    for (int32_t a = 0; a < sizes[0]; ++a) {
        for (int32_t b = 0; b < sizes[1]; ++b) {
            for (int32_t c = 0; c < sizes[2]; ++c) {
                const int32_t sum = sum_of(input + a * strides[0] + b * strides[1] + c * strides[2], parameters);
                const int32_t scaled = multiply_by_quantized_multiplier(sum, parameters.multiplier, parameters.right_shift);
                const int32_t value = scaled + parameters.output_zero_point;
                *output++ = static_cast<int8_t>(value < -128 ? -128 : (value > 127 ? 127 : value));
            }
        }
    }
}

}  // namespace nn
}  // namespace tinyaudio
