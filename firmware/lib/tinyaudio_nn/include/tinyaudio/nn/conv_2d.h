// Convolution with any kernel, stride, dilation and padding; height x width x channels, channels last.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/columns.h"
#include "tinyaudio/nn/requantize.h"
#include "tinyaudio/nn/rows.h"

namespace tinyaudio {
namespace nn {

// How the inputs under the kernel lie in a column: kernel row by kernel row, each value at the next place. With a
// multiple of four channels, or in a row of neighbours, each four values lie as expand_column spreads them.
template <typename Shape>
struct ConvColumn {
    static constexpr int32_t kChannels = Shape::kInputChannels;
    static constexpr int32_t kRowValues = Shape::kKernelWidth * kChannels;
    static constexpr int32_t kReachWidth = (Shape::kKernelWidth - 1) * Shape::kDilationWidth + 1;
    static constexpr bool kNeighbours = Shape::kDilationWidth == 1;  // a kernel row covers neighbouring pixels
    static constexpr bool kGrouped = kChannels % 4 == 0 || (kNeighbours && kRowValues % 4 == 0);
};

// `count` values of a kernel row, from place `depth` of the column on; from the padding if `source` is null.
template <typename Shape, int32_t kPixels>
inline void gather_values(const int8_t* source, int32_t count, int32_t depth, int16_t* column) {
    if constexpr (ConvColumn<Shape>::kGrouped) {
        int16_t* const target = column + depth * kPixels;
        if (source != nullptr) {
            expand_column<kPixels>(source, count, target);
            return;
        }
        for (int32_t pair = 0; pair < count / 2; ++pair) {
            target[2 * kPixels * pair] = target[2 * kPixels * pair + 1] = Shape::kInputZeroPoint;
        }
    } else {
        const auto value = [source](int32_t index) { return source != nullptr ? source[index] : static_cast<int8_t>(Shape::kInputZeroPoint); };
        int16_t* pair = column + depth / 2 * 2 * kPixels;
        int32_t index = depth % 2;
        if (index != 0) {
            pair[1] = value(0);
            pair += 2 * kPixels;
        }
#pragma GCC unroll 4
        for (; index + 2 <= count; index += 2) {
            pair[0] = value(index);
            pair[1] = value(index + 1);
            pair += 2 * kPixels;
        }
        if (index < count) {
            pair[0] = value(index);
        }
    }
}

// A kernel row that begins at pixel `left` of `row` and reaches beyond one of its ends, or leaves pixels out.
template <typename Shape, int32_t kPixels>
inline void gather_border(const int8_t* row, int32_t left, int32_t depth, int16_t* column) {
    using Column = ConvColumn<Shape>;
    if constexpr (Column::kGrouped && Column::kChannels % 4 != 0) {  // a pixel is no whole groups of four
        const int32_t first = left < 0 ? -left * Column::kChannels : 0;
        const int32_t behind = (Shape::kInputWidth - left) * Column::kChannels;
        const int32_t end = behind < 0 ? 0 : (behind < Column::kRowValues ? behind : Column::kRowValues);
        int8_t values[Column::kRowValues];
#pragma GCC unroll 8
        for (int8_t& value : values) {
            value = Shape::kInputZeroPoint;
        }
        for (int32_t index = first; index < end; ++index) {
            values[index] = row[left * Column::kChannels + index];
        }
        gather_values<Shape, kPixels>(values, Column::kRowValues, depth, column);
        return;
    }
    for (int32_t kernel_x = 0; kernel_x < Shape::kKernelWidth; ++kernel_x) {
        const int32_t x = left + kernel_x * Shape::kDilationWidth;
        const int8_t* const source = x >= 0 && x < Shape::kInputWidth ? row + x * Column::kChannels : nullptr;
        gather_values<Shape, kPixels>(source, Column::kChannels, depth + kernel_x * Column::kChannels, column);
    }
}

// Write the inputs under the kernel of one output pixel into its places of a block of columns.
template <typename Shape, int32_t kPixels, typename Input>
inline void gather_column(Input&& input, int32_t output_y, int32_t output_x, int16_t* column) {
    using Column = ConvColumn<Shape>;
    const int32_t top = output_y * Shape::kStrideHeight - Shape::kPaddingTop;
    const int32_t left = output_x * Shape::kStrideWidth - Shape::kPaddingLeft;
    const bool whole_rows = Column::kNeighbours && left >= 0 && left + Column::kReachWidth <= Shape::kInputWidth;
#pragma GCC unroll 3
    for (int32_t kernel_y = 0; kernel_y < Shape::kKernelHeight; ++kernel_y) {
        const int32_t y = top + kernel_y * Shape::kDilationHeight;
        const int32_t depth = kernel_y * Column::kRowValues;
        if (y < 0 || y >= Shape::kInputHeight) {
            gather_values<Shape, kPixels>(nullptr, Column::kRowValues, depth, column);
            continue;
        }
        const int8_t* const row = input.row(y);
        if (whole_rows) {
            gather_values<Shape, kPixels>(row + left * Column::kChannels, Column::kRowValues, depth, column);
            continue;
        }
        gather_border<Shape, kPixels>(row, left, depth, column);
    }
    constexpr int32_t kValues = Shape::kKernelHeight * Column::kRowValues;
    if constexpr (kValues < Shape::kDepth) {
        column[kValues / 2 * 2 * kPixels + 1] = 0;
    }
}

// Outputs first_pixel, first_pixel + 1 ... of the run that starts in row `output_y`: the row, or all rows if they lie densely.
// `Input`, see rows.h: an image by value, or by reference what counts its rows.
template <typename Shape, int32_t kPixels, typename Input>
void conv_2d_block(Input input, int32_t output_y, int32_t first_pixel, int8_t* output, const int32_t* stream,
                   int16_t* columns) {
    int32_t y = output_y + first_pixel / Shape::kOutputWidth;
    int32_t x = first_pixel % Shape::kOutputWidth;
    for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
        gather_column<Shape, kPixels>(input, y, x, columns + 2 * pixel);
        if (++x == Shape::kOutputWidth) {
            x = 0;
            ++y;
        }
    }
    multiply_columns<Shape, kPixels, Shape::kOutputColumnStep>(columns, stream, output + first_pixel * Shape::kOutputColumnStep);
}

// The output, a row at a time. `Input`: see rows.h.
template <typename Shape, typename Input>
class Conv2dMaker {
public:
    static constexpr int32_t kRows = Shape::kOutputHeight;
    static constexpr int32_t kRowBytes = Shape::kOutputWidth * Shape::kOutputChannels;
    static constexpr int32_t kBatchRows = 1;

    Conv2dMaker(Input input, const int32_t* stream, void* columns) : input_(input), stream_(stream), columns_(static_cast<int16_t*>(columns)) {}

    void make(int8_t* target) {
        for_each_block<Shape, Shape::kOutputWidth>([&](int32_t pixel, auto pixels) {
            conv_2d_block<Shape, decltype(pixels)::kValue, Input&>(input_, y_, pixel, target, stream_, columns_);
        });
        ++y_;
    }

private:
    Input input_;
    const int32_t* const stream_;
    int16_t* const columns_;
    int32_t y_ = 0;
};

// How many neighbouring rows of the input lie under the kernel of conv_2d, those that it leaves out included.
template <typename Shape>
constexpr int32_t kWindowRows = (Shape::kKernelHeight - 1) * Shape::kDilationHeight + 1;

// conv_2d as a maker of rows; the outputs lie densely. `window`: int8[kWindowRows<Shape> * kInputWidth * kInputChannels].
template <typename Shape, typename Source>
auto rows_of_conv_2d(Source source, const int32_t* stream, void* columns, int8_t* window) {
    using Rows = WindowRows<Source, kWindowRows<Shape>, Shape::kInputWidth * Shape::kInputChannels>;
    return Conv2dMaker<Shape, Rows>(Rows(source, window), stream, columns);
}

// Shape: sizes, strides, dilations, paddings, kInputZeroPoint, kOutputColumnStep and kOutputRowStep (from one output to
// its neighbour, in values), and multiply_columns'.
// The depth is (kernel_y, kernel_x, channel). `stream`: see columns.h. `columns`: int16[min(pixels, kBlockPixels) * kDepth].
template <typename Shape>
void conv_2d(const int8_t* input, int8_t* output, const int32_t* stream, void* columns) {
    constexpr bool kDense = Shape::kOutputRowStep == Shape::kOutputWidth * Shape::kOutputColumnStep;
    constexpr int32_t kRunRows = kDense ? Shape::kOutputHeight : 1;
    constexpr int32_t kRunPixels = kRunRows * Shape::kOutputWidth;
    int16_t* const block = static_cast<int16_t*>(columns);
    const WholeImage<Shape::kInputWidth * Shape::kInputChannels> image = {input};
    for (int32_t y = 0; y < Shape::kOutputHeight; y += kRunRows) {
        int8_t* const run = output + y * Shape::kOutputRowStep;
        for_each_block<Shape, kRunPixels>([&](int32_t pixel, auto pixels) {
            conv_2d_block<Shape, decltype(pixels)::kValue>(image, y, pixel, run, stream, block);
        });
    }
}

}  // namespace nn
}  // namespace tinyaudio
