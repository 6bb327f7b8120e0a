// Convolution with any kernel, stride, dilation and padding; height x width x channels, channels last.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/columns.h"
#include "tinyaudio/nn/requantize.h"

namespace tinyaudio {
namespace nn {

// Write the inputs under the kernel of one output pixel into its places of a block of columns.
template <typename Shape, int32_t kPixels>
inline void gather_column(const int8_t* input, int32_t output_y, int32_t output_x, int16_t* column) {
    constexpr int32_t kChannels = Shape::kInputChannels;
    int32_t depth = 0;
    for (int32_t kernel_y = 0; kernel_y < Shape::kKernelHeight; ++kernel_y) {
        const int32_t y = output_y * Shape::kStrideHeight - Shape::kPaddingTop + kernel_y * Shape::kDilationHeight;
        for (int32_t kernel_x = 0; kernel_x < Shape::kKernelWidth; ++kernel_x) {
            const int32_t x = output_x * Shape::kStrideWidth - Shape::kPaddingLeft + kernel_x * Shape::kDilationWidth;
            const bool inside = y >= 0 && y < Shape::kInputHeight && x >= 0 && x < Shape::kInputWidth;
            const int8_t* const source = inside ? input + (y * Shape::kInputWidth + x) * kChannels : nullptr;
            if (kChannels % 4 == 0 && inside) {
                expand_column<kPixels>(source, kChannels, column + depth * kPixels);
                depth += kChannels;
            } else {
                for (int32_t channel = 0; channel < kChannels; ++channel, ++depth) {
                    const int32_t value = inside ? source[channel] : Shape::kInputZeroPoint;
                    column[depth / 2 * 2 * kPixels + depth % 2] = static_cast<int16_t>(value);
                }
            }
        }
    }
    if (depth < Shape::kDepth) {
        column[depth / 2 * 2 * kPixels + 1] = 0;
    }
}

// Outputs first_pixel, first_pixel + 1 ... of the run that starts in row `output_y`: the row, or all rows if they lie densely.
template <typename Shape, int32_t kPixels>
void conv_2d_block(const int8_t* input, int32_t output_y, int32_t first_pixel, int8_t* output, const ChannelWeights& weights,
                   int16_t* columns) {
    for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
        const int32_t position = first_pixel + pixel;
        const int32_t y = output_y + position / Shape::kOutputWidth;
        gather_column<Shape, kPixels>(input, y, position % Shape::kOutputWidth, columns + 2 * pixel);
    }
    multiply_columns<Shape, kPixels, Shape::kOutputColumnStep>(columns, weights, output + first_pixel * Shape::kOutputColumnStep);
}

// Shape: sizes, strides, dilations, paddings, kInputZeroPoint, kOutputColumnStep and kOutputRowStep (from one output to
// its neighbour, in values), and multiply_columns'.
// Weights are packed over depth = (kernel_y, kernel_x, channel). `columns`: int16[min(pixels, kBlockPixels) * kDepth].
template <typename Shape>
void conv_2d(const int8_t* input, int8_t* output, const ChannelWeights& weights, void* columns) {
    constexpr bool kDense = Shape::kOutputRowStep == Shape::kOutputWidth * Shape::kOutputColumnStep;
    constexpr int32_t kRunRows = kDense ? Shape::kOutputHeight : 1;
    constexpr int32_t kRunPixels = kRunRows * Shape::kOutputWidth;
    int16_t* const block = static_cast<int16_t*>(columns);
    for (int32_t y = 0; y < Shape::kOutputHeight; y += kRunRows) {
        int8_t* const run = output + y * Shape::kOutputRowStep;
        int32_t pixel = 0;
        for (; pixel + kBlockPixels <= kRunPixels; pixel += kBlockPixels) {
            conv_2d_block<Shape, kBlockPixels>(input, y, pixel, run, weights, block);
        }
        constexpr int32_t kTail = kRunPixels % kBlockPixels;
        if constexpr (kTail != 0) {
            conv_2d_block<Shape, kTail>(input, y, pixel, run, weights, block);
        }
    }
}

}  // namespace nn
}  // namespace tinyaudio
