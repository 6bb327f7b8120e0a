// Between real and quantized numbers, and between quantizations of which one is wider than a byte.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/requantize.h"

namespace tinyaudio {
namespace nn {

// real = scale * (quantized - zero_point)
struct AffineQuantization {
    int32_t count;
    float scale;
    int32_t zero_point;
};

template <typename Value>
struct Limits {
    static constexpr int64_t kHighest = static_cast<Value>(-1) > 0 ? (1LL << (8 * sizeof(Value))) - 1 : (1LL << (8 * sizeof(Value) - 1)) - 1;
    static constexpr int64_t kLowest = static_cast<Value>(-1) > 0 ? 0 : -(1LL << (8 * sizeof(Value) - 1));

    static Value hold(int64_t value) {
        value = value < kLowest ? kLowest : value;
        return static_cast<Value>(value > kHighest ? kHighest : value);
    }
};

// Rounds to the nearest, ties away from zero. What is no number becomes the zero point.
template <typename Output>
void quantize(const float* input, Output* output, const AffineQuantization& quantization) {
    constexpr float kBeyond = 1 << 20;  // of every Output, with any zero point
    for (int32_t index = 0; index < quantization.count; ++index) {
        float steps = input[index] / quantization.scale;
        steps = steps > kBeyond ? kBeyond : (steps < -kBeyond ? -kBeyond : steps);
        const int32_t truncated = steps == steps ? static_cast<int32_t>(steps) : 0;
        const float rest = steps - static_cast<float>(truncated);
        const int32_t rounded = truncated + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0);
        output[index] = Limits<Output>::hold(static_cast<int64_t>(rounded) + quantization.zero_point);
    }
}

template <typename Input>
void dequantize(const Input* input, float* output, const AffineQuantization& quantization) {
    for (int32_t index = 0; index < quantization.count; ++index) {
        output[index] = quantization.scale * static_cast<float>(input[index] - quantization.zero_point);
    }
}

struct Requantization32 {
    int32_t count;
    int32_t multiplier;  // Q31
    int32_t right_shift;
    int32_t input_zero_point;
    int32_t output_zero_point;
};

template <typename Input, typename Output>
void requantize_values(const Input* input, Output* output, const Requantization32& parameters) {
    for (int32_t index = 0; index < parameters.count; ++index) {
        const int32_t difference = static_cast<int32_t>(static_cast<uint32_t>(input[index]) - static_cast<uint32_t>(parameters.input_zero_point));
        const int32_t scaled = multiply_by_quantized_multiplier(difference, parameters.multiplier, parameters.right_shift);
        output[index] = Limits<Output>::hold(static_cast<int64_t>(scaled) + parameters.output_zero_point);
    }
}

}  // namespace nn
}  // namespace tinyaudio
