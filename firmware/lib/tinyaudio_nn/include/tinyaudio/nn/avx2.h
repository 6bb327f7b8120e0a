// Eight values at a time on a host with AVX2: the plain kernels' hot loops, so that whole test sets run in seconds.
//
// TINYAUDIO_NN_AVX2 is 1 where the compiler may use AVX2 (-mavx2, -march=native) and the plain kernels are chosen.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/dsp.h"
#include "tinyaudio/nn/requantize.h"

#if defined(__AVX2__) && !TINYAUDIO_NN_DSP
#define TINYAUDIO_NN_AVX2 1
#else
#define TINYAUDIO_NN_AVX2 0
#endif

#if TINYAUDIO_NN_AVX2

#include <immintrin.h>

namespace tinyaudio {
namespace nn {

inline __m128i load_128(const void* source) { return _mm_loadu_si128(static_cast<const __m128i*>(source)); }
inline __m256i load_256(const void* source) { return _mm256_loadu_si256(static_cast<const __m256i*>(source)); }
inline void store_256(void* target, __m256i values) { _mm256_storeu_si256(static_cast<__m256i*>(target), values); }

// round(a * b / 2^31), ties towards plus infinity, of each of eight: smmlar(2 * a, b, 0).
inline __m256i multiply_high_doubled(__m256i a, __m256i b) {
    const __m256i half = _mm256_set1_epi64x(1LL << 30);
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(a, b), half);
    const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32)), half);
    return _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xAA);
}

// Eight int8, in the lower half.
template <typename Shape>
inline __m128i clamp_to_bytes(__m256i values) {
    values = _mm256_max_epi32(values, _mm256_set1_epi32(Shape::kActivationMin));
    values = _mm256_min_epi32(values, _mm256_set1_epi32(Shape::kActivationMax));
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(values), _mm256_extracti128_si256(values, 1));
    return _mm_packs_epi16(words, words);
}

// Requantizer for eight accumulators, each with its own constants. The result is eight int8, in the lower half.
template <typename Shape>
class EightRequantizers {
public:
    EightRequantizers(__m256i multipliers, __m256i right_shifts) : multipliers_(multipliers), right_shifts_(right_shifts) {
        if constexpr (kFast) {
            const __m256i before = _mm256_sub_epi32(right_shifts, _mm256_set1_epi32(1));
            addends_ = _mm256_sllv_epi32(_mm256_set1_epi32(2 * Shape::kOutputZeroPoint + 1), before);
        } else {
            addends_ = _mm256_setzero_si256();
        }
    }

    __m128i operator()(__m256i accumulators) const {
        if constexpr (!kFast) {
            return one_by_one(accumulators);
        }
        __m256i scaled = multiply_high_doubled(accumulators, multipliers_);
        if constexpr (Shape::kRequantization == Requantization::kRounded) {
            scaled = _mm256_add_epi32(scaled, _mm256_srai_epi32(scaled, 31));
        }
        return clamp_to_bytes<Shape>(_mm256_srav_epi32(_mm256_add_epi32(scaled, addends_), right_shifts_));
    }

private:
    static constexpr bool kFast = Shape::kRequantization != Requantization::kGeneral;

    __m128i one_by_one(__m256i accumulators) const {
        int32_t values[8];
        int32_t multipliers[8];
        int32_t right_shifts[8];
        alignas(8) int8_t results[16] = {};
        store_256(values, accumulators);
        store_256(multipliers, multipliers_);
        store_256(right_shifts, right_shifts_);
        for (int32_t lane = 0; lane < 8; ++lane) {
            results[lane] = Requantizer<Shape>(multipliers[lane], right_shifts[lane])(values[lane]);
        }
        return load_128(results);
    }

    __m256i multipliers_;
    __m256i right_shifts_;
    __m256i addends_;
};

// FineRequantizer for eight accumulators, each with its own constants.
template <typename Shape>
class EightFineRequantizers {
public:
    EightFineRequantizers(__m256i multipliers, __m256i addends, int32_t shift)
        : multipliers_(multipliers), addends_(addends), shift_(_mm_cvtsi32_si128(shift)) {
        const __m256i lowest = _mm256_and_si256(addends, _mm256_sub_epi32(_mm256_setzero_si256(), addends));
        twice_lowest_ = _mm256_slli_epi32(lowest, 1);
    }

    __m128i operator()(__m256i scaled) const {
        const __m256i even = _mm256_mul_epi32(scaled, multipliers_);
        const __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(scaled, 32), _mm256_srli_epi64(multipliers_, 32));
        __m256i values = _mm256_add_epi32(_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA), addends_);
        if constexpr (Shape::kRequantization != Requantization::kClampedAtZeroPoint) {
            values = _mm256_sub_epi32(values, _mm256_and_si256(_mm256_srai_epi32(scaled, 31), twice_lowest_));
        }
        return clamp_to_bytes<Shape>(_mm256_sra_epi32(values, shift_));
    }

private:
    __m256i multipliers_;
    __m256i addends_;
    __m256i twice_lowest_;
    __m128i shift_;
};

}  // namespace nn
}  // namespace tinyaudio

#endif
