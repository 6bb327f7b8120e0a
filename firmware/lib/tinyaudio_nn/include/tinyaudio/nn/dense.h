// The dense layer of one row: every weight is used once, so the inputs are unpacked where they are needed.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/armv7em_dense.h"
#include "tinyaudio/nn/columns.h"

namespace tinyaudio {
namespace nn {

// Words of a pair's weights for two values of the depth.
template <typename Shape>
constexpr int32_t kStepWords = ChannelPair<Shape>::kWeightWords / (Shape::kDepth / 2);

// The inputs by groups of four, as many as are whole; moves `weights` on.
template <typename Shape, int32_t kPairs>
inline void dense_groups(const int8_t* input, const int32_t* (&weights)[kPairs], int32_t (&sums)[kPairs][2]) {
    constexpr int32_t kGroups = Shape::kInputChannels / 4;
#if TINYAUDIO_NN_ASSEMBLY
    if constexpr (kPairs == 2 && Shape::kWeights != WeightFormat::kFolded) {
        return accumulate_dense<Shape::kWeights, kGroups>(input, weights, sums);
    }
#endif
    for (int32_t index = 0; index < 4 * kGroups; index += 4) {
        const uint32_t word = load_word(input + index);
        const uint32_t even = sxtb16(word);
        const uint32_t odd = sxtb16_ror8(word);
#pragma GCC unroll 2
        for (int32_t pair = 0; pair < kPairs; ++pair) {
            const WeightPairs first = load_weights<Shape>(weights[pair], 0);
            const WeightPairs second = load_weights<Shape>(weights[pair], 1);
            sums[pair][0] = smlad(odd, second.first, smlad(even, first.first, sums[pair][0]));
            sums[pair][1] = smlad(odd, second.second, smlad(even, first.second, sums[pair][1]));
            weights[pair] += 2 * kStepWords<Shape>;
        }
    }
}

// kPairs pairs of output channels.
template <typename Shape, int32_t kPairs>
__attribute__((noinline)) void dense_pairs(const int8_t* input, const int32_t* stream, int32_t channel, int8_t* output) {
    using Pair = ChannelPair<Shape>;
    constexpr int32_t kGrouped = Shape::kInputChannels / 4 * 4;
    Pair pairs[kPairs];
    const int32_t* weights[kPairs];
    int32_t sums[kPairs][2];
#pragma GCC unroll 2
    for (int32_t pair = 0; pair < kPairs; ++pair) {
        pairs[pair].words = stream + pair * Pair::kWords;
        weights[pair] = pairs[pair].weights();
        sums[pair][0] = pairs[pair].bias(0);
        sums[pair][1] = pairs[pair].bias(1);
    }
    dense_groups<Shape, kPairs>(input, weights, sums);
    for (int32_t index = kGrouped; index < Shape::kInputChannels; index += 2) {
        const int32_t next = index + 1 < Shape::kInputChannels ? input[index + 1] : 0;
        const uint32_t values = (static_cast<uint32_t>(input[index]) & 0xffffu) | (static_cast<uint32_t>(next) << 16);
#pragma GCC unroll 2
        for (int32_t pair = 0; pair < kPairs; ++pair) {
            const WeightPairs both = load_weights<Shape>(weights[pair], 0);
            sums[pair][0] = smlad(values, both.first, sums[pair][0]);
            sums[pair][1] = smlad(values, both.second, sums[pair][1]);
            weights[pair] += kStepWords<Shape>;
        }
    }
#pragma GCC unroll 2
    for (int32_t pair = 0; pair < kPairs; ++pair) {
        output[channel + 2 * pair] = pairs[pair].requantizer(0)(sums[pair][0]);
        if (Shape::kOutputChannels % 2 == 0 || channel + 2 * pair + 1 < Shape::kOutputChannels) {
            output[channel + 2 * pair + 1] = pairs[pair].requantizer(1)(sums[pair][1]);
        }
    }
}

// Shape: kInputChannels, kDepth (it, made even), kOutputChannels, kWeights, and Requantizer's. `stream`: see columns.h.
template <typename Shape>
void dense(const int8_t* input, int8_t* output, const int32_t* stream) {
    constexpr int32_t kPairs = (Shape::kOutputChannels + 1) / 2;
    int32_t pair = 0;
    for (; pair + 2 <= kPairs; pair += 2) {
        dense_pairs<Shape, 2>(input, stream, 2 * pair, output);
        stream += 2 * ChannelPair<Shape>::kWords;
    }
    if constexpr (kPairs % 2 != 0) {
        dense_pairs<Shape, 1>(input, stream, 2 * pair, output);
    }
}

}  // namespace nn
}  // namespace tinyaudio
