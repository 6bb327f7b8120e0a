// Depthwise convolution with any kernel, stride, dilation, padding and channel multiplier; channels last.
//
// The rows under the kernel are kept as int16 with their padding in a ring beside the activations. So no pixel needs a
// border case, and the output may overwrite the input wherever the compiler has shown that no unread row is hit.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/avx2_depthwise.h"
#include "tinyaudio/nn/dsp.h"
#include "tinyaudio/nn/padded_rows.h"
#include "tinyaudio/nn/requantize.h"
#include "tinyaudio/nn/rows.h"

namespace tinyaudio {
namespace nn {

constexpr int32_t kUnrolledPositions = 25;  // larger kernels are too much code unrolled

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
    static constexpr int32_t kOutputChannels = Shape::kInputChannels * Shape::kChannelMultiplier;
    static constexpr int32_t kRowPositions = Shape::kKernelWidth == 3 ? 4 : Shape::kKernelWidth;  // of a kernel row among the packed weights
    static constexpr int32_t kPositions = Shape::kKernelHeight * kRowPositions;
    static constexpr int32_t kPairWeights = (kPositions + 1) / 2 * 4;  // packed weights of two channels
    // Channels come in groups of four; SXTB16 unpacks the first and third, then the second and fourth: these are the pairs.
    static constexpr bool kGrouped = Shape::kChannelMultiplier == 1 && Shape::kInputChannels % 4 == 0;
    // Eight channels at a time with AVX2, as long as the unpacked weights are no burden for the stack.
    static constexpr bool kByEight = TINYAUDIO_NN_AVX2 != 0 && Shape::kChannelMultiplier == 1 && Shape::kInputChannels % 8 == 0 &&
                                     kPositions * Shape::kInputChannels <= 32768;
    static constexpr bool kByPair = TINYAUDIO_NN_DSP != 0 && kGrouped && kPositions <= kUnrolledPositions;
};

// The first channel of a pair, and how far the second one is from it.
template <typename Shape>
inline int32_t first_of_pair(int32_t pair) {
    return DepthwiseRows<Shape>::kGrouped ? pair / 2 * 4 + pair % 2 : 2 * pair;
}
template <typename Shape>
constexpr int32_t kPairDistance = DepthwiseRows<Shape>::kGrouped ? 2 : 1;

// Where the weights of a channel start.
template <typename Shape>
inline const int8_t* weights_of_channel(const int8_t* weights, int32_t channel) {
    using Rows = DepthwiseRows<Shape>;
    const int32_t pair = Rows::kGrouped ? channel / 4 * 2 + channel % 2 : channel / 2;
    const int32_t lane = Rows::kGrouped ? channel % 4 / 2 : channel % 2;
    return weights + pair * Rows::kPairWeights + 2 * lane;
}

// Put padded row `row` (0 is the topmost padding row) into the ring.
template <typename Shape, typename Input>
inline void load_depthwise_row(Input& input, int32_t row, int16_t* ring) {
    using Rows = DepthwiseRows<Shape>;
    int16_t* const target = ring + row % Rows::kRows * Rows::kRowElements;
    const int32_t y = row - Shape::kPaddingTop;
    const bool inside = y >= 0 && y < Shape::kInputHeight;
    const PaddedRow parts = {
        inside ? Rows::kLeftEnd * Shape::kInputChannels : Rows::kRowElements,
        inside ? Rows::kRightEnd * Shape::kInputChannels : Rows::kRowElements,
        Rows::kRowElements,
        Shape::kInputZeroPoint,
    };
    const int8_t* const source = inside ? input.row(y) : nullptr;
    if constexpr (Rows::kByPair) {
        load_row_of_pairs(source, target, parts);
    } else {
        load_plain_row(source, target, parts);
    }
}

// One output row, one channel after the other.
template <typename Shape>
inline void depthwise_row_plain(const int16_t* ring, int32_t first_row, int8_t* output, const ChannelWeights& weights) {
    using Rows = DepthwiseRows<Shape>;
    for (int32_t channel = 0; channel < Rows::kOutputChannels; ++channel) {
        const Requantizer<Shape> requantize(weights.multipliers[channel], weights.right_shifts[channel]);
        const int32_t bias = weights.bias[channel];
        const int8_t* const packed = weights_of_channel<Shape>(weights.weights, channel);
        for (int32_t x = 0; x < Shape::kOutputWidth; ++x) {
            int32_t accumulator = bias;
            for (int32_t kernel_y = 0; kernel_y < Shape::kKernelHeight; ++kernel_y) {
                const int32_t row = first_row + kernel_y * Shape::kDilationHeight;
                const int16_t* source = ring + row % Rows::kRows * Rows::kRowElements +
                                        x * Shape::kStrideWidth * Shape::kInputChannels + channel / Shape::kChannelMultiplier;
                for (int32_t kernel_x = 0; kernel_x < Shape::kKernelWidth; ++kernel_x) {
                    const int32_t position = kernel_y * Rows::kRowPositions + kernel_x;
                    accumulator += *source * packed[position / 2 * 4 + position % 2];
                    source += Shape::kDilationWidth * Shape::kInputChannels;
                }
            }
            output[x * Rows::kOutputChannels + channel] = requantize(accumulator);
        }
    }
}

#if TINYAUDIO_NN_AVX2
template <typename Shape>
inline void unpack_weights(const ChannelWeights& packed, EightChannelWeights<Shape, DepthwiseRows<Shape>>& unpacked) {
    for (int32_t channel = 0; channel < Shape::kInputChannels; ++channel) {
        const int8_t* const source = weights_of_channel<Shape>(packed.weights, channel);
        for (int32_t position = 0; position < DepthwiseRows<Shape>::kPositions; ++position) {
            unpacked.weights[position / 2][channel][position % 2] = source[position / 2 * 4 + position % 2];
        }
        unpacked.right_shifts[channel] = packed.right_shifts[channel];
    }
}
#endif

// One kernel position for kPixels neighbouring outputs of two channels; a packed position without a kernel position is passed over.
// `rows[kernel_y]`: the padded row; `offset`: the first pixel's first column.
template <typename Shape, int32_t kPixels, int32_t kPosition>
inline void depthwise_position(const int16_t* const* rows, int32_t offset, uint32_t weights, int32_t (&accumulators)[kPixels][2]) {
    constexpr int32_t kKernelX = kPosition % DepthwiseRows<Shape>::kRowPositions;
    if constexpr (kPosition < DepthwiseRows<Shape>::kPositions && kKernelX < Shape::kKernelWidth) {
        constexpr int32_t kNextPixel = Shape::kStrideWidth * Shape::kInputChannels;
        const int16_t* const row = rows[kPosition / DepthwiseRows<Shape>::kRowPositions];
        const int16_t* const source = row + offset + kKernelX * Shape::kDilationWidth * Shape::kInputChannels;
#pragma GCC unroll 4
        for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
            const uint32_t values = load_word(source + pixel * kNextPixel);
            accumulators[pixel][0] = smlabb(values, weights, accumulators[pixel][0]);
            accumulators[pixel][1] = smlatt(values, weights, accumulators[pixel][1]);
        }
    }
}

// All packed positions from kPosition (even) on, two at a time.
template <typename Shape, int32_t kPixels, int32_t kPosition = 0>
inline void depthwise_accumulate(const int16_t* const* rows, int32_t offset, const int8_t* weights, int32_t (&accumulators)[kPixels][2]) {
    if constexpr (kPosition < DepthwiseRows<Shape>::kPositions) {
        const uint32_t word = load_word(weights + 2 * kPosition);
        depthwise_position<Shape, kPixels, kPosition>(rows, offset, sxtb16(word), accumulators);
        depthwise_position<Shape, kPixels, kPosition + 1>(rows, offset, sxtb16_ror8(word), accumulators);
        depthwise_accumulate<Shape, kPixels, kPosition + 2>(rows, offset, weights, accumulators);
    }
}

template <typename Shape, int32_t kPixels>
__attribute__((noinline)) void depthwise_pixels(const int16_t* const* rows, int32_t x, int32_t pair, int8_t* output,
                                                const ChannelWeights& weights) {
    const int32_t channel = first_of_pair<Shape>(pair);
    int32_t accumulators[kPixels][2];
#pragma GCC unroll 4
    for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
        accumulators[pixel][0] = weights.bias[channel];
        accumulators[pixel][1] = weights.bias[channel + kPairDistance<Shape>];
    }
    const int32_t offset = x * Shape::kStrideWidth * Shape::kInputChannels + 2 * pair;
    depthwise_accumulate<Shape, kPixels>(rows, offset, weights.weights + pair * DepthwiseRows<Shape>::kPairWeights, accumulators);
    output += x * Shape::kInputChannels + channel;
#pragma GCC unroll 2
    for (int32_t lane = 0; lane < 2; ++lane) {
        const int32_t other = lane * kPairDistance<Shape>;
        const Requantizer<Shape> requantize(weights.multipliers[channel + other], weights.right_shifts[channel + other]);
#pragma GCC unroll 4
        for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
            output[pixel * Shape::kInputChannels + other] = requantize(accumulators[pixel][lane]);
        }
    }
}

// One output row, two channels and up to four pixels at a time.
template <typename Shape>
inline void depthwise_row_by_pair(const int16_t* ring, int32_t first_row, int8_t* output, const ChannelWeights& weights) {
    using Rows = DepthwiseRows<Shape>;
    constexpr int32_t kBlocks = Shape::kOutputWidth / 4;
    constexpr int32_t kTail = Shape::kOutputWidth % 4;
    const int16_t* rows[Shape::kKernelHeight];
    for (int32_t kernel_y = 0; kernel_y < Shape::kKernelHeight; ++kernel_y) {
        rows[kernel_y] = ring + (first_row + kernel_y * Shape::kDilationHeight) % Rows::kRows * Rows::kRowElements;
    }
    for (int32_t pair = 0; pair < Shape::kInputChannels / 2; ++pair) {
        if constexpr (kBlocks > 0) {
            for (int32_t x = 0; x < 4 * kBlocks; x += 4) {
                depthwise_pixels<Shape, 4>(rows, x, pair, output, weights);
            }
        }
        if constexpr (kTail != 0) {
            depthwise_pixels<Shape, kTail>(rows, Shape::kOutputWidth - kTail, pair, output, weights);
        }
    }
}

// The output, a row at a time. `Input`: see rows.h.
template <typename Shape, typename Input>
class DepthwiseRowMaker {
public:
    static constexpr int32_t kRows = Shape::kOutputHeight;
    static constexpr int32_t kRowBytes = Shape::kOutputWidth * DepthwiseRows<Shape>::kOutputChannels;
    static constexpr int32_t kBatchRows = 1;

    DepthwiseRowMaker(Input input, const ChannelWeights& weights, void* ring)
        : input_(input), weights_(weights), ring_(static_cast<int16_t*>(ring)) {
#if TINYAUDIO_NN_AVX2
        if constexpr (Rows::kByEight) {
            unpack_weights<Shape>(weights, unpacked_);
        }
#endif
    }

    void make(int8_t* target) {
        for (loaded_ = loaded_ < first_row_ ? first_row_ : loaded_; loaded_ < first_row_ + Rows::kRows; ++loaded_) {
            load_depthwise_row<Shape>(input_, loaded_, ring_);
        }
#if TINYAUDIO_NN_AVX2
        if constexpr (Rows::kByEight) {
            depthwise_row_by_eight<Shape>(ring_, first_row_, target, weights_, unpacked_);
        } else
#endif
            if constexpr (Rows::kByPair) {
            depthwise_row_by_pair<Shape>(ring_, first_row_, target, weights_);
        } else {
            depthwise_row_plain<Shape>(ring_, first_row_, target, weights_);
        }
        first_row_ += Shape::kStrideHeight;
    }

private:
    using Rows = DepthwiseRows<Shape>;

    Input input_;
    const ChannelWeights weights_;
    int16_t* const ring_;
    int32_t first_row_ = 0;  // padded row
    int32_t loaded_ = 0;  // padded rows below this index are in the ring, or no longer needed
#if TINYAUDIO_NN_AVX2
    EightChannelWeights<Shape, Rows> unpacked_ = {};
#endif
};

// depthwise_conv_2d as a maker of rows.
template <typename Shape, typename Source>
DepthwiseRowMaker<Shape, NumberedRows<Source>> rows_of_depthwise_conv_2d(Source source, const ChannelWeights& weights, void* ring) {
    return DepthwiseRowMaker<Shape, NumberedRows<Source>>(NumberedRows<Source>(source), weights, ring);
}

// Shape: sizes, strides, dilations, paddings, kChannelMultiplier, kInputZeroPoint, and Requantizer's.
// Weights, for each pair of output channels (a, b) and of kernel positions (0, 1): a0 a1 b0 b1; padding holds zeros.
// With a multiple of four channels and no multiplier, the pairs are (0, 2), (1, 3), (4, 6), (5, 7) ... Each row of a kernel 3 positions wide is padded to 4.
// `ring`: int16[DepthwiseRows<Shape>::kRows * kRowElements].
template <typename Shape>
void depthwise_conv_2d(const int8_t* input, int8_t* output, const ChannelWeights& weights, void* ring) {
    using Image = WholeImage<Shape::kInputWidth * Shape::kInputChannels>;
    make_rows(DepthwiseRowMaker<Shape, Image>(Image{input}, weights, ring), output);
}

}  // namespace nn
}  // namespace tinyaudio
