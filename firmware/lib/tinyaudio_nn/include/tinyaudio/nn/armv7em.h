// Inner loops by hand for Armv7E-M, where the compiler's register allocation would spill. The C++ next to each use
// computes the same and is what the host's sanitizers run.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/dsp.h"

// The block of four pixels takes all 14 free registers, so it needs an optimizing compiler (no frame pointer), a function
// of its own around it, and a floating-point register to keep the end of its loop.
#if defined(TINYAUDIO_NN_ASSEMBLY)
// as the build says: 0 for builds with -fno-omit-frame-pointer
#elif defined(__ARM_FEATURE_DSP) && defined(__thumb2__) && defined(__ARM_FP) && defined(__OPTIMIZE__) && TINYAUDIO_NN_DSP
#define TINYAUDIO_NN_ASSEMBLY 1
#else
#define TINYAUDIO_NN_ASSEMBLY 0
#endif

#if TINYAUDIO_NN_ASSEMBLY

namespace tinyaudio {
namespace nn {

// Four pixels x two channels x two values of the depth: 16 multiply-accumulates in 13 instructions.
#define TINYAUDIO_NN_FOUR_PIXELS              \
    "ldr %[b], [%[weights]], #4\n\t"          \
    "ldrd %[x], %[y], [%[columns]], #8\n\t"   \
    "sxtb16 %[a], %[b]\n\t"                   \
    "sxtb16 %[b], %[b], ror #8\n\t"           \
    "smlad %[p0a], %[x], %[a], %[p0a]\n\t"    \
    "smlad %[p0b], %[x], %[b], %[p0b]\n\t"    \
    "smlad %[p1a], %[y], %[a], %[p1a]\n\t"    \
    "smlad %[p1b], %[y], %[b], %[p1b]\n\t"    \
    "ldrd %[x], %[y], [%[columns]], #8\n\t"   \
    "smlad %[p2a], %[x], %[a], %[p2a]\n\t"    \
    "smlad %[p2b], %[x], %[b], %[p2b]\n\t"    \
    "smlad %[p3a], %[y], %[a], %[p3a]\n\t"    \
    "smlad %[p3b], %[y], %[b], %[p3b]\n\t"

#define TINYAUDIO_NN_FOUR_PIXELS_OPERANDS                                                                                  \
    [p0a] "+r"(sums[0][0]), [p0b] "+r"(sums[0][1]), [p1a] "+r"(sums[1][0]), [p1b] "+r"(sums[1][1]), [p2a] "+r"(sums[2][0]), \
        [p2b] "+r"(sums[2][1]), [p3a] "+r"(sums[3][0]), [p3b] "+r"(sums[3][1]), [columns] "+r"(columns),                    \
        [weights] "+r"(weights), [a] "=&r"(a), [b] "=&r"(b), [x] "=&r"(x), [y] "=&r"(y)

// accumulate_pair of columns.h for four pixels. columns: 4-byte aligned.
template <int32_t kDepth>
inline void accumulate_four_pixels(const int16_t* columns, const int8_t* weights, int32_t (&sums)[4][2]) {
    constexpr int32_t kSteps = kDepth / 2;
    uint32_t a, b, x, y;
    if constexpr (kSteps >= 4) {
        const int8_t* const end = weights + kSteps / 4 * 16;
        __asm__ volatile("1:\n\t" TINYAUDIO_NN_FOUR_PIXELS TINYAUDIO_NN_FOUR_PIXELS TINYAUDIO_NN_FOUR_PIXELS
                             TINYAUDIO_NN_FOUR_PIXELS "vmov %[x], %[end]\n\t"
                         "cmp %[x], %[weights]\n\t"
                         "bne 1b\n\t"
                         : TINYAUDIO_NN_FOUR_PIXELS_OPERANDS
                         : [end] "t"(end)
                         : "cc", "memory");
    }
#pragma GCC unroll 3
    for (int32_t step = 0; step < kSteps % 4; ++step) {
        __asm__ volatile(TINYAUDIO_NN_FOUR_PIXELS : TINYAUDIO_NN_FOUR_PIXELS_OPERANDS : : "memory");
    }
}

// One row (three positions) of a depthwise kernel for four neighbouring pixels x two channels; each input is loaded once.
// TAP(p, t): position t of pixel p. COLUMN(n): the inputs of both channels, n columns from the first.
#define TINYAUDIO_NN_TAP(pixel, position)                                       \
    "smlabb %[p" #pixel "a], %[x], %[w" #position "], %[p" #pixel "a]\n\t"      \
    "smlatt %[p" #pixel "b], %[x], %[w" #position "], %[p" #pixel "b]\n\t"
#define TINYAUDIO_NN_COLUMN(column) "ldr %[x], [%[row], #" #column "*%c[step]]\n\t"

#define TINYAUDIO_NN_ROW_WEIGHTS              \
    "ldrd %[w0], %[w2], [%[x]]\n\t"           \
    "sxtb16 %[w1], %[w0], ror #8\n\t"         \
    "sxtb16 %[w0], %[w0]\n\t"                 \
    "sxtb16 %[w2], %[w2]\n\t"

#define TINYAUDIO_NN_ROW_STRIDE_1                                                                              \
    TINYAUDIO_NN_COLUMN(0) TINYAUDIO_NN_TAP(0, 0)                                                              \
    TINYAUDIO_NN_COLUMN(1) TINYAUDIO_NN_TAP(0, 1) TINYAUDIO_NN_TAP(1, 0)                                       \
    TINYAUDIO_NN_COLUMN(2) TINYAUDIO_NN_TAP(0, 2) TINYAUDIO_NN_TAP(1, 1) TINYAUDIO_NN_TAP(2, 0)                \
    TINYAUDIO_NN_COLUMN(3) TINYAUDIO_NN_TAP(1, 2) TINYAUDIO_NN_TAP(2, 1) TINYAUDIO_NN_TAP(3, 0)                \
    TINYAUDIO_NN_COLUMN(4) TINYAUDIO_NN_TAP(2, 2) TINYAUDIO_NN_TAP(3, 1)                                       \
    TINYAUDIO_NN_COLUMN(5) TINYAUDIO_NN_TAP(3, 2)

#define TINYAUDIO_NN_ROW_STRIDE_2                                               \
    TINYAUDIO_NN_COLUMN(0) TINYAUDIO_NN_TAP(0, 0)                               \
    TINYAUDIO_NN_COLUMN(1) TINYAUDIO_NN_TAP(0, 1)                               \
    TINYAUDIO_NN_COLUMN(2) TINYAUDIO_NN_TAP(0, 2) TINYAUDIO_NN_TAP(1, 0)        \
    TINYAUDIO_NN_COLUMN(3) TINYAUDIO_NN_TAP(1, 1)                               \
    TINYAUDIO_NN_COLUMN(4) TINYAUDIO_NN_TAP(1, 2) TINYAUDIO_NN_TAP(2, 0)        \
    TINYAUDIO_NN_COLUMN(5) TINYAUDIO_NN_TAP(2, 1)                               \
    TINYAUDIO_NN_COLUMN(6) TINYAUDIO_NN_TAP(2, 2) TINYAUDIO_NN_TAP(3, 0)        \
    TINYAUDIO_NN_COLUMN(7) TINYAUDIO_NN_TAP(3, 1)                               \
    TINYAUDIO_NN_COLUMN(8) TINYAUDIO_NN_TAP(3, 2)

#define TINYAUDIO_NN_ROW_OPERANDS                                                                                          \
    [p0a] "+r"(sums[0][0]), [p0b] "+r"(sums[0][1]), [p1a] "+r"(sums[1][0]), [p1b] "+r"(sums[1][1]), [p2a] "+r"(sums[2][0]), \
        [p2b] "+r"(sums[2][1]), [p3a] "+r"(sums[3][0]), [p3b] "+r"(sums[3][1]), [x] "+r"(weights), [w0] "=&r"(w0),          \
        [w1] "=&r"(w1), [w2] "=&r"(w2)

// row: int16 of the first pixel's two channels in its first column, 4-byte aligned. kStep: bytes from column to column.
// weights: a0 a1 b0 b1 a2 0 b2 0 of the channels a and b; their register then takes the inputs, for 14 would be too many.
template <int32_t kStride, int32_t kStep>
inline void accumulate_depthwise_row(const int16_t* row, const int8_t* weights, int32_t (&sums)[4][2]) {
    uint32_t w0, w1, w2;
    if constexpr (kStride == 1) {
        __asm__ volatile(TINYAUDIO_NN_ROW_WEIGHTS TINYAUDIO_NN_ROW_STRIDE_1
                         : TINYAUDIO_NN_ROW_OPERANDS
                         : [row] "r"(row), [step] "n"(kStep)
                         : "memory");
    } else {
        __asm__ volatile(TINYAUDIO_NN_ROW_WEIGHTS TINYAUDIO_NN_ROW_STRIDE_2
                         : TINYAUDIO_NN_ROW_OPERANDS
                         : [row] "r"(row), [step] "n"(kStep)
                         : "memory");
    }
}

#undef TINYAUDIO_NN_TAP
#undef TINYAUDIO_NN_COLUMN
#undef TINYAUDIO_NN_ROW_WEIGHTS
#undef TINYAUDIO_NN_ROW_STRIDE_1
#undef TINYAUDIO_NN_ROW_STRIDE_2
#undef TINYAUDIO_NN_ROW_OPERANDS
#undef TINYAUDIO_NN_FOUR_PIXELS
#undef TINYAUDIO_NN_FOUR_PIXELS_OPERANDS

}  // namespace nn
}  // namespace tinyaudio

#endif
