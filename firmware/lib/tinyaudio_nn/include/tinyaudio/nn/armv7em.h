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

// What a 3x3 depthwise kernel needs for two channels (a, b), in the order in which s6 to s21 take it.
struct DepthwisePair {
    int32_t bias[2];  // doubled
    int32_t multipliers[2];
    int32_t half_shifts[2];  // right shift - 1
    uint32_t weights[9];     // doubled, two int16 each
    int32_t next;            // from the outputs of channel a to those of the next pair's
};

// What it needs for one row of outputs, in the order in which s0 to s5 and s22 to s24 take it.
struct DepthwiseRow {
    const int16_t* rows[3];  // the first pixel's first two channels in the first column of each kernel row, 4-byte aligned
    const int16_t* end;      // where rows[0] is behind the last block of four pixels
    int8_t* output;
    int32_t offset;  // 2 * zero point + 1
    int32_t width;   // bytes from rows[0] to end
    int32_t output_width;  // bytes of the outputs of one channel's blocks, from the first to behind the last
    const DepthwisePair* end_of_pairs;
};

// PIXEL(p, t): position t of the kernel row for pixel p. COLUMN(n): the inputs of both channels, n columns from the first;
// each is loaded once. Registers: sums r0 to r6 and r8, weights r9 to r11, inputs r12, row lr.
#define TINYAUDIO_NN_P0 "r0", "r1"
#define TINYAUDIO_NN_P1 "r2", "r3"
#define TINYAUDIO_NN_P2 "r4", "r5"
#define TINYAUDIO_NN_P3 "r6", "r8"
#define TINYAUDIO_NN_T0 "r9"
#define TINYAUDIO_NN_T1 "r10"
#define TINYAUDIO_NN_T2 "r11"
#define TINYAUDIO_NN_MULTIPLY(a, b, weights)     \
    "smlabb " a ", r12, " weights ", " a "\n\t"  \
    "smlatt " b ", r12, " weights ", " b "\n\t"
#define TINYAUDIO_NN_EXPAND(...) TINYAUDIO_NN_MULTIPLY(__VA_ARGS__)
#define TINYAUDIO_NN_PIXEL(pixel, position) TINYAUDIO_NN_EXPAND(TINYAUDIO_NN_P##pixel, TINYAUDIO_NN_T##position)
#define TINYAUDIO_NN_COLUMN(column) "ldr r12, [lr, #" #column " * %c[column]]\n\t"

#define TINYAUDIO_NN_COLUMNS_1                                                             \
    TINYAUDIO_NN_COLUMN(0) TINYAUDIO_NN_PIXEL(0, 0)                                        \
    TINYAUDIO_NN_COLUMN(1) TINYAUDIO_NN_PIXEL(0, 1) TINYAUDIO_NN_PIXEL(1, 0)               \
    TINYAUDIO_NN_COLUMN(2) TINYAUDIO_NN_PIXEL(0, 2) TINYAUDIO_NN_PIXEL(1, 1) TINYAUDIO_NN_PIXEL(2, 0) \
    TINYAUDIO_NN_COLUMN(3) TINYAUDIO_NN_PIXEL(1, 2) TINYAUDIO_NN_PIXEL(2, 1) TINYAUDIO_NN_PIXEL(3, 0) \
    TINYAUDIO_NN_COLUMN(4) TINYAUDIO_NN_PIXEL(2, 2) TINYAUDIO_NN_PIXEL(3, 1)               \
    TINYAUDIO_NN_COLUMN(5) TINYAUDIO_NN_PIXEL(3, 2)

#define TINYAUDIO_NN_COLUMNS_2                                                             \
    TINYAUDIO_NN_COLUMN(0) TINYAUDIO_NN_PIXEL(0, 0)                                        \
    TINYAUDIO_NN_COLUMN(1) TINYAUDIO_NN_PIXEL(0, 1)                                        \
    TINYAUDIO_NN_COLUMN(2) TINYAUDIO_NN_PIXEL(0, 2) TINYAUDIO_NN_PIXEL(1, 0)               \
    TINYAUDIO_NN_COLUMN(3) TINYAUDIO_NN_PIXEL(1, 1)                                        \
    TINYAUDIO_NN_COLUMN(4) TINYAUDIO_NN_PIXEL(1, 2) TINYAUDIO_NN_PIXEL(2, 0)               \
    TINYAUDIO_NN_COLUMN(5) TINYAUDIO_NN_PIXEL(2, 1)                                        \
    TINYAUDIO_NN_COLUMN(6) TINYAUDIO_NN_PIXEL(2, 2) TINYAUDIO_NN_PIXEL(3, 0)               \
    TINYAUDIO_NN_COLUMN(7) TINYAUDIO_NN_PIXEL(3, 1)                                        \
    TINYAUDIO_NN_COLUMN(8) TINYAUDIO_NN_PIXEL(3, 2)

// One kernel row; its pointer moves on by four pixels.
#define TINYAUDIO_NN_KERNEL_ROW(row, first, second, third, columns) \
    "vmov lr, " row "\n\t"                                          \
    "vmov r9, " first "\n\t"                                        \
    "vmov r10, " second "\n\t"                                      \
    "vmov r11, " third "\n\t"                                       \
    "add r12, lr, %[advance]\n\t"                                   \
    "vmov " row ", r12\n\t" columns

// As Requantizer does it, of doubled sums; SSAT shifts by the one that the half shift lacks.
#define TINYAUDIO_NN_CLAMPED(sum)         \
    "smmlar " sum ", " sum ", r9, r10\n\t" \
    "asr " sum ", " sum ", r11\n\t"        \
    "ssat " sum ", #8, " sum ", asr #1\n\t"
#define TINYAUDIO_NN_ROUNDED(sum)          \
    "smmulr " sum ", " sum ", r9\n\t"       \
    "add " sum ", " sum ", " sum ", asr #31\n\t" \
    "add " sum ", " sum ", r10\n\t"         \
    "asr " sum ", " sum ", r11\n\t"         \
    "ssat " sum ", #8, " sum ", asr #1\n\t"
#define TINYAUDIO_NN_CHANNEL(multiplier, half_shift, one, p0, p1, p2, p3) \
    "vmov r9, " multiplier "\n\t"                                         \
    "vmov r11, " half_shift "\n\t"                                        \
    "vmov r10, s5\n\t"                                                    \
    "lsl r10, r10, r11\n\t" one(p0) one(p1) one(p2) one(p3)

// Back to the first block of a row, but two channels further.
#define TINYAUDIO_NN_NEXT_PAIR(row) \
    "vmov r12, " row "\n\t"         \
    "sub r12, r12, lr\n\t"          \
    "add r12, r12, #4\n\t"          \
    "vmov " row ", r12\n\t"

#define TINYAUDIO_NN_BLOCKS(columns, one)                             \
    __asm__ volatile(                                                 \
        "vldmia r0, {s0-s5}\n\t"                                      \
        "vldr s22, [r0, #24]\n\t"                                     \
        "vldr s23, [r0, #28]\n\t"                                     \
        "vldr s24, [r0, #32]\n\t"                                     \
        "1:\n\t"                                                      \
        "vldmia %[pair]!, {s6-s21}\n\t"                               \
        "2:\n\t"                                                      \
        "vmov r0, s6\n\t"                                             \
        "vmov r1, s7\n\t"                                             \
        "mov r2, r0\n\t"                                              \
        "mov r3, r1\n\t"                                              \
        "mov r4, r0\n\t"                                              \
        "mov r5, r1\n\t"                                              \
        "mov r6, r0\n\t"                                              \
        "mov r8, r1\n\t"                                              \
        TINYAUDIO_NN_KERNEL_ROW("s0", "s12", "s13", "s14", columns)   \
        TINYAUDIO_NN_KERNEL_ROW("s1", "s15", "s16", "s17", columns)   \
        TINYAUDIO_NN_KERNEL_ROW("s2", "s18", "s19", "s20", columns)   \
        TINYAUDIO_NN_CHANNEL("s8", "s10", one, "r0", "r2", "r4", "r6") \
        TINYAUDIO_NN_CHANNEL("s9", "s11", one, "r1", "r3", "r5", "r8") \
        "vmov r12, s4\n\t"                                            \
        "strb r0, [r12]\n\t"                                          \
        "strb r1, [r12, #2]\n\t"                                      \
        "strb r2, [r12, %[channels]]\n\t"                             \
        "strb r3, [r12, #%c[channels] + 2]\n\t"                       \
        "strb r4, [r12, #2 * %c[channels]]\n\t"                       \
        "strb r5, [r12, #2 * %c[channels] + 2]\n\t"                   \
        "strb r6, [r12, #3 * %c[channels]]\n\t"                       \
        "strb r8, [r12, #3 * %c[channels] + 2]\n\t"                   \
        "add r12, r12, #4 * %c[channels]\n\t"                         \
        "vmov s4, r12\n\t"                                            \
        "vmov r12, s3\n\t"                                            \
        "vmov lr, s0\n\t"                                             \
        "cmp r12, lr\n\t"                                             \
        "bne 2b\n\t"                                                  \
        "vmov lr, s22\n\t"                                            \
        "add r12, r12, #4\n\t"                                        \
        "vmov s3, r12\n\t"                                            \
        TINYAUDIO_NN_NEXT_PAIR("s0")                                  \
        TINYAUDIO_NN_NEXT_PAIR("s1")                                  \
        TINYAUDIO_NN_NEXT_PAIR("s2")                                  \
        "vmov r12, s4\n\t"                                            \
        "vmov lr, s23\n\t"                                            \
        "sub r12, r12, lr\n\t"                                        \
        "vmov lr, s21\n\t"                                            \
        "add r12, r12, lr\n\t"                                        \
        "vmov s4, r12\n\t"                                            \
        "vmov r12, s24\n\t"                                           \
        "cmp r12, %[pair]\n\t"                                        \
        "bne 1b\n\t"                                                  \
        : [pair] "+r"(pair), "+r"(job)                                \
        : [column] "n"(2 * kChannels), [advance] "n"(8 * kStride * kChannels), [channels] "n"(kChannels) \
        : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "s0", "s1", "s2", "s3", "s4",    \
          "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", "s16", "s17", "s18", "s19", "s20", "s21", \
          "s22", "s23", "s24", "cc", "memory")

// Blocks of four pixels of one output row, all channels.
template <int32_t kStride, int32_t kChannels, bool kClamped>
__attribute__((noinline, noclone)) void depthwise_blocks(const DepthwiseRow& row, const DepthwisePair* pair) {
    register const DepthwiseRow* job __asm__("r0") = &row;
    if constexpr (kStride == 1 && kClamped) {
        TINYAUDIO_NN_BLOCKS(TINYAUDIO_NN_COLUMNS_1, TINYAUDIO_NN_CLAMPED);
    } else if constexpr (kStride == 1) {
        TINYAUDIO_NN_BLOCKS(TINYAUDIO_NN_COLUMNS_1, TINYAUDIO_NN_ROUNDED);
    } else if constexpr (kClamped) {
        TINYAUDIO_NN_BLOCKS(TINYAUDIO_NN_COLUMNS_2, TINYAUDIO_NN_CLAMPED);
    } else {
        TINYAUDIO_NN_BLOCKS(TINYAUDIO_NN_COLUMNS_2, TINYAUDIO_NN_ROUNDED);
    }
}

#undef TINYAUDIO_NN_P0
#undef TINYAUDIO_NN_P1
#undef TINYAUDIO_NN_P2
#undef TINYAUDIO_NN_P3
#undef TINYAUDIO_NN_T0
#undef TINYAUDIO_NN_T1
#undef TINYAUDIO_NN_T2
#undef TINYAUDIO_NN_MULTIPLY
#undef TINYAUDIO_NN_EXPAND
#undef TINYAUDIO_NN_PIXEL
#undef TINYAUDIO_NN_COLUMN
#undef TINYAUDIO_NN_COLUMNS_1
#undef TINYAUDIO_NN_COLUMNS_2
#undef TINYAUDIO_NN_KERNEL_ROW
#undef TINYAUDIO_NN_CLAMPED
#undef TINYAUDIO_NN_ROUNDED
#undef TINYAUDIO_NN_CHANNEL
#undef TINYAUDIO_NN_NEXT_PAIR
#undef TINYAUDIO_NN_BLOCKS

}  // namespace nn
}  // namespace tinyaudio

#endif
