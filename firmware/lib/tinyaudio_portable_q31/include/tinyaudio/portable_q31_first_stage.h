// The first stage of `portable_q31`: samples times window, and butterflies without twiddles.
#ifndef TINYAUDIO_PORTABLE_Q31_FIRST_STAGE_H_
#define TINYAUDIO_PORTABLE_Q31_FIRST_STAGE_H_

#include <stdint.h>
#include <string.h>

#include "tinyaudio/arithmetic.h"
#include "tinyaudio/frontend.h"

namespace tinyaudio {

struct Complex32 {
    int32_t real;
    int32_t imaginary;
};

// out[kIndex] of complex values
template <uint32_t kIndex>
inline void store_complex(int32_t* out, int32_t real, int32_t imaginary) {
#if defined(__ARM_FEATURE_DSP)
    // GCC sorts the stores of a butterfly by its own lights and finds no STRD.
    __asm__("strd %1, %2, [%3, %4]"
            : "=m"(*reinterpret_cast<int32_t(*)[2]>(out + 2 * kIndex))
            : "r"(real), "r"(imaginary), "r"(out), "i"(8 * kIndex));
#else
    out[2 * kIndex] = real;
    out[2 * kIndex + 1] = imaginary;
#endif
}

// Butterfly n takes pairs n, n + kButterflies, n + 2 kButterflies, ... of samples (even, odd). Pairs behind the window are
// zero and never read: the butterflies up to that of the last pair have one input more than the others.
template <uint32_t kPoints, uint32_t kRadix>
struct FirstStage {
    static constexpr uint32_t kButterflies = kPoints / kRadix;

    const int32_t* window;      // pairs of factors, in the order of reading
    const uint16_t* positions;  // [kButterflies], index of the first of a butterfly's 2 kRadix words
    const int16_t* samples;     // [window_samples]
    uint32_t window_samples;

    uint32_t pairs() const { return (window_samples + 1) / 2; }

    // Q15 x window, 16 bits dropped: below 2^29 (radix 4) or 2^30 (radix 2).
    static Complex32 load(const int16_t* pair, const int32_t* factors) {
        uint32_t both;
        memcpy(&both, pair, sizeof both);
        return {multiply_lower(factors[0], both), multiply_upper(factors[1], both)};
    }

    static Complex32 load_half(const int16_t* sample, const int32_t* factors) {
        return {multiply_lower(factors[0], static_cast<uint16_t>(*sample)), 0};
    }

    // The stage `window` for an observer, in the order of the samples. `transform` computes the same products again.
    void write_window(int32_t* out) const {
        memset(out, 0, 2 * kPoints * sizeof *out);
        const int32_t* factors = window;
        for (uint32_t n = 0; n < kButterflies; ++n) {
            for (uint32_t pair = n; pair < pairs(); pair += kButterflies, factors += 2) {
                const bool is_half = 2 * pair + 1 == window_samples;
                const Complex32 z = is_half ? load_half(samples + 2 * pair, factors) : load(samples + 2 * pair, factors);
                out[2 * pair] = z.real;
                out[2 * pair + 1] = z.imaginary;
            }
        }
    }

    TINYAUDIO_STAGE void transform(int32_t* out) const {
        const uint32_t full = (pairs() - 1) / kButterflies;      // inputs of the butterflies behind the last pair's
        const uint32_t longer = pairs() - full * kButterflies;  // butterflies with one input more, 1 to kButterflies
        const int32_t* factors = window;
        if (window_samples % 2 == 0) {
            run(full + 1, 0, longer, factors, out);
        } else {
            run(full + 1, 0, longer - 1, factors, out);
            run_half(full + 1, longer - 1, factors, out);
        }
        run(full, longer, kButterflies, factors, out);
    }

private:
    void run(uint32_t inputs, uint32_t begin, uint32_t end, const int32_t*& factors, int32_t* out) const {
        switch (inputs) {
            case 0:
                return butterflies<0>(begin, end, factors, out);
            case 1:
                return butterflies<1>(begin, end, factors, out);
            case 2:
                return butterflies<2>(begin, end, factors, out);
            case 3:
                return butterflies<3>(begin, end, factors, out);
            default:
                return butterflies<4>(begin, end, factors, out);
        }
    }

    // The butterfly of a last pair of which only the first sample is there.
    void run_half(uint32_t inputs, uint32_t n, const int32_t*& factors, int32_t* out) const {
        Complex32 z[4] = {};
        for (uint32_t input = 0; input < inputs; ++input, factors += 2) {
            const int16_t* pair = samples + 2 * (n + input * kButterflies);
            z[input] = input + 1 == inputs ? load_half(pair, factors) : load(pair, factors);
        }
        combine(z[0], z[1], z[2], z[3], out + positions[n]);
    }

    template <uint32_t kInputs>
    void butterflies(uint32_t begin, uint32_t end, const int32_t*& next_factors, int32_t* out) const {
        if constexpr (kInputs <= kRadix) {
            const int32_t* factors = next_factors;
            const int16_t* pair = samples + 2 * begin;
            for (const uint16_t *position = positions + begin, *last = positions + end; position != last; ++position) {
                constexpr Complex32 kZero = {0, 0};
                const Complex32 a = kInputs > 0 ? load(pair, factors) : kZero;
                const Complex32 b = kInputs > 1 ? load(pair + 2 * kButterflies, factors + 2) : kZero;
                const Complex32 c = kInputs > 2 ? load(pair + 4 * kButterflies, factors + 4) : kZero;
                const Complex32 d = kInputs > 3 ? load(pair + 6 * kButterflies, factors + 6) : kZero;
                combine(a, b, c, d, out + *position);
                pair += 2;
                factors += 2 * kInputs;
            }
            next_factors = factors;
        }
    }

    // Without scaling: the window's values that meet here add up to at most half of their number.
    static void combine(const Complex32& a, const Complex32& b, const Complex32& c, const Complex32& d, int32_t* out) {
        if constexpr (kRadix == 2) {
            store_complex<0>(out, a.real + b.real, a.imaginary + b.imaginary);
            store_complex<1>(out, a.real - b.real, a.imaginary - b.imaginary);
        } else {
            const Complex32 even = {a.real + c.real, a.imaginary + c.imaginary};
            const Complex32 even_difference = {a.real - c.real, a.imaginary - c.imaginary};
            const Complex32 odd = {b.real + d.real, b.imaginary + d.imaginary};
            const Complex32 odd_difference = {b.real - d.real, b.imaginary - d.imaginary};
            store_complex<0>(out, even.real + odd.real, even.imaginary + odd.imaginary);
            store_complex<1>(out, even_difference.real + odd_difference.imaginary,
                             even_difference.imaginary - odd_difference.real);
            store_complex<2>(out, even.real - odd.real, even.imaginary - odd.imaginary);
            store_complex<3>(out, even_difference.real - odd_difference.imaginary,
                             even_difference.imaginary + odd_difference.real);
        }
    }
};

}  // namespace tinyaudio

#endif  // TINYAUDIO_PORTABLE_Q31_FIRST_STAGE_H_
