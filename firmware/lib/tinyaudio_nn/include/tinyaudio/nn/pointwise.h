// 1x1 convolution with stride 1, and the dense layer, which is the same over rows instead of pixels.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/columns.h"
#include "tinyaudio/nn/requantize.h"

namespace tinyaudio {
namespace nn {

template <typename Shape, int32_t kPixels>
void pointwise_block(const int8_t* input, int8_t* output, const int32_t* stream, int16_t* columns) {
    for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
        expand_column<kPixels>(input + pixel * Shape::kInputChannels, Shape::kInputChannels, columns + 2 * pixel);
    }
    if constexpr (Shape::kInputChannels % 2 != 0) {
        for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
            columns[(Shape::kInputChannels / 2 * kPixels + pixel) * 2 + 1] = 0;
        }
    }
    multiply_columns<Shape, kPixels>(columns, stream, output);
}

// Shape: kPixels, kInputChannels, and multiply_columns'. `columns`: int16[min(kPixels, kBlockPixels) * kDepth].
template <typename Shape>
void pointwise(const int8_t* input, int8_t* output, const int32_t* stream, void* columns) {
    int16_t* const block = static_cast<int16_t*>(columns);
    for_each_block<Shape, Shape::kPixels>([&](int32_t pixel, auto pixels) {
        pointwise_block<Shape, decltype(pixels)::kValue>(input + pixel * Shape::kInputChannels, output + pixel * Shape::kOutputChannels,
                                                         stream, block);
    });
}

}  // namespace nn
}  // namespace tinyaudio
