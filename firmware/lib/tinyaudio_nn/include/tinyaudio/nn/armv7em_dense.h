// The dense layer by hand for Armv7E-M: dense_groups of dense.h.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/armv7em.h"
#include "tinyaudio/nn/requantize.h"

#if TINYAUDIO_NN_ASSEMBLY

namespace tinyaudio {
namespace nn {

// Four values of the depth of one row for two pairs of channels: 16 multiply-accumulates in 21 instructions (kBytes) or 13
// (kWide).
#define TINYAUDIO_NN_DENSE_INPUT        \
    "ldr %[e], [%[input]], #4\n\t"      \
    "sxtb16 %[o], %[e], ror #8\n\t"     \
    "sxtb16 %[e], %[e]\n\t"
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
#define TINYAUDIO_NN_DENSE_WIDE(words, a, b)            \
    "ldm %[" words "]!, {%[t], %[u], %[v], %[w]}\n\t"   \
    "smlad %[" a "], %[e], %[t], %[" a "]\n\t"          \
    "smlad %[" b "], %[e], %[u], %[" b "]\n\t"          \
    "smlad %[" a "], %[o], %[v], %[" a "]\n\t"          \
    "smlad %[" b "], %[o], %[w], %[" b "]\n\t"
#define TINYAUDIO_NN_DENSE_LOOP(pair, unrolled, ...)                                                                         \
    __asm__ volatile("1:\n\t"                                                                                                \
                     ".rept " #unrolled "\n\t" TINYAUDIO_NN_DENSE_INPUT pair("first", "a0", "b0") pair("second", "a1", "b1") \
                     ".endr\n\t"                                                                                             \
                     "vmov %[e], %[end]\n\t"                                                                                 \
                     "cmp %[e], %[input]\n\t"                                                                                \
                     "bne 1b\n\t"                                                                                            \
                     : [input] "+r"(input), [first] "+r"(weights[0]), [second] "+r"(weights[1]), [a0] "+r"(sums[0][0]),      \
                       [b0] "+r"(sums[0][1]), [a1] "+r"(sums[1][0]), [b1] "+r"(sums[1][1]), [e] "=&r"(e), [o] "=&r"(o),      \
                       [t] "=&r"(t), [u] "=&r"(u), __VA_ARGS__                                                               \
                     : [end] "t"(input + 4 * (count))                                                                        \
                     : "cc", "memory")

// `count` groups of four values, a multiple of kUnrolled, for two pairs of channels; moves `input` and `weights` on.
template <WeightFormat kFormat, int32_t kUnrolled>
inline void accumulate_dense_groups(const int8_t*& input, int32_t count, const int32_t* (&weights)[2], int32_t (&sums)[2][2]) {
    static_assert(kUnrolled == 1 || kUnrolled == 4, "written out below");
    uint32_t e, o;
    register uint32_t t __asm__("r8");  // LDM wants them in this order
    register uint32_t u __asm__("r9");
    register uint32_t v __asm__("r10");
    register uint32_t w __asm__("r11");
    if constexpr (kFormat == WeightFormat::kWide && kUnrolled == 4) {
        TINYAUDIO_NN_DENSE_LOOP(TINYAUDIO_NN_DENSE_WIDE, 4, [v] "=&r"(v), [w] "=&r"(w));
    } else if constexpr (kFormat == WeightFormat::kWide) {
        TINYAUDIO_NN_DENSE_LOOP(TINYAUDIO_NN_DENSE_WIDE, 1, [v] "=&r"(v), [w] "=&r"(w));
    } else if constexpr (kUnrolled == 4) {
        TINYAUDIO_NN_DENSE_LOOP(TINYAUDIO_NN_DENSE_BYTES, 4, [w] "=&r"(w));
    } else {
        TINYAUDIO_NN_DENSE_LOOP(TINYAUDIO_NN_DENSE_BYTES, 1, [w] "=&r"(w));
    }
}

// kGroups groups of four values.
template <WeightFormat kFormat, int32_t kGroups>
inline void accumulate_dense(const int8_t* input, const int32_t* (&weights)[2], int32_t (&sums)[2][2]) {
    if constexpr (kGroups >= 4) {
        accumulate_dense_groups<kFormat, 4>(input, kGroups / 4 * 4, weights, sums);
    }
    if constexpr (kGroups % 4 != 0) {
        accumulate_dense_groups<kFormat, 1>(input, kGroups % 4, weights, sums);
    }
}

#undef TINYAUDIO_NN_DENSE_INPUT
#undef TINYAUDIO_NN_DENSE_BYTES
#undef TINYAUDIO_NN_DENSE_WIDE
#undef TINYAUDIO_NN_DENSE_LOOP

}  // namespace nn
}  // namespace tinyaudio

#endif
