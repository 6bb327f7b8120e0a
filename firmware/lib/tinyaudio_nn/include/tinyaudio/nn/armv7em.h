// Inner loops by hand for Armv7E-M, where the compiler's register allocation would spill. The C++ next to each use
// computes the same and is what the host's sanitizers run.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/dsp.h"
#include "tinyaudio/nn/requantize.h"

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

// Four pixels x two channels x two values of the depth: 16 multiply-accumulates in 13 instructions (weights of one byte)
// or 11 (of two).
#define TINYAUDIO_NN_LOAD_BYTES          \
    "ldr %[b], [%[stream]], #4\n\t"      \
    "sxtb16 %[a], %[b]\n\t"              \
    "sxtb16 %[b], %[b], ror #8\n\t"
#define TINYAUDIO_NN_LOAD_WIDE "ldrd %[a], %[b], [%[stream]], #8\n\t"
#define TINYAUDIO_NN_STEP                     \
    "ldrd %[x], %[y], [%[column]], #8\n\t"    \
    "smlad %[p0a], %[x], %[a], %[p0a]\n\t"    \
    "smlad %[p0b], %[x], %[b], %[p0b]\n\t"    \
    "smlad %[p1a], %[y], %[a], %[p1a]\n\t"    \
    "smlad %[p1b], %[y], %[b], %[p1b]\n\t"    \
    "ldrd %[x], %[y], [%[column]], #8\n\t"    \
    "smlad %[p2a], %[x], %[a], %[p2a]\n\t"    \
    "smlad %[p2b], %[x], %[b], %[p2b]\n\t"    \
    "smlad %[p3a], %[y], %[a], %[p3a]\n\t"    \
    "smlad %[p3b], %[y], %[b], %[p3b]\n\t"

#define TINYAUDIO_NN_START                   \
    "1:\n\t"                                 \
    "ldrd %[p0a], %[p0b], [%[stream]], #8\n\t" \
    "vmov %[column], %[columns]\n\t"         \
    "mov %[p1a], %[p0a]\n\t"                 \
    "mov %[p1b], %[p0b]\n\t"                 \
    "mov %[p2a], %[p0a]\n\t"                 \
    "mov %[p2b], %[p0b]\n\t"                 \
    "mov %[p3a], %[p0a]\n\t"                 \
    "mov %[p3b], %[p0b]\n\t"

// kLoops times eight steps, then the rest of them in one go.
#define TINYAUDIO_NN_STEPS(load)             \
    ".if %c[loops]\n\t"                      \
    "add %[x], %[stream], %[loop_bytes]\n\t" \
    "vmov %[loop_end], %[x]\n\t"             \
    "2:\n\t"                                 \
    ".rept 8\n\t" load TINYAUDIO_NN_STEP     \
    ".endr\n\t"                              \
    "vmov %[x], %[loop_end]\n\t"             \
    "cmp %[x], %[stream]\n\t"                \
    "bne 2b\n\t"                             \
    ".endif\n\t"                             \
    ".rept %c[rest]\n\t" load TINYAUDIO_NN_STEP \
    ".endr\n\t"

// As Requantizer does it: the shift of the stream is one less, so that half of the divisor is 1 << shift; SSAT shifts by
// the one that is left.
#define TINYAUDIO_NN_CLAMPED(sum, multiplier)             \
    "lsl %[" sum "], %[" sum "], #1\n\t"                  \
    "smmlar %[" sum "], %[" sum "], %[" multiplier "], %[column]\n\t" \
    "asr %[" sum "], %[" sum "], %[a]\n\t"                \
    "ssat %[" sum "], #8, %[" sum "], asr #1\n\t"
#define TINYAUDIO_NN_ROUNDED(sum, multiplier)             \
    "lsl %[" sum "], %[" sum "], #1\n\t"                  \
    "smmulr %[" sum "], %[" sum "], %[" multiplier "]\n\t" \
    "add %[" sum "], %[" sum "], %[" sum "], asr #31\n\t" \
    "add %[" sum "], %[" sum "], %[column]\n\t"           \
    "asr %[" sum "], %[" sum "], %[a]\n\t"                \
    "ssat %[" sum "], #8, %[" sum "], asr #1\n\t"
#define TINYAUDIO_NN_FINISH(one)                                                        \
    "ldrd %[x], %[y], [%[stream]], #8\n\t"                                              \
    "ldr %[b], [%[stream]], #4\n\t"                                                     \
    "vmov %[column], %[offset]\n\t"                                                     \
    "uxtb %[a], %[b]\n\t"                                                               \
    "lsl %[column], %[column], %[a]\n\t"                                                \
    one("p0a", "x") one("p1a", "x") one("p2a", "x") one("p3a", "x")                     \
    "vmov %[column], %[offset]\n\t"                                                     \
    "uxtb %[a], %[b], ror #8\n\t"                                                       \
    "lsl %[column], %[column], %[a]\n\t"                                                \
    one("p0b", "y") one("p1b", "y") one("p2b", "y") one("p3b", "y")                     \
    "vmov %[x], %[output]\n\t"                                                          \
    "strb %[p0a], [%[x]]\n\t"                                                           \
    "strb %[p0b], [%[x], #1]\n\t"                                                       \
    "strb %[p1a], [%[x], #%c[step]]\n\t"                                                \
    "strb %[p1b], [%[x], #%c[step] + 1]\n\t"                                            \
    "strb %[p2a], [%[x], #2 * %c[step]]\n\t"                                            \
    "strb %[p2b], [%[x], #2 * %c[step] + 1]\n\t"                                        \
    "strb %[p3a], [%[x], #3 * %c[step]]\n\t"                                            \
    "strb %[p3b], [%[x], #3 * %c[step] + 1]\n\t"                                        \
    "add %[x], %[x], #2\n\t"                                                            \
    "vmov %[output], %[x]\n\t"                                                          \
    "vmov %[y], %[stream_end]\n\t"                                                      \
    "cmp %[y], %[stream]\n\t"                                                           \
    "bne 1b\n\t"

#define TINYAUDIO_NN_PAIRS(load, one)                                                                                        \
    __asm__ volatile(TINYAUDIO_NN_START TINYAUDIO_NN_STEPS(load) TINYAUDIO_NN_FINISH(one)                                    \
                     : [p0a] "=&r"(p0a), [p0b] "=&r"(p0b), [p1a] "=&r"(p1a), [p1b] "=&r"(p1b), [p2a] "=&r"(p2a),              \
                       [p2b] "=&r"(p2b), [p3a] "=&r"(p3a), [p3b] "=&r"(p3b), [stream] "+r"(stream), [column] "=&r"(column),   \
                       [a] "=&r"(a), [b] "=&r"(b), [x] "=&r"(x), [y] "=&r"(y), [output] "+t"(output), [loop_end] "=&t"(end)   \
                     : [columns] "t"(columns), [stream_end] "t"(stream_end), [offset] "t"(offset),                              \
                       [loops] "n"(kLoops), [rest] "n"(kSteps - 8 * kLoops), [loop_bytes] "n"(kLoops * 8 * kStepBytes),      \
                       [step] "n"(kStep)                                                                                     \
                     : "cc", "memory")

// multiply_columns of columns.h for four pixels, an even number of channels and a requantization that ends in SSAT.
template <typename Shape, int32_t kStep>
struct FourPixels {
    static constexpr int32_t kSteps = Shape::kDepth / 2;
    static constexpr int32_t kStepBytes = Shape::kWideWeights ? 8 : 4;
    static constexpr int32_t kLoops = kSteps <= 16 ? 0 : kSteps / 8;  // few steps are written out
    static constexpr bool kFits = Shape::kOutputChannels % 2 == 0 && Shape::kRequantization != Requantization::kGeneral &&
                                  Shape::kActivationMin == -128 && Shape::kActivationMax == 127 && 3 * kStep < 4095 &&
                                  kLoops * 8 * kStepBytes < 4096;

    // Not cloned for constant arguments: they would come from a literal pool, which the repeated instructions put out of
    // reach without the compiler seeing it.
    static __attribute__((noinline, noclone)) void multiply(const int16_t* columns, const int32_t* stream, int8_t* output) {
        constexpr int32_t kPairWords = 5 + kSteps * kStepBytes / 4;
        const int32_t* const stream_end = stream + Shape::kOutputChannels / 2 * kPairWords;
        int32_t p0a, p0b, p1a, p1b, p2a, p2b, p3a, p3b;
        uint32_t column, a, b, x, y;
        float end;
        int32_t offset = 2 * Shape::kOutputZeroPoint + 1;
        __asm__("" : "+r"(offset));  // nor this from there
        constexpr bool kClamped = Shape::kRequantization == Requantization::kClampedAtZeroPoint;
        if constexpr (Shape::kWideWeights && kClamped) {
            TINYAUDIO_NN_PAIRS(TINYAUDIO_NN_LOAD_WIDE, TINYAUDIO_NN_CLAMPED);
        } else if constexpr (Shape::kWideWeights) {
            TINYAUDIO_NN_PAIRS(TINYAUDIO_NN_LOAD_WIDE, TINYAUDIO_NN_ROUNDED);
        } else if constexpr (kClamped) {
            TINYAUDIO_NN_PAIRS(TINYAUDIO_NN_LOAD_BYTES, TINYAUDIO_NN_CLAMPED);
        } else {
            TINYAUDIO_NN_PAIRS(TINYAUDIO_NN_LOAD_BYTES, TINYAUDIO_NN_ROUNDED);
        }
    }
};

#undef TINYAUDIO_NN_LOAD_BYTES
#undef TINYAUDIO_NN_LOAD_WIDE
#undef TINYAUDIO_NN_STEP
#undef TINYAUDIO_NN_START
#undef TINYAUDIO_NN_STEPS
#undef TINYAUDIO_NN_CLAMPED
#undef TINYAUDIO_NN_ROUNDED
#undef TINYAUDIO_NN_FINISH
#undef TINYAUDIO_NN_PAIRS

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

}  // namespace nn
}  // namespace tinyaudio

#endif
