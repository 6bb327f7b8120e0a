// Averages and largest values of windows (AVERAGE_POOL_2D, MAX_POOL_2D), channels last.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/dsp.h"

namespace tinyaudio {
namespace nn {

// The part of the image that a window covers: positions in the padding do not count.
template <typename Shape>
struct PoolingWindow {
    int32_t first_y;
    int32_t end_y;
    int32_t first_x;
    int32_t end_x;

    PoolingWindow(int32_t output_y, int32_t output_x) {
        const int32_t top = output_y * Shape::kStrideHeight - Shape::kPaddingTop;
        const int32_t left = output_x * Shape::kStrideWidth - Shape::kPaddingLeft;
        const int32_t bottom = top + Shape::kKernelHeight;
        const int32_t right = left + Shape::kKernelWidth;
        first_y = top < 0 ? 0 : top;
        end_y = bottom > Shape::kInputHeight ? Shape::kInputHeight : bottom;
        first_x = left < 0 ? 0 : left;
        end_x = right > Shape::kInputWidth ? Shape::kInputWidth : right;
    }

    int32_t count() const { return (end_y - first_y) * (end_x - first_x); }
};

// What the values of a window become.
template <typename Shape>
struct PoolingMean {
    static constexpr int32_t kStart = 0;
    static int32_t join(int32_t sum, int32_t value) { return sum + value; }
    static int32_t finish(int32_t sum, const PoolingWindow<Shape>& window) {
        const int32_t count = window.count();
        return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
    }
};

template <typename Shape>
struct PoolingLargest {
    static constexpr int32_t kStart = -128;
    static int32_t join(int32_t largest, int32_t value) { return value > largest ? value : largest; }
    static int32_t finish(int32_t largest, const PoolingWindow<Shape>&) { return largest; }
};

template <typename Shape>
int8_t pooled(int32_t value) {
    const int32_t raised = value < Shape::kActivationMin ? Shape::kActivationMin : value;
    return static_cast<int8_t>(raised > Shape::kActivationMax ? Shape::kActivationMax : raised);
}

template <typename Shape, typename Reduction>
void pool_2d(const int8_t* input, int8_t* output) {
    constexpr int32_t kChannels = Shape::kInputChannels;
    for (int32_t output_y = 0; output_y < Shape::kOutputHeight; ++output_y) {
        for (int32_t output_x = 0; output_x < Shape::kOutputWidth; ++output_x) {
            const PoolingWindow<Shape> window(output_y, output_x);
            for (int32_t channel = 0; channel < kChannels; ++channel) {
                int32_t joined = Reduction::kStart;
                for (int32_t y = window.first_y; y < window.end_y; ++y) {
                    for (int32_t x = window.first_x; x < window.end_x; ++x) {
                        joined = Reduction::join(joined, input[(y * Shape::kInputWidth + x) * kChannels + channel]);
                    }
                }
                *output++ = pooled<Shape>(Reduction::finish(joined, window));
            }
        }
    }
}

// Four channels at a time, in two words of two sums; windows of at most 256 positions, so that a sum of bytes stays within 16 bits.
template <typename Shape>
void average_pool_by_four(const int8_t* input, int8_t* output) {
    constexpr int32_t kChannels = Shape::kInputChannels;
    for (int32_t output_y = 0; output_y < Shape::kOutputHeight; ++output_y) {
        for (int32_t output_x = 0; output_x < Shape::kOutputWidth; ++output_x) {
            const PoolingWindow<Shape> window(output_y, output_x);
            for (int32_t channel = 0; channel < kChannels; channel += 4) {
                uint32_t even = 0;  // channels 0 and 2
                uint32_t odd = 0;   // channels 1 and 3
                for (int32_t y = window.first_y; y < window.end_y; ++y) {
                    const int8_t* values = input + (y * Shape::kInputWidth + window.first_x) * kChannels + channel;
                    for (int32_t x = window.first_x; x < window.end_x; ++x, values += kChannels) {
                        const uint32_t word = load_word(values);
                        even = sadd16(even, sxtb16(word));
                        odd = sadd16(odd, sxtb16_ror8(word));
                    }
                }
                const int32_t sums[4] = {static_cast<int16_t>(even), static_cast<int16_t>(odd), static_cast<int16_t>(even >> 16),
                                         static_cast<int16_t>(odd >> 16)};
                for (int32_t sum : sums) {
                    *output++ = pooled<Shape>(PoolingMean<Shape>::finish(sum, window));
                }
            }
        }
    }
}

// Shape: sizes, kernel, strides, paddings, kActivationMin, kActivationMax.
template <typename Shape>
void average_pool_2d(const int8_t* input, int8_t* output) {
    if constexpr (TINYAUDIO_NN_DSP != 0 && Shape::kInputChannels % 4 == 0 && Shape::kKernelHeight * Shape::kKernelWidth <= 256) {
        average_pool_by_four<Shape>(input, output);
    } else {
        pool_2d<Shape, PoolingMean<Shape>>(input, output);
    }
}

template <typename Shape>
void max_pool_2d(const int8_t* input, int8_t* output) {
    pool_2d<Shape, PoolingLargest<Shape>>(input, output);
}

}  // namespace nn
}  // namespace tinyaudio
