// The multiplication that convolutions and dense layers share: a block of columns times packed weights.
//
// Columns hold the inputs of up to four output pixels as int16: columns[depth / 2][pixels][2]; the depth is padded to
// even. Weights are packed for pairs of output channels: weights[channels / 2][depth][2]; padding holds zeros.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/armv7em.h"
#include "tinyaudio/nn/dsp.h"
#include "tinyaudio/nn/requantize.h"

namespace tinyaudio {
namespace nn {

constexpr int32_t kBlockPixels = 4;  // 4 pixels x 2 channels: what fits the registers of Armv7E-M

// Spread `count` int8 of one pixel over its places in a block of kPixels columns. Of each four values the inner two
// change places: that is the order in which SXTB16 unpacks them, and the weights are packed in the same order.
// `column` points at the pixel's first place; the first value's index within the depth must be a multiple of four.
template <int32_t kPixels>
inline void expand_column(const int8_t* source, int32_t count, int16_t* column) {
    int32_t index = 0;
#pragma GCC unroll 4
    for (; index + 4 <= count; index += 4) {
#if TINYAUDIO_NN_DSP
        const uint32_t word = load_word(source + index);
        store_word(column, sxtb16(word));
        store_word(column + 2 * kPixels, sxtb16_ror8(word));
#else
        column[0] = source[index];
        column[1] = source[index + 2];
        column[2 * kPixels] = source[index + 1];
        column[2 * kPixels + 1] = source[index + 3];
#endif
        column += 4 * kPixels;
    }
    for (; index + 2 <= count; index += 2) {
        column[0] = source[index];
        column[1] = source[index + 1];
        column += 2 * kPixels;
    }
    if (index < count) {
        column[0] = source[index];
    }
}

// accumulators[pixel][channel of the pair], started with the bias.
template <int32_t kDepth, int32_t kPixels>
inline void accumulate_pair(const int16_t* columns, const int8_t* weights, int32_t (&accumulators)[kPixels][2]) {
#if TINYAUDIO_NN_ASSEMBLY
    if constexpr (kPixels == 4) {
        return accumulate_four_pixels<kDepth>(columns, weights, accumulators);
    }
#endif
#if TINYAUDIO_NN_DSP
    const int8_t* const end = weights + 2 * kDepth;
#pragma GCC unroll 4
    for (; weights != end; weights += 4) {
        const uint32_t word = load_word(weights);
        const uint32_t first = sxtb16(word);
        const uint32_t second = sxtb16_ror8(word);
#pragma GCC unroll 4
        for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
            const uint32_t values = load_word(columns + 2 * pixel);
            accumulators[pixel][0] = smlad(values, first, accumulators[pixel][0]);
            accumulators[pixel][1] = smlad(values, second, accumulators[pixel][1]);
        }
        columns += 2 * kPixels;
    }
#else
    for (int32_t pair = 0; pair < kDepth / 2; ++pair) {
#pragma GCC unroll 4
        for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
            const int32_t even = columns[(pair * kPixels + pixel) * 2];
            const int32_t odd = columns[(pair * kPixels + pixel) * 2 + 1];
            accumulators[pixel][0] += even * weights[4 * pair] + odd * weights[4 * pair + 2];
            accumulators[pixel][1] += even * weights[4 * pair + 1] + odd * weights[4 * pair + 3];
        }
    }
#endif
}

// One pair of output channels of a block of kPixels pixels. Not inlined: the assembly inside takes all registers.
template <typename Shape, int32_t kPixels, int32_t kStep>
__attribute__((noinline)) void multiply_channel_pair(const int16_t* columns, const ChannelWeights& weights, int32_t channel,
                                                     int8_t* output) {
    const bool has_second = Shape::kOutputChannels % 2 == 0 || channel + 1 < Shape::kOutputChannels;
    const int32_t first_bias = weights.bias[channel];
    const int32_t second_bias = has_second ? weights.bias[channel + 1] : 0;
    int32_t accumulators[kPixels][2];
#pragma GCC unroll 4
    for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
        accumulators[pixel][0] = first_bias;
        accumulators[pixel][1] = second_bias;
    }
    accumulate_pair<Shape::kDepth, kPixels>(columns, weights.weights + channel * Shape::kDepth, accumulators);
    output += channel;
    const Requantizer<Shape> first(weights, channel);
#pragma GCC unroll 4
    for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
        output[pixel * kStep] = first(accumulators[pixel][0]);
    }
    if (has_second) {
        const Requantizer<Shape> second(weights, channel + 1);
#pragma GCC unroll 4
        for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
            output[pixel * kStep + 1] = second(accumulators[pixel][1]);
        }
    }
}

// All output channels of a block of kPixels pixels, kStep values apart. Shape: kDepth (even), kOutputChannels, and Requantizer's.
template <typename Shape, int32_t kPixels, int32_t kStep = Shape::kOutputChannels>
inline void multiply_columns(const int16_t* columns, const ChannelWeights& weights, int8_t* output) {
    for (int32_t channel = 0; channel < Shape::kOutputChannels; channel += 2) {
        multiply_channel_pair<Shape, kPixels, kStep>(columns, weights, channel, output);
    }
}

}  // namespace nn
}  // namespace tinyaudio
