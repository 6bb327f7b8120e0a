// Averages over windows (AVERAGE_POOL_2D) and over whole maps (MEAN), channels last.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/requantize.h"

namespace tinyaudio {
namespace nn {

// Shape: sizes, kernel, strides, paddings, kActivationMin, kActivationMax. Positions in the padding do not count.
template <typename Shape>
void average_pool_2d(const int8_t* input, int8_t* output) {
    constexpr int32_t kChannels = Shape::kInputChannels;
    for (int32_t output_y = 0; output_y < Shape::kOutputHeight; ++output_y) {
        const int32_t top = output_y * Shape::kStrideHeight - Shape::kPaddingTop;
        const int32_t first_y = top < 0 ? 0 : top;
        const int32_t bottom = top + Shape::kKernelHeight;
        const int32_t end_y = bottom > Shape::kInputHeight ? Shape::kInputHeight : bottom;
        for (int32_t output_x = 0; output_x < Shape::kOutputWidth; ++output_x) {
            const int32_t left = output_x * Shape::kStrideWidth - Shape::kPaddingLeft;
            const int32_t first_x = left < 0 ? 0 : left;
            const int32_t right = left + Shape::kKernelWidth;
            const int32_t end_x = right > Shape::kInputWidth ? Shape::kInputWidth : right;
            const int32_t count = (end_y - first_y) * (end_x - first_x);
            for (int32_t channel = 0; channel < kChannels; ++channel) {
                int32_t sum = 0;
                for (int32_t y = first_y; y < end_y; ++y) {
                    for (int32_t x = first_x; x < end_x; ++x) {
                        sum += input[(y * Shape::kInputWidth + x) * kChannels + channel];
                    }
                }
                const int32_t mean = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
                const int32_t raised = mean < Shape::kActivationMin ? Shape::kActivationMin : mean;
                *output++ = static_cast<int8_t>(raised > Shape::kActivationMax ? Shape::kActivationMax : raised);
            }
        }
    }
}

// Mean over kPixels positions. kMultiplier and kRightShift hold the division; kSumOffset is -kPixels * input zero point.
template <typename Shape>
void mean(const int8_t* input, int8_t* output) {
    for (int32_t channel = 0; channel < Shape::kInputChannels; ++channel) {
        int32_t sum = Shape::kSumOffset;
        const int8_t* source = input + channel;
        for (int32_t pixel = 0; pixel < Shape::kPixels; ++pixel, source += Shape::kInputChannels) {
            sum += *source;
        }
        const int32_t scaled = multiply_by_quantized_multiplier(sum, Shape::kMultiplier, Shape::kRightShift) + Shape::kOutputZeroPoint;
        output[channel] = static_cast<int8_t>(scaled < -128 ? -128 : (scaled > 127 ? 127 : scaled));
    }
}

}  // namespace nn
}  // namespace tinyaudio
