// Rows times weights with AVX2: the sums of a pair of channels in conv_rows_block_plain of conv_rows.h.
#pragma once

#include "tinyaudio/nn/avx2.h"

#if TINYAUDIO_NN_AVX2

namespace tinyaudio {
namespace nn {

// Add to the sums of kPixels pixels, kPixelStep values apart, a kernel row of kValues values: a multiple of four.
// `weights`: two values of the first channel, the same two of the second one, the next two of the first one ...
template <int32_t kPixels, int32_t kPixelStep, int32_t kValues>
inline void accumulate_kernel_row(const int16_t* row, const int32_t* weights, int32_t (&sums)[kPixels][2]) {
    const __m256i each_twice = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
    for (int32_t pixel = 0; pixel < kPixels; ++pixel) {
        const int16_t* const values = row + pixel * kPixelStep;
        __m256i products = _mm256_setzero_si256();
        for (int32_t index = 0; index + 8 <= kValues; index += 8) {
            const __m256i inputs = _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(load_128(values + index)), each_twice);
            products = _mm256_add_epi32(products, _mm256_madd_epi16(inputs, load_256(weights + index)));
        }
        __m128i joined = _mm_add_epi32(_mm256_castsi256_si128(products), _mm256_extracti128_si256(products, 1));
        if constexpr (kValues % 8 != 0) {
            const __m128i last = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(values + kValues - 4));
            joined = _mm_add_epi32(joined, _mm_madd_epi16(_mm_unpacklo_epi32(last, last), load_128(weights + kValues - 4)));
        }
        joined = _mm_add_epi32(joined, _mm_unpackhi_epi64(joined, joined));
        sums[pixel][0] += _mm_cvtsi128_si32(joined);
        sums[pixel][1] += _mm_extract_epi32(joined, 1);
    }
}

}  // namespace nn
}  // namespace tinyaudio

#endif
