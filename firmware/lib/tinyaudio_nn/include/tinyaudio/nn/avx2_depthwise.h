// Depthwise convolution with AVX2: depthwise_row_plain of depthwise_conv_2d.h, eight channels at a time, and
// depthwise_strip_plain of depthwise_3x3.h, eight pixels at a time.
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

// Where the pixels of a strip lie in a plane; up to a multiple of eight the last one is repeated. `Strip`: DepthwiseStrip.
template <typename Shape, typename Strip>
struct StripPlaces {
    static constexpr int32_t kMost = (Shape::kStripRows * Shape::kOutputWidth + 7) / 8 * 8;

    int32_t values[kMost];

    explicit StripPlaces(int32_t pixels) {
        for (int32_t index = 0; index < kMost; ++index) {
            const int32_t pixel = index < pixels ? index : pixels - 1;
            const int32_t y = pixel / Shape::kOutputWidth * Shape::kStrideHeight;
            values[index] = y * Strip::kColumns + pixel % Shape::kOutputWidth * Shape::kStrideWidth;
        }
    }
};

// Two neighbours in a plane for each of eight pixels, times their weights.
inline __m256i multiply_neighbours(__m256i sums, const int16_t* plane, __m256i places, int32_t first_weight, int32_t second_weight) {
    const __m256i values = _mm256_i32gather_epi32(reinterpret_cast<const int*>(plane), places, 2);
    const uint32_t weights = (static_cast<uint32_t>(first_weight) & 0xffffu) | static_cast<uint32_t>(second_weight) << 16;
    return _mm256_add_epi32(sums, _mm256_madd_epi16(values, _mm256_set1_epi32(static_cast<int32_t>(weights))));
}

// Eight pixels of a channel. `Channel`: DepthwiseChannel.
template <typename Strip, typename Channel>
inline __m256i accumulate_eight_pixels(const int16_t* plane, __m256i places, const Channel& channel) {
    __m256i sums = _mm256_set1_epi32(channel.bias);
#pragma GCC unroll 3
    for (int32_t row = 0; row < 3; ++row) {
        const int32_t* const weights = channel.weights + 3 * row;
        const int16_t* const source = plane + row * Strip::kColumns;
        sums = multiply_neighbours(sums, source, places, weights[0], weights[1]);
        sums = multiply_neighbours(sums, source + 1, places, 0, weights[2]);  // within the row, also of the last pixel
    }
    return sums;
}

// See depthwise_strip_plain.
template <typename Shape, typename Strip, typename Channel>
inline void depthwise_strip_by_eight(const int16_t* plane, int8_t* output, const int32_t* stream, int32_t rows) {
    const int32_t pixels = rows * Shape::kOutputWidth;
    const StripPlaces<Shape, Strip> places(pixels);
    for (int32_t index = 0; index < Shape::kOutputChannels; ++index) {
        const Channel channel = Channel::read(stream);
        const EightFineRequantizers<Shape> requantize(_mm256_set1_epi32(channel.requantize.multiplier()),
                                                      _mm256_set1_epi32(channel.requantize.addend()), channel.requantize.shift());
        for (int32_t pixel = 0; pixel < pixels; pixel += 8) {
            const __m256i sums = accumulate_eight_pixels<Strip>(plane, load_256(places.values + pixel), channel);
            const uint64_t values = static_cast<uint64_t>(_mm_cvtsi128_si64(requantize(sums)));
            const int32_t count = pixels - pixel < 8 ? pixels - pixel : 8;
            for (int32_t lane = 0; lane < count; ++lane) {
                output[(pixel + lane) * Shape::kOutputChannels] = static_cast<int8_t>(values >> (8 * lane));
            }
        }
        plane += Strip::kStep;
        stream += Strip::kChannelWords;
        ++output;
    }
}

}  // namespace nn
}  // namespace tinyaudio

#endif
