// Rows times weights by hand for Armv7E-M: conv_rows_block_plain of conv_rows.h.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/armv7em.h"
#include "tinyaudio/nn/armv7em_pairs.h"
#include "tinyaudio/nn/requantize.h"

#if TINYAUDIO_NN_ASSEMBLY

namespace tinyaudio {
namespace nn {

// Three pixels x two channels (a, b) x four values of the depth: 24 multiply-accumulates in 16 instructions; two pixels, 16
// in 11. Six sums, `stream`, `column`, inputs x and y, and four weights that LDM wants in order (a and b for the first two
// values, a and b for the others): fourteen registers. The first pixel comes last, so that its load moves `column` on.
// from_a, from_b: what the pixel's sums start with.
#define TINYAUDIO_NN_ROWS_PIXEL_FROM(pixel, place, from_a, from_b) \
    "ldrd %[x], %[y], [%[column]" place "\n\t"                     \
    "smlad %[" pixel "a], %[x], %[a], %[" from_a "]\n\t"           \
    "smlad %[" pixel "b], %[x], %[b], %[" from_b "]\n\t"           \
    "smlad %[" pixel "a], %[y], %[c], %[" pixel "a]\n\t"           \
    "smlad %[" pixel "b], %[y], %[d], %[" pixel "b]\n\t"
#define TINYAUDIO_NN_ROWS_OWN(pixel, place) TINYAUDIO_NN_ROWS_PIXEL_FROM(pixel, place, pixel "a", pixel "b")
#define TINYAUDIO_NN_ROWS_BIAS(pixel, place) TINYAUDIO_NN_ROWS_PIXEL_FROM(pixel, place, "p0a", "p0b")
#define TINYAUDIO_NN_ROWS_STEP_2(one)              \
    "ldm %[stream]!, {%[a], %[b], %[c], %[d]}\n\t" \
    one("p1", ", %[pixel]]")                       \
    one("p0", "], #8")
#define TINYAUDIO_NN_ROWS_STEP_3(one)              \
    "ldm %[stream]!, {%[a], %[b], %[c], %[d]}\n\t" \
    one("p2", ", #2 * %c[pixel]]")                 \
    one("p1", ", %[pixel]]")                       \
    one("p0", "], #8")

// One row under the kernel. The bias waits in the first pixel's sums: where no loop comes first, the first step spreads it.
#define TINYAUDIO_NN_ROWS_ROW(row, step, others, first)          \
    "vmov %[column], " row "\n\t"                                \
    ".if %c[loops]\n\t" others                                   \
    "add %[x], %[column], #8 * %c[unrolled] * %c[loops]\n\t"     \
    "vmov s8, %[x]\n\t"                                          \
    "2:\n\t"                                                     \
    ".rept %c[unrolled]\n\t" step(TINYAUDIO_NN_ROWS_OWN)         \
    ".endr\n\t"                                                  \
    "vmov %[x], s8\n\t"                                          \
    "cmp %[x], %[column]\n\t"                                    \
    "bne 2b\n\t"                                                 \
    ".rept %c[rest]\n\t" step(TINYAUDIO_NN_ROWS_OWN)             \
    ".endr\n\t"                                                  \
    ".else\n\t" step(first)                                      \
    ".rept %c[rest] - 1\n\t" step(TINYAUDIO_NN_ROWS_OWN)         \
    ".endr\n\t"                                                  \
    ".endif\n\t"
// To the next block.
#define TINYAUDIO_NN_ROWS_NEXT(pointer, distance) "vmov %[x], " pointer "\n\t" "add %[x], %[x], #" distance "\n\t" "vmov " pointer ", %[x]\n\t"

#define TINYAUDIO_NN_ROWS_BLOCKS(pixels, finish, ...)                                                                  \
    __asm__ volatile(                                                                                                  \
        "vldmia %[x], {s0-s6}\n\t"                                                                                     \
        "3:\n\t"                                                                                                       \
        "vmov %[stream], s5\n\t"                                                                                       \
        "vmov.f32 s7, s3\n\t"                                                                                          \
        "1:\n\t"                                                                                                       \
        "ldrd %[p0a], %[p0b], [%[stream]], #8\n\t"                                                                     \
        TINYAUDIO_NN_ROWS_ROW("s0", TINYAUDIO_NN_ROWS_STEP_##pixels, TINYAUDIO_NN_OTHERS_##pixels(TINYAUDIO_NN_COPY), TINYAUDIO_NN_ROWS_BIAS) \
        ".if %c[rows] > 1\n\t" TINYAUDIO_NN_ROWS_ROW("s1", TINYAUDIO_NN_ROWS_STEP_##pixels, , TINYAUDIO_NN_ROWS_OWN) ".endif\n\t" \
        ".if %c[rows] > 2\n\t" TINYAUDIO_NN_ROWS_ROW("s2", TINYAUDIO_NN_ROWS_STEP_##pixels, , TINYAUDIO_NN_ROWS_OWN) ".endif\n\t" \
        finish(TINYAUDIO_NN_EACH_##pixels)                                                                             \
        TINYAUDIO_NN_END(TINYAUDIO_NN_STORE_##pixels, "s7", "s6")                                                      \
        TINYAUDIO_NN_ROWS_NEXT("s0", #pixels " * %c[pixel]")                                                           \
        ".if %c[rows] > 1\n\t" TINYAUDIO_NN_ROWS_NEXT("s1", #pixels " * %c[pixel]") ".endif\n\t"                       \
        ".if %c[rows] > 2\n\t" TINYAUDIO_NN_ROWS_NEXT("s2", #pixels " * %c[pixel]") ".endif\n\t"                       \
        TINYAUDIO_NN_ROWS_NEXT("s3", #pixels " * %c[step]")                                                            \
        "vmov %[y], s4\n\t"                                                                                            \
        "cmp %[x], %[y]\n\t"                                                                                           \
        "bne 3b\n\t"                                                                                                   \
        : [x] "+&r"(x), [y] "=&r"(y), [stream] "=&r"(stream), [column] "=&r"(column), [a] "=&r"(a), [b] "=&r"(b),      \
          [c] "=&r"(c), [d] "=&r"(d), [p0a] "=&r"(p0a), [p0b] "=&r"(p0b), [p1a] "=&r"(p1a), [p1b] "=&r"(p1b) __VA_ARGS__ \
        : [loops] "n"(kLoops), [unrolled] "n"(kUnrolled), [rest] "n"(kSteps - kUnrolled * kLoops), [rows] "n"(kRows),  \
          [pixel] "n"(kPixelBytes), [step] "n"(Shape::kOutputColumnStep), [shift] "n"(Shape::kShift)                   \
        : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "cc", "memory")

// What s0 to s6 take; s7 is the pair's output, s8 the end of a loop over a row.
struct RowsJob {
    const int16_t* rows[3];  // the block's
    int8_t* output;          // the block's
    const int8_t* output_end;
    const int32_t* stream;
    const int32_t* stream_end;
};

// All pairs of channels of `blocks` times two or three neighbouring pixels, for wide weights and a requantization that ends in SSAT.
template <typename Shape, int32_t kPixels>
struct RowsBlock {
    static constexpr int32_t kRows = Shape::kKernelHeight;
    static constexpr int32_t kSteps = Shape::kKernelWidth * Shape::kInputChannels / 4;  // of a row
    static constexpr int32_t kUnrolled = kSteps % 8 == 0 ? 8 : 6;
    static constexpr int32_t kLoops = kSteps <= 16 ? 0 : kSteps / kUnrolled;  // few steps are written out
    static constexpr int32_t kPixelBytes = 2 * Shape::kStrideWidth * Shape::kInputChannels;
    static constexpr bool kClamped = Shape::kRequantization == Requantization::kClampedAtZeroPoint;
    static constexpr bool kFits = kRows <= 3 && (kPixels - 1) * kPixelBytes <= 1020 && 8 * kUnrolled * kLoops < 4096 &&
                                  kPixels * Shape::kOutputColumnStep < 4095 && Shape::kActivationMin == -128 &&
                                  Shape::kActivationMax == 127;

    // Not cloned for constant arguments: they would come from a literal pool, which the repeated instructions put out of
    // reach without the compiler seeing it.
    static __attribute__((noinline, noclone)) void multiply(const int16_t* const* inputs, const int32_t* stream,
                                                             int8_t* output, int32_t blocks) {
        constexpr int32_t kPairWords = 6 + 4 * kSteps * kRows;
        const RowsJob job = {
            {inputs[0], inputs[kRows > 1 ? 1 : 0], inputs[kRows > 2 ? 2 : 0]}, output, output + blocks * kPixels * Shape::kOutputColumnStep,
            stream, stream + Shape::kOutputChannels / 2 * kPairWords,
        };
        const void* x = &job;
        uint32_t y, column, p0a, p0b, p1a, p1b;
        register uint32_t a __asm__("r8");  // LDM wants them in this order
        register uint32_t b __asm__("r9");
        register uint32_t c __asm__("r10");
        register uint32_t d __asm__("r11");
        if constexpr (kPixels == 3) {
            uint32_t p2a, p2b;
            if constexpr (kClamped) {
                TINYAUDIO_NN_ROWS_BLOCKS(3, TINYAUDIO_NN_FINE_SUMS, , [p2a] "=&r"(p2a), [p2b] "=&r"(p2b));
            } else {
                TINYAUDIO_NN_ROWS_BLOCKS(3, TINYAUDIO_NN_FINE_SIGNED_SUMS, , [p2a] "=&r"(p2a), [p2b] "=&r"(p2b));
            }
        } else if constexpr (kClamped) {
            TINYAUDIO_NN_ROWS_BLOCKS(2, TINYAUDIO_NN_FINE_SUMS);
        } else {
            TINYAUDIO_NN_ROWS_BLOCKS(2, TINYAUDIO_NN_FINE_SIGNED_SUMS);
        }
    }
};

#undef TINYAUDIO_NN_ROWS_PIXEL_FROM
#undef TINYAUDIO_NN_ROWS_OWN
#undef TINYAUDIO_NN_ROWS_BIAS
#undef TINYAUDIO_NN_ROWS_STEP_2
#undef TINYAUDIO_NN_ROWS_STEP_3
#undef TINYAUDIO_NN_ROWS_ROW
#undef TINYAUDIO_NN_ROWS_NEXT
#undef TINYAUDIO_NN_ROWS_BLOCKS

}  // namespace nn
}  // namespace tinyaudio

#endif
