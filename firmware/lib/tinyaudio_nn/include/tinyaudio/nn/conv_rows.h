// Convolution whose inputs are spread once: rows of the image as int16 with their padding, as many as the kernel is high.
// The multiplication reads them where they lie, so no column of inputs is gathered.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/armv7em_rows.h"
#include "tinyaudio/nn/avx2_rows.h"
#include "tinyaudio/nn/columns.h"
#include "tinyaudio/nn/padded_rows.h"
#include "tinyaudio/nn/rows.h"

namespace tinyaudio {
namespace nn {

// What follows from a Shape for conv_rows.
template <typename Shape>
struct ConvRows {
    static constexpr int32_t kRows = Shape::kKernelHeight;
    static constexpr int32_t kColumns = (Shape::kOutputWidth - 1) * Shape::kStrideWidth + Shape::kKernelWidth;
    static constexpr int32_t kRowValues = kColumns * Shape::kInputChannels;
    static constexpr int32_t kLeft = Shape::kPaddingLeft < kColumns ? Shape::kPaddingLeft : kColumns;
    static constexpr int32_t kEnd = Shape::kPaddingLeft + Shape::kInputWidth < kColumns ? Shape::kPaddingLeft + Shape::kInputWidth : kColumns;
    static constexpr int32_t kKernelRowValues = Shape::kKernelWidth * Shape::kInputChannels;
    static constexpr int32_t kPixelStep = Shape::kStrideWidth * Shape::kInputChannels;
};

// Padded row `row` (0 is the topmost padding row) into its place of the ring.
template <typename Shape, typename Input>
inline void load_ring_row(Input& input, int32_t row, int16_t* ring) {
    using Rows = ConvRows<Shape>;
    const int32_t y = row - Shape::kPaddingTop;
    const bool inside = y >= 0 && y < Shape::kInputHeight;
    const PaddedRow parts = {
        inside ? Rows::kLeft * Shape::kInputChannels : Rows::kRowValues,
        inside ? Rows::kEnd * Shape::kInputChannels : Rows::kRowValues,
        Rows::kRowValues,
        Shape::kInputZeroPoint,
    };
    const int8_t* const source = inside ? input.row(y) : nullptr;
    load_row_of_pairs(source, ring + row % Rows::kRows * Rows::kRowValues, parts);
}

#if !TINYAUDIO_NN_AVX2
// Add to the sums of a pair of channels of kPixels pixels, kPixelStep values apart, a kernel row of kValues values.
template <int32_t kPixels, int32_t kPixelStep, int32_t kValues>
inline void accumulate_kernel_row(const int16_t* row, const int32_t* weights, int32_t (&sums)[kPixels][2]) {
    for (int32_t index = 0; index < kValues; index += 2) {
        for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
            const uint32_t values = load_word(row + pixel * kPixelStep + index);
            sums[pixel][0] = smlad(values, static_cast<uint32_t>(weights[index]), sums[pixel][0]);
            sums[pixel][1] = smlad(values, static_cast<uint32_t>(weights[index + 1]), sums[pixel][1]);
        }
    }
}
#endif

// All channels of kPixels neighbouring outputs. `rows`: the first output's first inputs in each row under the kernel.
template <typename Shape, int32_t kPixels>
__attribute__((noinline)) void conv_rows_block_plain(const int16_t* const* rows, const int32_t* stream, int8_t* output) {
    for (int32_t channel = 0; channel < Shape::kOutputChannels; channel += 2) {
        const ChannelPair<Shape> pair{stream};
        const int32_t* weights = pair.weights();
        int32_t sums[kPixels][2];
        for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
            sums[pixel][0] = pair.bias(0);
            sums[pixel][1] = pair.bias(1);
        }
        for (int32_t row = 0; row < Shape::kKernelHeight; ++row) {
            accumulate_kernel_row<kPixels, ConvRows<Shape>::kPixelStep, ConvRows<Shape>::kKernelRowValues>(rows[row], weights, sums);
            weights += ConvRows<Shape>::kKernelRowValues;
        }
        for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
            output[pixel * Shape::kOutputColumnStep + channel] = pair.requantizer(0)(sums[pixel][0]);
            output[pixel * Shape::kOutputColumnStep + channel + 1] = pair.requantizer(1)(sums[pixel][1]);
        }
        stream += ChannelPair<Shape>::kWords;
    }
}

// Blocks of kPixels outputs, from output `x` of the row whose padded inputs are `rows` on.
template <typename Shape, int32_t kPixels>
inline void conv_rows_blocks(const int16_t* const* rows, int32_t x, int32_t blocks, const int32_t* stream, int8_t* output) {
    const int16_t* inputs[Shape::kKernelHeight];
    for (int32_t row = 0; row < Shape::kKernelHeight; ++row) {
        inputs[row] = rows[row] + x * ConvRows<Shape>::kPixelStep;
    }
    output += x * Shape::kOutputColumnStep;
#if TINYAUDIO_NN_ASSEMBLY
    if constexpr (RowsBlock<Shape, kPixels>::kFits) {
        return RowsBlock<Shape, kPixels>::multiply(inputs, stream, output, blocks);
    }
#endif
    for (int32_t block = 0; block < blocks; ++block) {
        conv_rows_block_plain<Shape, kPixels>(inputs, stream, output);
        for (const int16_t*& input : inputs) {
            input += kPixels * ConvRows<Shape>::kPixelStep;
        }
        output += kPixels * Shape::kOutputColumnStep;
    }
}

// All outputs of a row, three at a time. What is left over of a long row is computed with outputs that were there already,
// of a short one two at a time.
template <typename Shape>
inline void conv_rows_row(const int16_t* const* rows, const int32_t* stream, int8_t* output) {
    constexpr int32_t kWidth = Shape::kOutputWidth;
    constexpr bool kLong = kWidth >= 48;  // here one or two outputs more cost less than the code for blocks of two
    constexpr int32_t kTwos = kLong ? 0 : (3 - kWidth % 3) % 3;
    constexpr int32_t kThrees = (kWidth - 2 * kTwos) / 3;
    if constexpr (kThrees != 0) {
        conv_rows_blocks<Shape, 3>(rows, 0, kThrees, stream, output);
    }
    if constexpr (kLong && kWidth % 3 != 0) {
        conv_rows_blocks<Shape, 3>(rows, kWidth - 3, 1, stream, output);
    }
    if constexpr (kTwos != 0) {
        conv_rows_blocks<Shape, 2>(rows, 3 * kThrees, kTwos, stream, output);
    }
}

// The output, a row at a time. `Input`: see rows.h.
template <typename Shape, typename Input>
class ConvRowsMaker {
public:
    static constexpr int32_t kRows = Shape::kOutputHeight;
    static constexpr int32_t kRowBytes = Shape::kOutputWidth * Shape::kOutputChannels;
    static constexpr int32_t kBatchRows = 1;

    ConvRowsMaker(Input input, const int32_t* stream, void* ring) : input_(input), stream_(stream), ring_(static_cast<int16_t*>(ring)) {}

    void make(int8_t* target) {
        using Ring = ConvRows<Shape>;
        for (loaded_ = loaded_ < first_row_ ? first_row_ : loaded_; loaded_ < first_row_ + Ring::kRows; ++loaded_) {
            load_ring_row<Shape>(input_, loaded_, ring_);
        }
        const int16_t* rows[Shape::kKernelHeight];
        for (int32_t row = 0; row < Shape::kKernelHeight; ++row) {
            rows[row] = ring_ + (first_row_ + row) % Ring::kRows * Ring::kRowValues;
        }
        conv_rows_row<Shape>(rows, stream_, target);
        first_row_ += Shape::kStrideHeight;
    }

private:
    Input input_;
    const int32_t* const stream_;
    int16_t* const ring_;
    int32_t first_row_ = 0;  // padded row
    int32_t loaded_ = 0;  // padded rows below this index are in the ring, or no longer needed
};

// conv_rows as a maker of rows; the outputs lie densely.
template <typename Shape, typename Source>
ConvRowsMaker<Shape, NumberedRows<Source>> rows_of_conv_rows(Source source, const int32_t* stream, void* ring) {
    return ConvRowsMaker<Shape, NumberedRows<Source>>(NumberedRows<Source>(source), stream, ring);
}

// Shape: as conv_2d's, with at least two outputs in a row, no dilation, a multiple of four input and an even number of
// output channels, and kWide. `stream`: as conv_2d's. `ring`: int16[kKernelHeight * ConvRows<Shape>::kRowValues], 4-byte aligned.
template <typename Shape>
void conv_rows(const int8_t* input, int8_t* output, const int32_t* stream, void* ring) {
    static_assert(Shape::kInputChannels % 4 == 0 && Shape::kOutputChannels % 2 == 0 && Shape::kOutputWidth >= 2, "see above");
    using Image = WholeImage<Shape::kInputWidth * Shape::kInputChannels>;
    ConvRowsMaker<Shape, Image> maker(Image{input}, stream, ring);
    for (int32_t y = 0; y < Shape::kOutputHeight; ++y) {
        maker.make(output + y * Shape::kOutputRowStep);
    }
}

}  // namespace nn
}  // namespace tinyaudio
