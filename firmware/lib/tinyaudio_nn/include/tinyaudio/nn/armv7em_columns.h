// Columns times weights by hand for Armv7E-M: multiply_columns of columns.h.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/armv7em.h"
#include "tinyaudio/nn/requantize.h"

#if TINYAUDIO_NN_ASSEMBLY

namespace tinyaudio {
namespace nn {

// Four pixels x two channels x two values of the depth: 16 multiply-accumulates in 13 instructions (kBytes), 12 (kFolded)
// or 11 (kWide). Folded weights give 256 (sum b) + sum a where the others give sum b.
#define TINYAUDIO_NN_LOAD_BYTES          \
    "ldr %[b], [%[stream]], #4\n\t"      \
    "sxtb16 %[a], %[b]\n\t"              \
    "sxtb16 %[b], %[b], ror #8\n\t"
#define TINYAUDIO_NN_LOAD_FOLDED         \
    "ldr %[b], [%[stream]], #4\n\t"      \
    "sxtb16 %[a], %[b]\n\t"
#define TINYAUDIO_NN_UNFOLD(a, b)     \
    "sub %[" b "], %[" b "], %[" a "]\n\t" \
    "asr %[" b "], %[" b "], #8\n\t"
#define TINYAUDIO_NN_UNFOLD_ALL                                                 \
    TINYAUDIO_NN_UNFOLD("p0a", "p0b") TINYAUDIO_NN_UNFOLD("p1a", "p1b")         \
    TINYAUDIO_NN_UNFOLD("p2a", "p2b") TINYAUDIO_NN_UNFOLD("p3a", "p3b")
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

#define TINYAUDIO_NN_PAIRS(load, unfold, one)                                                                                        \
    __asm__ volatile(TINYAUDIO_NN_START TINYAUDIO_NN_STEPS(load) unfold TINYAUDIO_NN_FINISH(one)                                    \
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
    static constexpr int32_t kStepBytes = Shape::kWeights == WeightFormat::kWide ? 8 : 4;
    static constexpr int32_t kLoops = kSteps < 16 ? 0 : kSteps / 8;  // few steps are written out
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
        if constexpr (Shape::kWeights == WeightFormat::kWide) {
            if constexpr (kClamped) {
                TINYAUDIO_NN_PAIRS(TINYAUDIO_NN_LOAD_WIDE, , TINYAUDIO_NN_CLAMPED);
            } else {
                TINYAUDIO_NN_PAIRS(TINYAUDIO_NN_LOAD_WIDE, , TINYAUDIO_NN_ROUNDED);
            }
        } else if constexpr (Shape::kWeights == WeightFormat::kFolded) {
            if constexpr (kClamped) {
                TINYAUDIO_NN_PAIRS(TINYAUDIO_NN_LOAD_FOLDED, TINYAUDIO_NN_UNFOLD_ALL, TINYAUDIO_NN_CLAMPED);
            } else {
                TINYAUDIO_NN_PAIRS(TINYAUDIO_NN_LOAD_FOLDED, TINYAUDIO_NN_UNFOLD_ALL, TINYAUDIO_NN_ROUNDED);
            }
        } else if constexpr (kClamped) {
            TINYAUDIO_NN_PAIRS(TINYAUDIO_NN_LOAD_BYTES, , TINYAUDIO_NN_CLAMPED);
        } else {
            TINYAUDIO_NN_PAIRS(TINYAUDIO_NN_LOAD_BYTES, , TINYAUDIO_NN_ROUNDED);
        }
    }
};

#undef TINYAUDIO_NN_LOAD_BYTES
#undef TINYAUDIO_NN_LOAD_FOLDED
#undef TINYAUDIO_NN_UNFOLD
#undef TINYAUDIO_NN_UNFOLD_ALL
#undef TINYAUDIO_NN_LOAD_WIDE
#undef TINYAUDIO_NN_STEP
#undef TINYAUDIO_NN_START
#undef TINYAUDIO_NN_STEPS
#undef TINYAUDIO_NN_CLAMPED
#undef TINYAUDIO_NN_ROUNDED
#undef TINYAUDIO_NN_FINISH
#undef TINYAUDIO_NN_PAIRS

}  // namespace nn
}  // namespace tinyaudio

#endif
