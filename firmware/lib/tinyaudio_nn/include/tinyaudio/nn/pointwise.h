// 1x1 convolution with stride 1, and the dense layer, which is the same over rows instead of pixels.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/columns.h"
#include "tinyaudio/nn/requantize.h"
#include "tinyaudio/nn/rows.h"

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

// The output, a row at a time: kPixels are those of a row, kImageRows as many as there are.
template <typename Shape, typename Source>
class PointwiseMaker {
public:
    static constexpr int32_t kRows = Shape::kImageRows;
    static constexpr int32_t kRowBytes = Shape::kPixels * Shape::kOutputChannels;
    static constexpr int32_t kBatchRows = 1;

    PointwiseMaker(Source source, const int32_t* stream, void* columns) : source_(source), stream_(stream), columns_(columns) {}

    void make(int8_t* target) { pointwise<Shape>(source_.next(), target, stream_, columns_); }

private:
    Source source_;
    const int32_t* const stream_;
    void* const columns_;
};

// pointwise as a maker of rows.
template <typename Shape, typename Source>
PointwiseMaker<Shape, Source> rows_of_pointwise(Source source, const int32_t* stream, void* columns) {
    return PointwiseMaker<Shape, Source>(source, stream, columns);
}

}  // namespace nn
}  // namespace tinyaudio
