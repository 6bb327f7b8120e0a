// Columns times weights with AVX2: multiply_channel_pair of columns.h for three and four pixels.
#pragma once

#include "tinyaudio/nn/avx2.h"

#if TINYAUDIO_NN_AVX2

namespace tinyaudio {
namespace nn {

// Weights of two channels for four steps of two values of the depth: of the first channel in the lower half, of the
// second one in the upper.
template <WeightFormat kFormat>
inline __m256i load_four_steps(const int32_t* weights) {
    if constexpr (kFormat == WeightFormat::kWide) {
        const __m256i mixed = _mm256_shuffle_epi32(load_256(weights), _MM_SHUFFLE(3, 1, 2, 0));  // a0 a1 b0 b1 | a2 a3 b2 b3
        return _mm256_permute4x64_epi64(mixed, _MM_SHUFFLE(3, 1, 2, 0));
    }
    const __m128i words = load_128(weights);
    const __m128i first = _mm_srai_epi16(_mm_slli_epi16(words, 8), 8);
    const __m128i others = kFormat == WeightFormat::kFolded ? _mm_sub_epi16(words, first) : words;
    return _mm256_set_m128i(_mm_srai_epi16(others, 8), first);
}

// One step of the depth: `columns` holds two values of each pixel, `weights` those of the step in each place.
inline __m256i multiply_step(__m256i sums, const int16_t* columns, __m256i weights) {
    return _mm256_add_epi32(sums, _mm256_madd_epi16(_mm256_broadcastsi128_si256(load_128(columns)), weights));
}

// Four steps; two sums, so that no addition waits for the one before. Of three pixels the fourth place is of no use.
template <int32_t kPixels>
inline void multiply_four_steps(__m256i (&sums)[2], const int16_t* columns, __m256i weights) {
    sums[0] = multiply_step(sums[0], columns, _mm256_shuffle_epi32(weights, 0x00));
    sums[1] = multiply_step(sums[1], columns + 2 * kPixels, _mm256_shuffle_epi32(weights, 0x55));
    sums[0] = multiply_step(sums[0], columns + 4 * kPixels, _mm256_shuffle_epi32(weights, 0xAA));
    sums[1] = multiply_step(sums[1], columns + 6 * kPixels, _mm256_shuffle_epi32(weights, 0xFF));
}

// Up to four pixels of a pair of channels: sums of the first one's pixels in the lower half, of the second one's in the upper.
// `Pair`: ChannelPair of columns.h.
template <typename Shape, int32_t kPixels, typename Pair>
inline __m256i accumulate_few_pixels(const int16_t* columns, const Pair& pair) {
    constexpr int32_t kSteps = Shape::kDepth / 2;
    constexpr int32_t kStepWords = Pair::kWeightWords / kSteps;
    constexpr int32_t kWhole = (kPixels == 4 ? kSteps : kSteps - 1) / 4;  // three pixels are read as four: not up to the end
    constexpr int32_t kRest = kSteps - 4 * kWhole;
    const int32_t* weights = pair.weights();
    __m256i sums[2] = {_mm256_set_m128i(_mm_set1_epi32(pair.bias(1)), _mm_set1_epi32(pair.bias(0))), _mm256_setzero_si256()};
    for (int32_t group = 0; group < kWhole; ++group) {
        multiply_four_steps<kPixels>(sums, columns, load_four_steps<Shape::kWeights>(weights));
        weights += 4 * kStepWords;
        columns += 8 * kPixels;
    }
    if constexpr (kRest != 0) {
        int32_t last_weights[4 * kStepWords] = {};
        int16_t last_columns[32] = {};
        memcpy(last_weights, weights, kRest * kStepWords * sizeof(int32_t));
        memcpy(last_columns, columns, kRest * 2 * kPixels * sizeof(int16_t));
        multiply_four_steps<kPixels>(sums, last_columns, load_four_steps<Shape::kWeights>(last_weights));
    }
    return _mm256_add_epi32(sums[0], sums[1]);
}

// A constant of the first channel in the lower half, of the second one in the upper.
inline __m256i two_channels(int32_t first, int32_t second) { return _mm256_set_m128i(_mm_set1_epi32(second), _mm_set1_epi32(first)); }

template <typename Shape, typename Pair>
inline __m128i requantize_two_channels(__m256i sums, const Pair& pair) {
    const int32_t* const behind = pair.behind_weights();
    if constexpr (Pair::kFine) {
        return EightFineRequantizers<Shape>(two_channels(behind[0], behind[2]), two_channels(behind[1], behind[3]), Shape::kShift)(sums);
    } else if constexpr (Pair::kShort) {
        using Short = ShortRequantizer<Shape>;
        const __m256i addends = two_channels(Short::addend_of(pair.short_addend(0)), Short::addend_of(pair.short_addend(1)));
        const EightFineRequantizers<Shape> requantize(two_channels(behind[0], behind[1]), addends, Shape::kShift);
        return requantize(_mm256_slli_epi32(sums, kShortFractionBits));
    } else {
        const __m256i right_shifts = two_channels(static_cast<int8_t>(behind[2]) + 1, static_cast<int8_t>(behind[2] >> 8) + 1);
        return EightRequantizers<Shape>(two_channels(behind[0], behind[1]), right_shifts)(sums);
    }
}

// See multiply_channel_pair.
template <typename Shape, int32_t kPixels, int32_t kStep, typename Pair>
inline void multiply_few_pixels(const int16_t* columns, const Pair& pair, bool has_second, int8_t* output) {
    const __m256i sums = accumulate_few_pixels<Shape, kPixels>(columns, pair);
    const uint64_t values = static_cast<uint64_t>(_mm_cvtsi128_si64(requantize_two_channels<Shape>(sums, pair)));
#pragma GCC unroll 4
    for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
        output[pixel * kStep] = static_cast<int8_t>(values >> (8 * pixel));
    }
    if (Shape::kOutputChannels % 2 == 0 || has_second) {
#pragma GCC unroll 4
        for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
            output[pixel * kStep + 1] = static_cast<int8_t>(values >> (8 * pixel + 32));
        }
    }
}

}  // namespace nn
}  // namespace tinyaudio

#endif
