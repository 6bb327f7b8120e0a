// The split of `portable_q31`: the complex FFT Z of L = kPoints points to bins 0 to L of the real FFT X, divided by 2.
//     X[k] = (E + W O) / 2,  X[L - k] = conj(E - W O) / 2,  W = exp(-2 pi j k / N)
//     E = (Z[k] + conj(Z[L - k])) / 2,  O = (Z[k] - conj(Z[L - k])) / 2j
#ifndef TINYAUDIO_PORTABLE_Q31_SPLIT_H_
#define TINYAUDIO_PORTABLE_Q31_SPLIT_H_

#include <stdint.h>
#include <string.h>

#include "tinyaudio/arithmetic.h"
#include "tinyaudio/energy.h"
#include "tinyaudio/frontend.h"

namespace tinyaudio {

struct SplitPair {
    int32_t lower_x;
    int32_t lower_y;
    int32_t upper_x;
    int32_t upper_y;
};

// E and O are spectra of the even and of the odd samples, |E|, |O| < 2^30: the sums and differences are below 2^31.
inline SplitPair split_pair(const int32_t* lower, const int32_t* upper, int32_t cosine, int32_t sine) {
    const int32_t even_x = (lower[0] + upper[0]) >> 2;
    const int32_t even_y = (lower[1] - upper[1]) >> 2;
    const int32_t r = lower[1] + upper[1];
    const int32_t q = lower[0] - upper[0];
    const int32_t x = subtract_product(add_product(even_x, r, cosine), q, sine);
    const int32_t y = subtract_product(subtract_product(even_y, q, cosine), r, sine);
    return {x, y, 2 * even_x - x, y - 2 * even_y};
}

// Bins 0, L / 2 and L.
template <uint32_t kPoints>
inline void split_ends(int32_t* spectrum) {
    const int32_t even = spectrum[0];
    const int32_t odd = spectrum[1];
    spectrum[0] = (even + odd) >> 1;
    spectrum[1] = 0;
    spectrum[2 * kPoints] = (even - odd) >> 1;
    spectrum[2 * kPoints + 1] = 0;
    spectrum[kPoints] >>= 1;
    spectrum[kPoints + 1] = -(spectrum[kPoints + 1] >> 1);
}

template <uint32_t kPoints>
TINYAUDIO_STAGE void split(const int32_t* twiddles, int32_t* spectrum) {
    int32_t* upper = spectrum + 2 * (kPoints - 1);
    for (int32_t* lower = spectrum + 2; lower != upper; lower += 2, upper -= 2, twiddles += 2) {
        const SplitPair pair = split_pair(lower, upper, twiddles[0], twiddles[1]);
        lower[0] = pair.lower_x;
        lower[1] = pair.lower_y;
        upper[0] = pair.upper_x;
        upper[1] = pair.upper_y;
    }
    split_ends<kPoints>(spectrum);
}

inline void store_power(int32_t* bin, int32_t real, int32_t imaginary) {
    const uint64_t power = power_of(real, imaginary);
    memcpy(bin, &power, sizeof power);
}

#if defined(__ARM_FEATURE_DSP)

// 23 instructions a pair; GCC needs 33. `count` is at least 1.
inline void split_pairs_to_powers(const int32_t* twiddles, int32_t* lower, int32_t* upper, uint32_t count) {
    int32_t x, y, u, v, p, s, cosine, sine;
    __asm__ volatile(
        "1:\n\t"
        "ldrd %[x], %[y], [%[lower]]\n\t"
        "ldrd %[u], %[v], [%[upper]]\n\t"
        "ldrd %[cosine], %[sine], [%[twiddles]], #8\n\t"
        "add %[p], %[x], %[u]\n\t"
        "sub %[s], %[y], %[v]\n\t"
        "sub %[u], %[x], %[u]\n\t"  // q
        "add %[v], %[y], %[v]\n\t"  // r
        "asr %[p], %[p], #2\n\t"
        "asr %[s], %[s], #2\n\t"
        "smmlar %[x], %[v], %[cosine], %[p]\n\t"
        "smmlsr %[y], %[u], %[cosine], %[s]\n\t"
        "smmlsr %[x], %[u], %[sine], %[x]\n\t"
        "smmlsr %[y], %[v], %[sine], %[y]\n\t"
        "rsb %[p], %[x], %[p], lsl #1\n\t"
        "sub %[s], %[y], %[s], lsl #1\n\t"
        "smull %[u], %[v], %[x], %[x]\n\t"
        "smlal %[u], %[v], %[y], %[y]\n\t"
        "strd %[u], %[v], [%[lower]], #8\n\t"
        "smull %[u], %[v], %[p], %[p]\n\t"
        "smlal %[u], %[v], %[s], %[s]\n\t"
        "strd %[u], %[v], [%[upper]], #-8\n\t"
        "subs %[count], %[count], #1\n\t"
        "bne 1b\n\t"
        : [twiddles] "+r"(twiddles), [lower] "+r"(lower), [upper] "+r"(upper), [count] "+r"(count), [x] "=&r"(x),
          [y] "=&r"(y), [u] "=&r"(u), [v] "=&r"(v), [p] "=&r"(p), [s] "=&r"(s), [cosine] "=&r"(cosine),
          [sine] "=&r"(sine)
        :
        : "cc", "memory");
}

#else

inline void split_pairs_to_powers(const int32_t* twiddles, int32_t* lower, int32_t* upper, uint32_t count) {
    for (; count != 0; --count, lower += 2, upper -= 2, twiddles += 2) {
        const SplitPair pair = split_pair(lower, upper, twiddles[0], twiddles[1]);
        store_power(lower, pair.lower_x, pair.lower_y);
        store_power(upper, pair.upper_x, pair.upper_y);
    }
}

#endif

// The split, and the powers of at least bins first_bin to first_bin + bins - 1 where their bins were.
template <uint32_t kPoints>
TINYAUDIO_STAGE void split_to_powers(const int32_t* twiddles, uint32_t first_bin, uint32_t bins, int32_t* spectrum) {
    const uint32_t mirrored_last_bin = kPoints - (first_bin + bins - 1);
    uint32_t first = first_bin < mirrored_last_bin ? first_bin : mirrored_last_bin;  // of the pairs (k, L - k) in use
    first = first < 1 ? 1 : first;
    if (first < kPoints / 2) {
        split_pairs_to_powers(twiddles + 2 * (first - 1), spectrum + 2 * first, spectrum + 2 * (kPoints - first),
                              kPoints / 2 - first);
    }
    split_ends<kPoints>(spectrum);
    for (uint32_t bin = 0; bin <= kPoints; bin += kPoints / 2) {
        store_power(spectrum + 2 * bin, spectrum[2 * bin], spectrum[2 * bin + 1]);
    }
}

// From the powers that split_to_powers left, in place, to uint32 magnitudes at the front.
TINYAUDIO_STAGE inline void compute_magnitudes_of_powers(const FrontendTables& tables, int32_t* spectrum) {
    const int32_t* bin = spectrum + 2 * tables.first_bin;
    int32_t* out = spectrum;
    for (uint32_t n = tables.energy_bins; n != 0; --n, bin += 2, ++out) {
        uint64_t power;
        memcpy(&power, bin, sizeof power);
        *out = static_cast<int32_t>(magnitude_of(power));
    }
}

}  // namespace tinyaudio

#endif  // TINYAUDIO_PORTABLE_Q31_SPLIT_H_
