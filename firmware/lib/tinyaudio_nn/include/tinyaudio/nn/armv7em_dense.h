// The dense layer by hand for Armv7E-M: dense_groups of dense.h.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/armv7em.h"
#include "tinyaudio/nn/requantize.h"

#if TINYAUDIO_NN_ASSEMBLY

namespace tinyaudio {
namespace nn {

// Four values of the depth of one row for two pairs of channels: 16 multiply-accumulates in 21 instructions (kBytes) or 15
// (kWide).
#define TINYAUDIO_NN_DENSE_INPUT        \
    "ldr %[w], [%[input]], #4\n\t"      \
    "sxtb16 %[e], %[w]\n\t"             \
    "sxtb16 %[o], %[w], ror #8\n\t"
#define TINYAUDIO_NN_DENSE_BYTES(words, a, b)   \
    "ldrd %[w], %[t], [%[" words "]], #8\n\t"   \
    "sxtb16 %[u], %[w]\n\t"                     \
    "smlad %[" a "], %[e], %[u], %[" a "]\n\t"  \
    "sxtb16 %[w], %[w], ror #8\n\t"             \
    "smlad %[" b "], %[e], %[w], %[" b "]\n\t"  \
    "sxtb16 %[u], %[t]\n\t"                     \
    "smlad %[" a "], %[o], %[u], %[" a "]\n\t"  \
    "sxtb16 %[t], %[t], ror #8\n\t"             \
    "smlad %[" b "], %[o], %[t], %[" b "]\n\t"
#define TINYAUDIO_NN_DENSE_WIDE(words, a, b)    \
    "ldrd %[w], %[t], [%[" words "]], #8\n\t"   \
    "smlad %[" a "], %[e], %[w], %[" a "]\n\t"  \
    "smlad %[" b "], %[e], %[t], %[" b "]\n\t"  \
    "ldrd %[w], %[t], [%[" words "]], #8\n\t"   \
    "smlad %[" a "], %[o], %[w], %[" a "]\n\t"  \
    "smlad %[" b "], %[o], %[t], %[" b "]\n\t"
#define TINYAUDIO_NN_DENSE_LOOP(pair, unrolled)                                                                          \
    __asm__ volatile("1:\n\t"                                                                                            \
                     ".rept " #unrolled "\n\t" TINYAUDIO_NN_DENSE_INPUT pair("first", "a0", "b0") pair("second", "a1", "b1") \
                     ".endr\n\t"                                                                                         \
                     "subs %[count], %[count], #1\n\t"                                                                   \
                     "bne 1b\n\t"                                                                                        \
                     : [input] "+r"(input), [first] "+r"(weights[0]), [second] "+r"(weights[1]), [a0] "+r"(sums[0][0]),   \
                       [b0] "+r"(sums[0][1]), [a1] "+r"(sums[1][0]), [b1] "+r"(sums[1][1]), [count] "+r"(count),          \
                       [e] "=&r"(e), [o] "=&r"(o), [w] "=&r"(w), [t] "=&r"(t), [u] "=&r"(u)                               \
                     :                                                                                                   \
                     : "cc", "memory")

// kGroups groups of four values for two pairs of channels; moves `weights` on.
template <WeightFormat kFormat, int32_t kGroups>
inline void accumulate_dense(const int8_t* input, const int32_t* (&weights)[2], int32_t (&sums)[2][2]) {
    uint32_t e, o, w, t, u;
    if constexpr (kGroups >= 4) {
        int32_t count = kGroups / 4;
        if constexpr (kFormat == WeightFormat::kWide) {
            TINYAUDIO_NN_DENSE_LOOP(TINYAUDIO_NN_DENSE_WIDE, 4);
        } else {
            TINYAUDIO_NN_DENSE_LOOP(TINYAUDIO_NN_DENSE_BYTES, 4);
        }
    }
    if constexpr (kGroups % 4 != 0) {
        int32_t count = kGroups % 4;
        if constexpr (kFormat == WeightFormat::kWide) {
            TINYAUDIO_NN_DENSE_LOOP(TINYAUDIO_NN_DENSE_WIDE, 1);
        } else {
            TINYAUDIO_NN_DENSE_LOOP(TINYAUDIO_NN_DENSE_BYTES, 1);
        }
    }
}

#undef TINYAUDIO_NN_DENSE_INPUT
#undef TINYAUDIO_NN_DENSE_BYTES
#undef TINYAUDIO_NN_DENSE_WIDE
#undef TINYAUDIO_NN_DENSE_LOOP

}  // namespace nn
}  // namespace tinyaudio

#endif
