// One row of a depthwise convolution with AVX2: depthwise_row_plain of depthwise_conv_2d.h, eight channels at a time.
#pragma once

#include "tinyaudio/nn/avx2.h"

#if TINYAUDIO_NN_AVX2

namespace tinyaudio {
namespace nn {

// The constants of one operator, unpacked. `Rows`: DepthwiseRows of depthwise_conv_2d.h.
template <typename Shape, typename Rows>
struct EightChannelWeights {
    static constexpr int32_t kPairs = Rows::kByEight ? (Rows::kPositions + 1) / 2 : 1;
    static constexpr int32_t kChannels = Rows::kByEight ? Shape::kInputChannels : 1;

    int16_t weights[kPairs][kChannels][2];  // of two positions of the kernel; 0 where there is none
    int32_t right_shifts[kChannels];
};

// Two positions of the kernel for eight channels; each 32 bits take one value of each.
inline __m256i multiply_two_positions(__m256i sums, __m128i one, __m128i other, const int16_t* weights) {
    const __m256i values = _mm256_set_m128i(_mm_unpackhi_epi16(one, other), _mm_unpacklo_epi16(one, other));
    return _mm256_add_epi32(sums, _mm256_madd_epi16(values, load_256(weights)));
}

// Eight inputs at a position of the kernel; zeros at one that only fills up the packed weights.
template <typename Shape, typename Rows>
inline __m128i load_position(const int16_t* const* rows, int32_t position, int32_t offset) {
    const int32_t kernel_y = position / Rows::kRowPositions;
    const int32_t kernel_x = position % Rows::kRowPositions;
    if (kernel_y >= Shape::kKernelHeight || kernel_x >= Shape::kKernelWidth) {
        return _mm_setzero_si128();
    }
    return load_128(rows[kernel_y] + offset + kernel_x * Shape::kDilationWidth * Shape::kInputChannels);
}

// One output row; see depthwise_row_plain.
template <typename Shape, typename Rows>
inline void depthwise_row_by_eight(const int16_t* ring, int32_t first_row, int8_t* output, const ChannelWeights& channels,
                                   const EightChannelWeights<Shape, Rows>& unpacked) {
    const int16_t* rows[Shape::kKernelHeight];
    for (int32_t kernel_y = 0; kernel_y < Shape::kKernelHeight; ++kernel_y) {
        rows[kernel_y] = ring + (first_row + kernel_y * Shape::kDilationHeight) % Rows::kRows * Rows::kRowElements;
    }
    for (int32_t channel = 0; channel < Shape::kInputChannels; channel += 8) {
        const EightRequantizers<Shape> requantize(load_256(channels.multipliers + channel), load_256(unpacked.right_shifts + channel));
        for (int32_t x = 0; x < Shape::kOutputWidth; ++x) {
            const int32_t offset = x * Shape::kStrideWidth * Shape::kInputChannels + channel;
            __m256i sums = load_256(channels.bias + channel);
#pragma GCC unroll 16
            for (int32_t pair = 0; pair < EightChannelWeights<Shape, Rows>::kPairs; ++pair) {
                const __m128i one = load_position<Shape, Rows>(rows, 2 * pair, offset);
                const __m128i other = load_position<Shape, Rows>(rows, 2 * pair + 1, offset);
                sums = multiply_two_positions(sums, one, other, unpacked.weights[pair][channel]);
            }
            _mm_storel_epi64(reinterpret_cast<__m128i*>(output + x * Shape::kInputChannels + channel), requantize(sums));
        }
    }
}

}  // namespace nn
}  // namespace tinyaudio

#endif
