// Depthwise convolution with any kernel, stride, dilation, padding and channel multiplier; channels last.
//
// The rows under the kernel are kept as int16 with their padding in a ring beside the activations. So no pixel needs a
// border case, and the output may overwrite the input wherever the compiler has shown that no unread row is hit.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/dsp.h"
#include "tinyaudio/nn/requantize.h"

namespace tinyaudio {
namespace nn {

// What follows from a Shape for depthwise_conv_2d.
template <typename Shape>
struct DepthwiseRows {
    static constexpr int32_t kRows = (Shape::kKernelHeight - 1) * Shape::kDilationHeight + 1;  // rows of the ring
    static constexpr int32_t kColumns =
        (Shape::kOutputWidth - 1) * Shape::kStrideWidth + (Shape::kKernelWidth - 1) * Shape::kDilationWidth + 1;
    static constexpr int32_t kRowElements = kColumns * Shape::kInputChannels;
    static constexpr int32_t kLeftEnd = Shape::kPaddingLeft < kColumns ? Shape::kPaddingLeft : kColumns;
    static constexpr int32_t kRightEnd =
        Shape::kPaddingLeft + Shape::kInputWidth < kColumns ? Shape::kPaddingLeft + Shape::kInputWidth : kColumns;
    // Four channels at a time; within four, a row's order is then 0, 2, 1, 3.
    static constexpr bool kByFour = TINYAUDIO_NN_DSP != 0 && Shape::kChannelMultiplier == 1 && Shape::kInputChannels % 4 == 0;
};

// Put padded row `row` (0 is the topmost padding row) into the ring.
template <typename Shape>
inline void load_depthwise_row(const int8_t* input, int32_t row, int16_t* ring) {
    using Rows = DepthwiseRows<Shape>;
    int16_t* target = ring + row % Rows::kRows * Rows::kRowElements;
    const int32_t y = row - Shape::kPaddingTop;
    const bool inside = y >= 0 && y < Shape::kInputHeight;
    const int32_t left = inside ? Rows::kLeftEnd * Shape::kInputChannels : Rows::kRowElements;
    const int32_t right = inside ? Rows::kRightEnd * Shape::kInputChannels : Rows::kRowElements;
    int32_t index = 0;
    for (; index < left; ++index) {
        target[index] = Shape::kInputZeroPoint;
    }
    const int8_t* source = inside ? input + y * Shape::kInputWidth * Shape::kInputChannels : input;
    if constexpr (Rows::kByFour) {
        for (; index < right; index += 4, source += 4) {
            const uint32_t word = load_word(source);
            store_word(target + index, sxtb16(word));
            store_word(target + index + 2, sxtb16_ror8(word));
        }
    } else {
        for (; index < right; ++index, ++source) {
            target[index] = *source;
        }
    }
    for (; index < Rows::kRowElements; ++index) {
        target[index] = Shape::kInputZeroPoint;
    }
}

// One output row, one channel after the other. Weights: [kernel_y][kernel_x][output channel].
template <typename Shape>
inline void depthwise_row_plain(const int16_t* ring, int32_t first_row, int8_t* output, const ChannelWeights& weights) {
    using Rows = DepthwiseRows<Shape>;
    constexpr int32_t kOutputChannels = Shape::kInputChannels * Shape::kChannelMultiplier;
    for (int32_t channel = 0; channel < kOutputChannels; ++channel) {
        const Requantizer<Shape> requantize(weights, channel);
        const int32_t bias = weights.bias[channel];
        for (int32_t x = 0; x < Shape::kOutputWidth; ++x) {
            int32_t accumulator = bias;
            const int8_t* weight = weights.weights + channel;
            for (int32_t kernel_y = 0; kernel_y < Shape::kKernelHeight; ++kernel_y) {
                const int32_t row = first_row + kernel_y * Shape::kDilationHeight;
                const int16_t* source = ring + row % Rows::kRows * Rows::kRowElements +
                                        x * Shape::kStrideWidth * Shape::kInputChannels + channel / Shape::kChannelMultiplier;
                for (int32_t kernel_x = 0; kernel_x < Shape::kKernelWidth; ++kernel_x) {
                    accumulator += *source * *weight;
                    source += Shape::kDilationWidth * Shape::kInputChannels;
                    weight += kOutputChannels;
                }
            }
            output[x * kOutputChannels + channel] = requantize(accumulator);
        }
    }
}

// kPixels neighbouring outputs of four channels. rows[kernel_y]: the row at the first pixel's first column.
template <typename Shape, int32_t kPixels>
inline void depthwise_accumulate_four(const int16_t* const* rows, int32_t offset, const int8_t* weights,
                                      int32_t (&accumulators)[kPixels][4]) {
    constexpr int32_t kChannels = Shape::kInputChannels;
#pragma GCC unroll 3
    for (int32_t kernel_y = 0; kernel_y < Shape::kKernelHeight; ++kernel_y) {
        const int16_t* const source = rows[kernel_y] + offset;
#pragma GCC unroll 3
        for (int32_t kernel_x = 0; kernel_x < Shape::kKernelWidth; ++kernel_x) {
            const uint32_t word = load_word(weights + (kernel_y * Shape::kKernelWidth + kernel_x) * kChannels);
            const uint32_t even_weights = sxtb16(word);
            const uint32_t odd_weights = sxtb16_ror8(word);
            for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
                const int16_t* const at = source + (pixel * Shape::kStrideWidth + kernel_x * Shape::kDilationWidth) * kChannels;
                const uint32_t even = load_word(at);
                const uint32_t odd = load_word(at + 2);
                accumulators[pixel][0] = smlabb(even, even_weights, accumulators[pixel][0]);
                accumulators[pixel][1] = smlabb(odd, odd_weights, accumulators[pixel][1]);
                accumulators[pixel][2] = smlatt(even, even_weights, accumulators[pixel][2]);
                accumulators[pixel][3] = smlatt(odd, odd_weights, accumulators[pixel][3]);
            }
        }
    }
}

template <typename Shape, int32_t kPixels>
inline void depthwise_pixels(const int16_t* const* rows, int32_t x, int32_t channel, int8_t* output, const ChannelWeights& weights) {
    int32_t accumulators[kPixels][4];
    for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
        for (int32_t lane = 0; lane < 4; ++lane) {
            accumulators[pixel][lane] = weights.bias[channel + lane];
        }
    }
    const int32_t offset = x * Shape::kStrideWidth * Shape::kInputChannels + channel;
    depthwise_accumulate_four<Shape, kPixels>(rows, offset, weights.weights + channel, accumulators);
    for (int32_t lane = 0; lane < 4; ++lane) {
        const Requantizer<Shape> requantize(weights, channel + lane);
        for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
            output[(x + pixel) * Shape::kInputChannels + channel + lane] = requantize(accumulators[pixel][lane]);
        }
    }
}

// One output row, four channels and two pixels at a time.
template <typename Shape>
inline void depthwise_row_by_four(const int16_t* ring, int32_t first_row, int8_t* output, const ChannelWeights& weights) {
    using Rows = DepthwiseRows<Shape>;
    const int16_t* rows[Shape::kKernelHeight];
    for (int32_t kernel_y = 0; kernel_y < Shape::kKernelHeight; ++kernel_y) {
        rows[kernel_y] = ring + (first_row + kernel_y * Shape::kDilationHeight) % Rows::kRows * Rows::kRowElements;
    }
    for (int32_t channel = 0; channel < Shape::kInputChannels; channel += 4) {
        int32_t x = 0;
        for (; x + 2 <= Shape::kOutputWidth; x += 2) {
            depthwise_pixels<Shape, 2>(rows, x, channel, output, weights);
        }
        if constexpr (Shape::kOutputWidth % 2 != 0) {
            depthwise_pixels<Shape, 1>(rows, x, channel, output, weights);
        }
    }
}

// Shape: sizes, strides, dilations, paddings, kChannelMultiplier, kInputZeroPoint, and Requantizer's.
// `ring`: int16[DepthwiseRows<Shape>::kRows * kRowElements].
template <typename Shape>
void depthwise_conv_2d(const int8_t* input, int8_t* output, const ChannelWeights& weights, void* ring) {
    using Rows = DepthwiseRows<Shape>;
    int16_t* const rows = static_cast<int16_t*>(ring);
    int32_t loaded = 0;  // padded rows below this index are in the ring, or no longer needed
    for (int32_t y = 0; y < Shape::kOutputHeight; ++y) {
        const int32_t first_row = y * Shape::kStrideHeight;
        for (loaded = loaded < first_row ? first_row : loaded; loaded < first_row + Rows::kRows; ++loaded) {
            load_depthwise_row<Shape>(input, loaded, rows);
        }
        if constexpr (Rows::kByFour) {
            depthwise_row_by_four<Shape>(rows, first_row, output, weights);
        } else {
            depthwise_row_plain<Shape>(rows, first_row, output, weights);
        }
        output += Shape::kOutputWidth * Shape::kInputChannels * Shape::kChannelMultiplier;
    }
}

}  // namespace nn
}  // namespace tinyaudio
