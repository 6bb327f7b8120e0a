// The multiplication that convolutions and dense layers share: a block of columns times packed weights.
//
// Columns hold the inputs of up to four output pixels as int16: columns[depth / 2][pixels][2]; the depth is padded to
// even. All that belongs to the weights lies in one stream, pair of output channels (a, b) by pair:
//   int32 bias a, bias b          the input's zero point folded in
//   weights[depth]                kBytes: int8 a0 b0 a1 b1 for each two of the depth; kWide: int16 a0 a1 b0 b1;
//                                 kFolded: int16 256 b0 + a0, 256 b1 + a1, and instead of bias b 256 (bias b) + bias a
//   int32 multiplier a, b         Q31, 0 or 2^30 to 2^31 - 1
//   int8 right shift a - 1, b - 1, 0, 0; with a shift that all channels share: int16 addend a, b, see ShortRequantizer
// kWide: weights and bias times 2^j of the channel, and behind the weights, see FineRequantizer:
//   int32 multiplier a, addend a, multiplier b, addend b
// An odd last channel has a twin of zeros.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/armv7em_columns.h"
#include "tinyaudio/nn/avx2_columns.h"
#include "tinyaudio/nn/dsp.h"
#include "tinyaudio/nn/requantize.h"

namespace tinyaudio {
namespace nn {

constexpr int32_t kBlockPixels = 4;  // at most: 4 pixels x 2 channels fit the registers of Armv7E-M

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

// One pair of output channels in the stream.
template <typename Shape>
struct ChannelPair {
    static constexpr bool kFolded = Shape::kWeights == WeightFormat::kFolded;
    static constexpr int32_t kWeightWords = Shape::kWeights == WeightFormat::kWide ? Shape::kDepth : Shape::kDepth / 2;
    static constexpr bool kFine = Shape::kWeights == WeightFormat::kWide;
    static constexpr bool kShort = !kFine && Shape::kShift != 0;
    static constexpr int32_t kWords = 2 + kWeightWords + (kFine ? 4 : 3);

    const int32_t* words;

    int32_t bias(int32_t lane) const { return kFolded && lane == 1 ? (words[1] - words[0]) >> 8 : words[lane]; }
    const int32_t* weights() const { return words + 2; }
    const int32_t* behind_weights() const { return words + 2 + kWeightWords; }
    int32_t short_addend(int32_t lane) const { return static_cast<int16_t>(behind_weights()[2] >> (16 * lane)); }
    auto requantizer(int32_t lane) const {
        const int32_t* const behind = behind_weights();
        if constexpr (kFine) {
            return FineRequantizer<Shape>(behind[2 * lane], behind[2 * lane + 1], Shape::kShift);
        } else if constexpr (kShort) {
            return ShortRequantizer<Shape>(behind[lane], short_addend(lane));
        } else {
            return Requantizer<Shape>(behind[lane], static_cast<int8_t>(behind[2] >> (8 * lane)) + 1);
        }
    }
};

// Two values of the depth for channels a and b, as two int16 each.
struct WeightPairs {
    uint32_t first;
    uint32_t second;
};

template <typename Shape>
inline WeightPairs load_weights(const int32_t* weights, int32_t step) {
    if constexpr (Shape::kWeights == WeightFormat::kWide) {
        return {static_cast<uint32_t>(weights[2 * step]), static_cast<uint32_t>(weights[2 * step + 1])};
    }
    const uint32_t word = static_cast<uint32_t>(weights[step]);
    const uint32_t first = sxtb16(word);
    if constexpr (Shape::kWeights == WeightFormat::kFolded) {  // 256 b is left in each half, and its upper byte is b
        return {first, sxtb16_ror8(ssub16(word, first))};
    }
    return {first, sxtb16_ror8(word)};
}

// accumulators[pixel][channel of the pair], started with the bias.
template <typename Shape, int32_t kPixels>
inline void accumulate_pair(const int16_t* columns, const int32_t* weights, int32_t (&accumulators)[kPixels][2]) {
    for (int32_t step = 0; step < Shape::kDepth / 2; ++step) {
        const WeightPairs pairs = load_weights<Shape>(weights, step);
#pragma GCC unroll 4
        for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
            const uint32_t values = load_word(columns + 2 * pixel);
            accumulators[pixel][0] = smlad(values, pairs.first, accumulators[pixel][0]);
            accumulators[pixel][1] = smlad(values, pairs.second, accumulators[pixel][1]);
        }
        columns += 2 * kPixels;
    }
}

// One pair of output channels of a block of kPixels pixels.
template <typename Shape, int32_t kPixels, int32_t kStep>
__attribute__((noinline)) void multiply_channel_pair(const int16_t* columns, const int32_t* words, bool has_second, int8_t* output) {
    const ChannelPair<Shape> pair{words};
#if TINYAUDIO_NN_AVX2
    if constexpr (kPixels == 3 || kPixels == 4) {
        return multiply_few_pixels<Shape, kPixels, kStep>(columns, pair, has_second, output);
    }
#endif
    int32_t accumulators[kPixels][2];
#pragma GCC unroll 4
    for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
        accumulators[pixel][0] = pair.bias(0);
        accumulators[pixel][1] = pair.bias(1);
    }
    accumulate_pair<Shape, kPixels>(columns, pair.weights(), accumulators);
    const auto first = pair.requantizer(0);
#pragma GCC unroll 4
    for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
        output[pixel * kStep] = first(accumulators[pixel][0]);
    }
    if (Shape::kOutputChannels % 2 == 0 || has_second) {
        const auto second = pair.requantizer(1);
#pragma GCC unroll 4
        for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
            output[pixel * kStep + 1] = second(accumulators[pixel][1]);
        }
    }
}

// All output channels of a block of kPixels pixels, kStep values apart.
// Shape: kDepth (even), kOutputChannels, kWeights, kShift (all channels'; 0: each has its own), and Requantizer's.
template <typename Shape, int32_t kPixels, int32_t kStep = Shape::kOutputChannels>
inline void multiply_columns(const int16_t* columns, const int32_t* stream, int8_t* output) {
#if TINYAUDIO_NN_ASSEMBLY
    if constexpr (PixelBlock<Shape, kPixels, kStep>::kFits) {
        return PixelBlock<Shape, kPixels, kStep>::multiply(columns, stream, output);
    }
#endif
    for (int32_t channel = 0; channel < Shape::kOutputChannels; channel += 2) {
        const bool has_second = channel + 1 < Shape::kOutputChannels;
        multiply_channel_pair<Shape, kPixels, kStep>(columns, stream, has_second, output + channel);
        stream += ChannelPair<Shape>::kWords;
    }
}

// Into which blocks a run of kPixels pixels falls: of four or three pixels, whichever is faster for this depth, so that no
// pixel is left over wherever the number allows; what is left over comes last, without assembly.
template <typename Shape, int32_t kPixels>
struct Blocks {
    static constexpr bool kPreferThree = Shape::kDepth >= (Shape::kWeights == WeightFormat::kWide ? 96 : 32);
    static constexpr int32_t kRest = kPixels % (kPreferThree ? 3 : 4);
    // With three preferred, each pixel too many makes a three a four; with four preferred, each one lacking a four a three.
    static constexpr int32_t kMost = kPixels / (kPreferThree ? 3 : 4) + (!kPreferThree && kRest != 0 ? 1 : 0);
    static constexpr int32_t kOther = kPreferThree ? kRest : (4 - kRest) % 4;
    static constexpr bool kEven = kOther <= kMost;  // else one, two or five pixels, or so few
    static constexpr int32_t kFours = kEven ? (kPreferThree ? kOther : kMost - kOther) : kPixels / 4;
    static constexpr int32_t kThrees = kEven ? (kPreferThree ? kMost - kOther : kOther) : 0;
    static constexpr int32_t kTail = kPixels - 4 * kFours - 3 * kThrees;
};

// A number as a type: so a lambda can take it as a template argument.
template <int32_t kNumber>
struct Constant {
    static constexpr int32_t kValue = kNumber;
};

// Call block(first pixel, Constant<pixels>) for each block of a run.
template <typename Shape, int32_t kPixels, typename Block>
inline void for_each_block(const Block& block) {
    using Run = Blocks<Shape, kPixels>;
    int32_t pixel = 0;
    if constexpr (Run::kFours != 0) {
        for (; pixel < 4 * Run::kFours; pixel += 4) {
            block(pixel, Constant<4>());
        }
    }
    if constexpr (Run::kThrees != 0) {
        for (; pixel < 4 * Run::kFours + 3 * Run::kThrees; pixel += 3) {
            block(pixel, Constant<3>());
        }
    }
    if constexpr (Run::kTail != 0) {
        block(pixel, Constant<Run::kTail>());
    }
}

}  // namespace nn
}  // namespace tinyaudio
