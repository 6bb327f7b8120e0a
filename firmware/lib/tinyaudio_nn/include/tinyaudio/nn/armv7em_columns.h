// Columns times weights by hand for Armv7E-M: multiply_columns of columns.h.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/armv7em.h"
#include "tinyaudio/nn/armv7em_pairs.h"
#include "tinyaudio/nn/requantize.h"

#if TINYAUDIO_NN_ASSEMBLY

namespace tinyaudio {
namespace nn {

// Blocks of three or four pixels x two channels (a, b): six or eight sums p0a to p3b, `stream` and `column` take eight or ten
// of fourteen registers; what is left holds weights a and b and inputs. A step is two values of the depth:
//   four pixels: inputs x and y, twice: 16 multiply-accumulates in 11 (kWide), 12 (kFolded) or 13 instructions (kBytes)
//   three pixels: inputs x, y and z at once, weights of one byte (w and b) for two steps: 12 in 8, 8.5 or 9.5
// The more steps, the more three pixels save over what each block costs besides.
// `from` says where the sums stood before: OWN, or in the first step BIAS, which waits in the first pixel's sums; so that
// one comes last.
#define TINYAUDIO_NN_OWN(pixel, lane) pixel lane
#define TINYAUDIO_NN_FIRST(pixel, lane) "p0" lane
#define TINYAUDIO_NN_MULTIPLY(pixel, values, a, b, from)                              \
    "smlad %[" pixel "a], %[" values "], %[" a "], %[" from(pixel, "a") "]\n\t" \
    "smlad %[" pixel "b], %[" values "], %[" b "], %[" from(pixel, "b") "]\n\t"
#define TINYAUDIO_NN_STEP_4(a, b, from)                                                            \
    "ldrd %[x], %[y], [%[column], #8]\n\t"                                                         \
    TINYAUDIO_NN_MULTIPLY("p2", "x", a, b, from) TINYAUDIO_NN_MULTIPLY("p3", "y", a, b, from)      \
    "ldrd %[x], %[y], [%[column]], #16\n\t"                                                        \
    TINYAUDIO_NN_MULTIPLY("p1", "y", a, b, from) TINYAUDIO_NN_MULTIPLY("p0", "x", a, b, from)
#define TINYAUDIO_NN_STEP_3(a, b, from)                                                            \
    "ldm %[column]!, {%[x], %[y], %[z]}\n\t"                                                       \
    TINYAUDIO_NN_MULTIPLY("p2", "z", a, b, from) TINYAUDIO_NN_MULTIPLY("p1", "y", a, b, from)      \
    TINYAUDIO_NN_MULTIPLY("p0", "x", a, b, from)

// One step; folded weights give 256 (sum b) + sum a where the others give sum b.
#define TINYAUDIO_NN_WIDE(step, from) "ldrd %[a], %[b], [%[stream]], #8\n\t" step("a", "b", from)
#define TINYAUDIO_NN_BYTES(step, from) \
    "ldr %[b], [%[stream]], #4\n\t" "sxtb16 %[a], %[b]\n\t" "sxtb16 %[b], %[b], ror #8\n\t" step("a", "b", from)
#define TINYAUDIO_NN_FOLDED(step, from) "ldr %[b], [%[stream]], #4\n\t" "sxtb16 %[a], %[b]\n\t" step("a", "b", from)
// Two steps.
#define TINYAUDIO_NN_BYTES_TWICE(from)                      \
    "ldrd %[w], %[b], [%[stream]], #8\n\t"                  \
    "sxtb16 %[a], %[w]\n\t" "sxtb16 %[w], %[w], ror #8\n\t" \
    TINYAUDIO_NN_STEP_3("a", "w", from)                     \
    "sxtb16 %[a], %[b]\n\t" "sxtb16 %[b], %[b], ror #8\n\t" \
    TINYAUDIO_NN_STEP_3("a", "b", TINYAUDIO_NN_OWN)
#define TINYAUDIO_NN_FOLDED_TWICE(from)                         \
    "ldrd %[w], %[b], [%[stream]], #8\n\t"                      \
    "sxtb16 %[a], %[w]\n\t" TINYAUDIO_NN_STEP_3("a", "w", from) \
    "sxtb16 %[a], %[b]\n\t" TINYAUDIO_NN_STEP_3("a", "b", TINYAUDIO_NN_OWN)
#define TINYAUDIO_NN_WIDE_TWICE(from) TINYAUDIO_NN_TWO(TINYAUDIO_NN_WIDE, TINYAUDIO_NN_STEP_3, from)
#define TINYAUDIO_NN_TWO(format, step, from) format(step, from) format(step, TINYAUDIO_NN_OWN)

// The first two steps, then kLoops times kUnrolled, then the rest of them in one go.
#define TINYAUDIO_NN_STEPS(only, first, once, twice) \
    "ldrd %[p0a], %[p0b], [%[stream]], #8\n\t"       \
    ".if %c[depth] == 2\n\t" only                    \
    ".else\n\t" first                                \
    ".endif\n\t"                                     \
    ".if %c[loops]\n\t"                              \
    "add %[x], %[stream], %[loop_bytes]\n\t"         \
    "vmov %[loop_end], %[x]\n\t"                     \
    "2:\n\t"                                         \
    ".rept %c[unrolled] / 2\n\t" twice               \
    ".endr\n\t"                                      \
    "vmov %[x], %[loop_end]\n\t"                     \
    "cmp %[x], %[stream]\n\t"                        \
    "bne 2b\n\t"                                     \
    ".endif\n\t"                                     \
    ".rept %c[rest] / 2\n\t" twice                   \
    ".endr\n\t"                                      \
    ".if %c[rest] %% 2\n\t" once                     \
    ".endif\n\t"

// As Requantizer does it: x multiplier of channel a, y of channel b. The shift of the stream is one less, so that half of
// the divisor is 1 << shift; SSAT shifts by the one that is left.
#define TINYAUDIO_NN_CLAMPED(sum, multiplier)                         \
    "smmlar %[" sum "], %[" sum "], %[" multiplier "], %[column]\n\t" \
    "asr %[" sum "], %[" sum "], %[a]\n\t"                            \
    "ssat %[" sum "], #8, %[" sum "], asr #1\n\t"
#define TINYAUDIO_NN_ROUNDED(sum, multiplier)              \
    "smmulr %[" sum "], %[" sum "], %[" multiplier "]\n\t" \
    "add %[" sum "], %[" sum "], %[" sum "], asr #31\n\t"  \
    "add %[" sum "], %[" sum "], %[column]\n\t"            \
    "asr %[" sum "], %[" sum "], %[a]\n\t"                 \
    "ssat %[" sum "], #8, %[" sum "], asr #1\n\t"
#define TINYAUDIO_NN_DOUBLE(sum) "lsl %[" sum "], %[" sum "], #1\n\t"
#define TINYAUDIO_NN_UNFOLD(pixel)                        \
    "sub %[" pixel "b], %[" pixel "b], %[" pixel "a]\n\t" \
    "asr %[" pixel "b], %[" pixel "b], #7\n\t"
#define TINYAUDIO_NN_CLAMPED_A(sum) TINYAUDIO_NN_CLAMPED(sum, "x")
#define TINYAUDIO_NN_CLAMPED_B(sum) TINYAUDIO_NN_CLAMPED(sum, "y")
#define TINYAUDIO_NN_ROUNDED_A(sum) TINYAUDIO_NN_ROUNDED(sum, "x")
#define TINYAUDIO_NN_ROUNDED_B(sum) TINYAUDIO_NN_ROUNDED(sum, "y")
#define TINYAUDIO_NN_UNFOLD_ALL(others) TINYAUDIO_NN_UNFOLD("p0") others(TINYAUDIO_NN_UNFOLD)
#define TINYAUDIO_NN_DOUBLED_SUMS(each, one_a, one_b)     \
    each(TINYAUDIO_NN_DOUBLE, "a")                        \
    "ldrd %[x], %[y], [%[stream]], #8\n\t"                \
    "ldr %[b], [%[stream]], #4\n\t"                       \
    "vmov %[column], %[offset]\n\t"                       \
    "uxtb %[a], %[b]\n\t"                                 \
    "lsl %[column], %[column], %[a]\n\t" each(one_a, "a") \
    "vmov %[column], %[offset]\n\t"                       \
    "uxtb %[a], %[b], ror #8\n\t"                         \
    "lsl %[column], %[column], %[a]\n\t" each(one_b, "b")
#define TINYAUDIO_NN_CLAMPED_SUMS(each) TINYAUDIO_NN_DOUBLED_SUMS(each, TINYAUDIO_NN_CLAMPED_A, TINYAUDIO_NN_CLAMPED_B)
#define TINYAUDIO_NN_ROUNDED_SUMS(each) TINYAUDIO_NN_DOUBLED_SUMS(each, TINYAUDIO_NN_ROUNDED_A, TINYAUDIO_NN_ROUNDED_B)
#define TINYAUDIO_NN_DOUBLE_B(each) each(TINYAUDIO_NN_DOUBLE, "b")

// As ShortRequantizer does it; of folded sums, lane b is 256 times as large as the sum already.
#define TINYAUDIO_NN_SPLIT(pixel) "sub %[" pixel "b], %[" pixel "b], %[" pixel "a]\n\t"
#define TINYAUDIO_NN_SPLIT_ALL(others) TINYAUDIO_NN_SPLIT("p0") others(TINYAUDIO_NN_SPLIT)
#define TINYAUDIO_NN_SCALE(sum) "lsl %[" sum "], %[" sum "], #8\n\t"
#define TINYAUDIO_NN_SCALE_B(each) each(TINYAUDIO_NN_SCALE, "b")
#define TINYAUDIO_NN_SHORT(sum, multiplier)                     \
    "smmla %[" sum "], %[" sum "], %[" multiplier "], %[a]\n\t" \
    "ssat %[" sum "], #8, %[" sum "], asr %[shift]\n\t"
#define TINYAUDIO_NN_SHORT_A(sum) TINYAUDIO_NN_SCALE(sum) TINYAUDIO_NN_SHORT(sum, "x")
#define TINYAUDIO_NN_SHORT_B(sum) TINYAUDIO_NN_SHORT(sum, "y")
#define TINYAUDIO_NN_SHORT_SUMS(each)                                                 \
    "ldrd %[x], %[y], [%[stream]], #8\n\t"                                            \
    "ldr %[b], [%[stream]], #4\n\t"                                                   \
    "vmov %[column], %[offset]\n\t"                                                   \
    "uxtah %[a], %[column], %[b]\n\t" each(TINYAUDIO_NN_SHORT_A, "a")                 \
    "uxtah %[a], %[column], %[b], ror #16\n\t" each(TINYAUDIO_NN_SHORT_B, "b")

#define TINYAUDIO_NN_SUMS [p0a] "=&r"(p0a), [p0b] "=&r"(p0b), [p1a] "=&r"(p1a), [p1b] "=&r"(p1b), [p2a] "=&r"(p2a), [p2b] "=&r"(p2b)
#define TINYAUDIO_NN_PAIRS(pixels, prepare, steps, finish, extra_1, extra_2)                                                                                    \
    __asm__ volatile("1:\n\t" "vmov %[column], %[columns]\n\t" steps prepare finish(TINYAUDIO_NN_EACH_##pixels) \
                         TINYAUDIO_NN_END(TINYAUDIO_NN_STORE_##pixels, "%[output]", "%[stream_end]")                                                                                          \
                     : TINYAUDIO_NN_SUMS, extra_1, extra_2, [stream] "+r"(stream), [column] "=&r"(column), [a] "=&r"(a),                                        \
                       [b] "=&r"(b), [x] "=&r"(x), [y] "=&r"(y), [output] "+t"(output), [loop_end] "=&t"(end)                                                   \
                     : [columns] "t"(columns), [stream_end] "t"(stream_end), [offset] "t"(offset), [depth] "n"(Shape::kDepth), [loops] "n"(kLoops), \
                       [rest] "n"(kRest), [loop_bytes] "n"(kLoops * kUnrolled * kStepBytes),                                              \
                       [unrolled] "n"(kUnrolled), [step] "n"(kStep), [shift] "n"(Shape::kShift)                                                                 \
                     : "cc", "memory")
#define TINYAUDIO_NN_FOUR(prepare, format, finish)                                                          \
    TINYAUDIO_NN_PAIRS(4, prepare,                                                                          \
                       TINYAUDIO_NN_STEPS(format(TINYAUDIO_NN_STEP_4, TINYAUDIO_NN_FIRST),                  \
                                          TINYAUDIO_NN_TWO(format, TINYAUDIO_NN_STEP_4, TINYAUDIO_NN_FIRST), \
                                          format(TINYAUDIO_NN_STEP_4, TINYAUDIO_NN_OWN),                    \
                                          TINYAUDIO_NN_TWO(format, TINYAUDIO_NN_STEP_4, TINYAUDIO_NN_OWN)), \
                       finish, [p3a] "=&r"(p3a), [p3b] "=&r"(p3b))
#define TINYAUDIO_NN_THREE(prepare, format, finish)                                                                          \
    TINYAUDIO_NN_PAIRS(3, prepare,                                                                                           \
                       TINYAUDIO_NN_STEPS(format(TINYAUDIO_NN_STEP_3, TINYAUDIO_NN_FIRST), format##_TWICE(TINYAUDIO_NN_FIRST), \
                                          format(TINYAUDIO_NN_STEP_3, TINYAUDIO_NN_OWN), format##_TWICE(TINYAUDIO_NN_OWN)),  \
                       finish, [z] "=&r"(z), [w] "=&r"(w))

// All pairs of channels of a block, as the Shape says.
#define TINYAUDIO_NN_FORMATS(block, each, others)                                                   \
    if constexpr (Shape::kWeights == WeightFormat::kWide) {                                         \
        if constexpr (kClamped) {                                                                   \
            block(, TINYAUDIO_NN_WIDE, TINYAUDIO_NN_FINE_SUMS);                                     \
        } else {                                                                                    \
            block(, TINYAUDIO_NN_WIDE, TINYAUDIO_NN_FINE_SIGNED_SUMS);                              \
        }                                                                                           \
    } else if constexpr (Shape::kWeights == WeightFormat::kFolded) {                                \
        if constexpr (kShort) {                                                                     \
            block(TINYAUDIO_NN_SPLIT_ALL(others), TINYAUDIO_NN_FOLDED, TINYAUDIO_NN_SHORT_SUMS);    \
        } else if constexpr (kClamped) {                                                                   \
            block(TINYAUDIO_NN_UNFOLD_ALL(others), TINYAUDIO_NN_FOLDED, TINYAUDIO_NN_CLAMPED_SUMS); \
        } else {                                                                                    \
            block(TINYAUDIO_NN_UNFOLD_ALL(others), TINYAUDIO_NN_FOLDED, TINYAUDIO_NN_ROUNDED_SUMS); \
        }                                                                                           \
    } else if constexpr (kShort) {                                                                  \
        block(TINYAUDIO_NN_SCALE_B(each), TINYAUDIO_NN_BYTES, TINYAUDIO_NN_SHORT_SUMS);             \
    } else if constexpr (kClamped) {                                                                \
        block(TINYAUDIO_NN_DOUBLE_B(each), TINYAUDIO_NN_BYTES, TINYAUDIO_NN_CLAMPED_SUMS);          \
    } else {                                                                                        \
        block(TINYAUDIO_NN_DOUBLE_B(each), TINYAUDIO_NN_BYTES, TINYAUDIO_NN_ROUNDED_SUMS);          \
    }

// multiply_columns of columns.h for three or four pixels, an even number of channels and a requantization that ends in SSAT.
template <typename Shape, int32_t kPixels, int32_t kStep>
struct PixelBlock {
    static constexpr int32_t kSteps = Shape::kDepth / 2;
    static constexpr int32_t kInner = kSteps == 1 ? 0 : kSteps - 2;  // behind the first two
    static constexpr int32_t kLoops = kInner <= 16 ? 0 : (kInner <= 62 ? 2 : kInner / 32 + 1);  // few steps are written out
    static constexpr int32_t kUnrolled = kLoops == 0 ? 0 : kInner / kLoops / 2 * 2;
    static constexpr int32_t kRest = kInner - kLoops * kUnrolled;
    static constexpr int32_t kStepBytes = Shape::kWeights == WeightFormat::kWide ? 8 : 4;
    static constexpr bool kShort = Shape::kWeights != WeightFormat::kWide && Shape::kShift != 0;
    static constexpr bool kClamped = Shape::kRequantization == Requantization::kClampedAtZeroPoint;
    static constexpr bool kFits = (kPixels == 3 || kPixels == 4) && Shape::kOutputChannels % 2 == 0 &&
                                  Shape::kRequantization != Requantization::kGeneral && Shape::kActivationMin == -128 &&
                                  Shape::kActivationMax == 127 && (kPixels - 1) * kStep < 4095 &&
                                  kLoops * kUnrolled * kStepBytes < 4096;

    // Not cloned for constant arguments: they would come from a literal pool, which the repeated instructions put out of
    // reach without the compiler seeing it.
    static __attribute__((noinline, noclone)) void multiply(const int16_t* columns, const int32_t* stream, int8_t* output) {
        constexpr int32_t kPairWords = (Shape::kWeights == WeightFormat::kWide ? 6 : 5) + kSteps * kStepBytes / 4;
        const int32_t* const stream_end = stream + Shape::kOutputChannels / 2 * kPairWords;
        int32_t p0a, p0b, p1a, p1b, p2a, p2b;
        uint32_t column, a, b;
        float end;
        int32_t offset = kShort ? ShortRequantizer<Shape>::addend_of(0) : 2 * Shape::kOutputZeroPoint + 1;
        __asm__("" : "+r"(offset));  // nor this from there
        if constexpr (kPixels == 4) {
            int32_t p3a, p3b;
            uint32_t x, y;
            TINYAUDIO_NN_FORMATS(TINYAUDIO_NN_FOUR, TINYAUDIO_NN_EACH_4, TINYAUDIO_NN_OTHERS_4)
        } else {
            uint32_t w;
            register uint32_t x __asm__("r8");  // LDM wants them in this order
            register uint32_t y __asm__("r9");
            register uint32_t z __asm__("r10");
            TINYAUDIO_NN_FORMATS(TINYAUDIO_NN_THREE, TINYAUDIO_NN_EACH_3, TINYAUDIO_NN_OTHERS_3)
        }
    }
};

#undef TINYAUDIO_NN_OWN
#undef TINYAUDIO_NN_FIRST
#undef TINYAUDIO_NN_MULTIPLY
#undef TINYAUDIO_NN_STEP_4
#undef TINYAUDIO_NN_STEP_3
#undef TINYAUDIO_NN_WIDE
#undef TINYAUDIO_NN_BYTES
#undef TINYAUDIO_NN_FOLDED
#undef TINYAUDIO_NN_BYTES_TWICE
#undef TINYAUDIO_NN_FOLDED_TWICE
#undef TINYAUDIO_NN_WIDE_TWICE
#undef TINYAUDIO_NN_TWO
#undef TINYAUDIO_NN_STEPS
#undef TINYAUDIO_NN_CLAMPED
#undef TINYAUDIO_NN_ROUNDED
#undef TINYAUDIO_NN_DOUBLE
#undef TINYAUDIO_NN_UNFOLD
#undef TINYAUDIO_NN_CLAMPED_A
#undef TINYAUDIO_NN_CLAMPED_B
#undef TINYAUDIO_NN_ROUNDED_A
#undef TINYAUDIO_NN_ROUNDED_B
#undef TINYAUDIO_NN_UNFOLD_ALL
#undef TINYAUDIO_NN_DOUBLED_SUMS
#undef TINYAUDIO_NN_CLAMPED_SUMS
#undef TINYAUDIO_NN_ROUNDED_SUMS
#undef TINYAUDIO_NN_DOUBLE_B
#undef TINYAUDIO_NN_SPLIT
#undef TINYAUDIO_NN_SPLIT_ALL
#undef TINYAUDIO_NN_SCALE
#undef TINYAUDIO_NN_SCALE_B
#undef TINYAUDIO_NN_SHORT
#undef TINYAUDIO_NN_SHORT_A
#undef TINYAUDIO_NN_SHORT_B
#undef TINYAUDIO_NN_SHORT_SUMS
#undef TINYAUDIO_NN_SUMS
#undef TINYAUDIO_NN_PAIRS
#undef TINYAUDIO_NN_FOUR
#undef TINYAUDIO_NN_THREE
#undef TINYAUDIO_NN_FORMATS

}  // namespace nn
}  // namespace tinyaudio

#endif
