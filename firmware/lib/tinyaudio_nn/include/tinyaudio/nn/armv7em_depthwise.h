// 3x3 depthwise convolution by hand for Armv7E-M: depthwise_strip_plain of depthwise_3x3.h.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/armv7em.h"
#include "tinyaudio/nn/requantize.h"

#if TINYAUDIO_NN_ASSEMBLY

namespace tinyaudio {
namespace nn {

// Fourteen registers: the weights of a channel stay, (w0, w1) and (w1, w2) of the kernel's rows in r0 r1, r2 r3 and r4 r5;
// sums a0 to a3 of four neighbouring outputs; x and y for inputs; `in` and `out`. All else waits in floating-point registers:
//   s0 bias, s1 multiplier, s2 addend, s3 shift (kBytes): the channel's
//   s4 end of a row's blocks, s5 end of the strip, s14 `in` while a register lacks
//   s8 to s13: a DepthwiseJob
// `in` points at the last word that a block of four loads from the first row: the load moves it on.
struct DepthwiseJob {
    const int16_t* plane;  // the channel's
    int8_t* output;        // the channel's
    const int32_t* stream;
    int8_t* output_end;   // `output` behind the last channel
    int32_t strip_bytes;  // from a plane to behind the last row that an output starts in
    int32_t offset;       // 2 * zero point + 1; with one shift for all channels, what all their addends have
};

// A kernel row's weights from the bytes w1, w0, any, w2, times 256.
#define TINYAUDIO_NN_PLANE_UNPACK(first, second)   \
    "and %[a0], %[y], #0xff00ff00\n\t"             \
    "lsl %[a1], %[y], #8\n\t"                      \
    "pkhbt %[" first "], %[a0], %[y], lsl #24\n\t" \
    "pkhtb %[" second "], %[a0], %[a1]\n\t"
#define TINYAUDIO_NN_PLANE_CHANNEL_WEIGHTS \
    "ldr %[y], [%[x]], #4\n\t"             \
    TINYAUDIO_NN_PLANE_UNPACK("r0", "r1")  \
    "ubfx %[a2], %[y], #16, #8\n\t"        \
    "ldr %[y], [%[x]], #4\n\t"             \
    TINYAUDIO_NN_PLANE_UNPACK("r2", "r3")  \
    "ldr %[y], [%[x]], #4\n\t"             \
    TINYAUDIO_NN_PLANE_UNPACK("r4", "r5")  \
    "vldmia %[x]!, {s0-s1}\n\t"            \
    "vmov %[a0], s13\n\t"
#define TINYAUDIO_NN_PLANE_CHANNEL_SHORT \
    TINYAUDIO_NN_PLANE_CHANNEL_WEIGHTS   \
    "add %[a0], %[a0], %[a2]\n\t"        \
    "vmov s2, %[a0]\n\t"
#define TINYAUDIO_NN_PLANE_CHANNEL_BYTES  \
    TINYAUDIO_NN_PLANE_CHANNEL_WEIGHTS    \
    "lsl %[a0], %[a0], %[a2]\n\t"         \
    "asr %[a0], %[a0], #1\n\t"            \
    "add %[a0], %[a0], #64\n\t"           \
    "vmov s2, %[a0]\n\t"                  \
    "vmov s3, %[a2]\n\t"
#define TINYAUDIO_NN_PLANE_CHANNEL_WIDE \
    "ldrd %[r0], %[r1], [%[x]], #8\n\t" \
    "ldrd %[r2], %[r3], [%[x]], #8\n\t" \
    "ldrd %[r4], %[r5], [%[x]], #8\n\t" \
    "vldmia %[x]!, {s0-s2}\n\t"

// SMLA<halves> sum, values, weights, from: B and T name the halves that are multiplied, D means both products.
#define TINYAUDIO_NN_PLANE_ADD(halves, sum, from, values, weights) \
    "smla" halves " %[" sum "], %[" values "], %[" weights "], %[" from "]\n\t"
// Where a sum stands before a kernel row: in a block's first row, in the bias, which waits in the sum that is needed last.
#define TINYAUDIO_NN_PLANE_OWN(sum) sum
#define TINYAUDIO_NN_PLANE_BIAS(sum) "a3"

// One kernel row with the weights `u` = (w0, w1), `v` = (w1, w2), for outputs 0, 1 and so on, as soon as their inputs are
// loaded. Stride 1, columns (0, 1) (2, 3) (4, 5); stride 2, to (6, 7) and 8. `from`: OWN or BIAS.
#define TINYAUDIO_NN_PLANE_LOAD_TWO(place) "ldrd %[x], %[y], [%[in], #" place "]\n\t"
#define TINYAUDIO_NN_PLANE_LOAD_ONE(place) "ldr %[x], [%[in], #" place "]\n\t"
#define TINYAUDIO_NN_PLANE_STRIDE_1_TO_1(u, v, from) \
    TINYAUDIO_NN_PLANE_ADD("d", "a0", from("a0"), "x", u) TINYAUDIO_NN_PLANE_ADD("bt", "a0", "a0", "y", v)
#define TINYAUDIO_NN_PLANE_STRIDE_1_TO_2(u, v, from) \
    TINYAUDIO_NN_PLANE_STRIDE_1_TO_1(u, v, from)     \
    TINYAUDIO_NN_PLANE_ADD("tb", "a1", from("a1"), "x", u) TINYAUDIO_NN_PLANE_ADD("d", "a1", "a1", "y", v)
#define TINYAUDIO_NN_PLANE_STRIDE_1_ROW_1(u, v, row) TINYAUDIO_NN_PLANE_LOAD_TWO(row " - 8") TINYAUDIO_NN_PLANE_STRIDE_1_TO_1(u, v, TINYAUDIO_NN_PLANE_OWN)
#define TINYAUDIO_NN_PLANE_STRIDE_1_ROW_2(u, v, row) TINYAUDIO_NN_PLANE_LOAD_TWO(row " - 8") TINYAUDIO_NN_PLANE_STRIDE_1_TO_2(u, v, TINYAUDIO_NN_PLANE_OWN)
#define TINYAUDIO_NN_PLANE_STRIDE_1_ROW_3(u, v, row) \
    TINYAUDIO_NN_PLANE_STRIDE_1_ROW_2(u, v, row)     \
    TINYAUDIO_NN_PLANE_ADD("d", "a2", "a2", "y", u)  \
    TINYAUDIO_NN_PLANE_LOAD_ONE(row)                 \
    TINYAUDIO_NN_PLANE_ADD("bt", "a2", "a2", "x", v)
#define TINYAUDIO_NN_PLANE_STRIDE_1_ROW_4(u, v, row, from, load_last)                                      \
    TINYAUDIO_NN_PLANE_LOAD_TWO(row " - 8")                                                                \
    TINYAUDIO_NN_PLANE_STRIDE_1_TO_2(u, v, from)                                                           \
    TINYAUDIO_NN_PLANE_ADD("d", "a2", from("a2"), "y", u) TINYAUDIO_NN_PLANE_ADD("tb", "a3", "a3", "y", u) \
    load_last                                                                                              \
    TINYAUDIO_NN_PLANE_ADD("bt", "a2", "a2", "x", v) TINYAUDIO_NN_PLANE_ADD("d", "a3", "a3", "x", v)

#define TINYAUDIO_NN_PLANE_STRIDE_2_TO_1(u, v, row, from) \
    TINYAUDIO_NN_PLANE_LOAD_TWO(row " - 16")              \
    TINYAUDIO_NN_PLANE_ADD("d", "a0", from("a0"), "x", u) TINYAUDIO_NN_PLANE_ADD("bt", "a0", "a0", "y", v)
#define TINYAUDIO_NN_PLANE_STRIDE_2_TO_3(u, v, row, from) \
    TINYAUDIO_NN_PLANE_STRIDE_2_TO_1(u, v, row, from)     \
    TINYAUDIO_NN_PLANE_ADD("d", "a1", from("a1"), "y", u) \
    TINYAUDIO_NN_PLANE_LOAD_TWO(row " - 8")               \
    TINYAUDIO_NN_PLANE_ADD("bt", "a1", "a1", "x", v)      \
    TINYAUDIO_NN_PLANE_ADD("d", "a2", from("a2"), "x", u) TINYAUDIO_NN_PLANE_ADD("bt", "a2", "a2", "y", v)
#define TINYAUDIO_NN_PLANE_STRIDE_2_ROW_1(u, v, row) TINYAUDIO_NN_PLANE_STRIDE_2_TO_1(u, v, row, TINYAUDIO_NN_PLANE_OWN)
#define TINYAUDIO_NN_PLANE_STRIDE_2_ROW_2(u, v, row) \
    TINYAUDIO_NN_PLANE_STRIDE_2_ROW_1(u, v, row)     \
    TINYAUDIO_NN_PLANE_ADD("d", "a1", "a1", "y", u)  \
    TINYAUDIO_NN_PLANE_LOAD_ONE(row " - 8")          \
    TINYAUDIO_NN_PLANE_ADD("bt", "a1", "a1", "x", v)
#define TINYAUDIO_NN_PLANE_STRIDE_2_ROW_3(u, v, row) TINYAUDIO_NN_PLANE_STRIDE_2_TO_3(u, v, row, TINYAUDIO_NN_PLANE_OWN)
#define TINYAUDIO_NN_PLANE_STRIDE_2_ROW_4(u, v, row, from, load_last) \
    TINYAUDIO_NN_PLANE_STRIDE_2_TO_3(u, v, row, from)                 \
    TINYAUDIO_NN_PLANE_ADD("d", "a3", "a3", "y", u)                   \
    load_last                                                         \
    TINYAUDIO_NN_PLANE_ADD("bt", "a3", "a3", "x", v)

// FineRequantizer's ways, for each of the sums.
#define TINYAUDIO_NN_PLANE_EACH_1(one) one("a0")
#define TINYAUDIO_NN_PLANE_EACH_2(one) one("a0") one("a1")
#define TINYAUDIO_NN_PLANE_EACH_3(one) one("a0") one("a1") one("a2")
#define TINYAUDIO_NN_PLANE_EACH_4(one) one("a0") one("a1") one("a2") one("a3")
#define TINYAUDIO_NN_PLANE_START(sum) "vmov %[" sum "], s0\n\t"
#define TINYAUDIO_NN_PLANE_SCALE(sum) "smmla %[" sum "], %[" sum "], %[x], %[y]\n\t"
#define TINYAUDIO_NN_PLANE_SCALE_SIGNED(sum) \
    "asr %[in], %[" sum "], #31\n\t"         \
    "add %[in], %[y], %[in], lsl #7\n\t"     \
    "smmla %[" sum "], %[" sum "], %[x], %[in]\n\t"
#define TINYAUDIO_NN_PLANE_SHIFT(sum) "asr %[" sum "], %[" sum "], %[x]\n\t"
#define TINYAUDIO_NN_PLANE_SATURATE(sum) "ssat %[" sum "], #8, %[" sum "]\n\t"
#define TINYAUDIO_NN_PLANE_SHIFT_SATURATE(sum) "ssat %[" sum "], #8, %[" sum "], asr %[shift]\n\t"
#define TINYAUDIO_NN_PLANE_STORE(sum)            \
    ".if %c[channels] < 256\n\t"                 \
    "strb %[" sum "], [%[out]], %[channels]\n\t" \
    ".else\n\t"                                  \
    "strb %[" sum "], [%[out]]\n\t"              \
    "add %[out], %[out], %[channels]\n\t"        \
    ".endif\n\t"
#define TINYAUDIO_NN_PLANE_FINE "vmov %[x], s1\n\t" "vmov %[y], s2\n\t"
#define TINYAUDIO_NN_PLANE_FINISH_SHARED(each) \
    TINYAUDIO_NN_PLANE_FINE each(TINYAUDIO_NN_PLANE_SCALE) each(TINYAUDIO_NN_PLANE_SHIFT_SATURATE) each(TINYAUDIO_NN_PLANE_STORE)
#define TINYAUDIO_NN_PLANE_FINISH_BYTES(each)                                  \
    TINYAUDIO_NN_PLANE_FINE each(TINYAUDIO_NN_PLANE_SCALE) "vmov %[x], s3\n\t" \
    each(TINYAUDIO_NN_PLANE_SHIFT) each(TINYAUDIO_NN_PLANE_SATURATE) each(TINYAUDIO_NN_PLANE_STORE)
#define TINYAUDIO_NN_PLANE_FINISH_SIGNED(each)                                                                \
    TINYAUDIO_NN_PLANE_FINE "vmov s14, %[in]\n\t" each(TINYAUDIO_NN_PLANE_SCALE_SIGNED) "vmov %[in], s14\n\t" \
    "vmov %[x], s3\n\t" each(TINYAUDIO_NN_PLANE_SHIFT) each(TINYAUDIO_NN_PLANE_SATURATE) each(TINYAUDIO_NN_PLANE_STORE)

// The kernel's first row comes last: its last load moves `in` on.
#define TINYAUDIO_NN_PLANE_BLOCK(row, finish)                                                          \
    "vmov %[a3], s0\n\t"                                                                               \
    row("r2", "r3", "%c[row]", TINYAUDIO_NN_PLANE_BIAS, TINYAUDIO_NN_PLANE_LOAD_ONE("%c[row]"))        \
    row("r4", "r5", "2 * %c[row]", TINYAUDIO_NN_PLANE_OWN, TINYAUDIO_NN_PLANE_LOAD_ONE("2 * %c[row]")) \
    row("r0", "r1", "0", TINYAUDIO_NN_PLANE_OWN, "ldr %[x], [%[in]], %[advance]\n\t")                  \
    finish(TINYAUDIO_NN_PLANE_EACH_4)
#define TINYAUDIO_NN_PLANE_TAIL(row, finish, each)                                 \
    each(TINYAUDIO_NN_PLANE_START)                                                 \
    row("r0", "r1", "0") row("r2", "r3", "%c[row]") row("r4", "r5", "2 * %c[row]") \
    finish(each)

#define TINYAUDIO_NN_PLANE_CHANNELS(channel, row_1, row_2, row_3, row_4, finish)                               \
    __asm__ volatile(                                                                                          \
        "vldmia %[in], {s8-s13}\n\t"                                                                           \
        "1:\n\t"                                                                                               \
        "vmov %[x], s10\n\t"                                                                                   \
        channel                                                                                                \
        "vmov s10, %[x]\n\t"                                                                                   \
        "vmov %[in], s8\n\t"                                                                                   \
        "vmov %[out], s9\n\t"                                                                                  \
        "vmov %[x], s12\n\t"                                                                                   \
        "add %[x], %[in], %[x]\n\t"                                                                            \
        "vmov s5, %[x]\n\t"                                                                                    \
        "2:\n\t"                                                                                               \
        ".if %c[blocks] > 2\n\t"                                                                               \
        "add %[x], %[in], %[blocks] * %c[advance]\n\t"                                                         \
        "vmov s4, %[x]\n\t"                                                                                    \
        "3:\n\t.rept 2 - %c[blocks] %% 2\n\t" TINYAUDIO_NN_PLANE_BLOCK(row_4, finish) ".endr\n\t"                                                       \
        "vmov %[x], s4\n\t"                                                                                    \
        "cmp %[x], %[in]\n\t"                                                                                  \
        "bne 3b\n\t"                                                                                           \
        ".else\n\t"                                                                                            \
        ".rept %c[blocks]\n\t" TINYAUDIO_NN_PLANE_BLOCK(row_4, finish)                                         \
        ".endr\n\t"                                                                                            \
        ".endif\n\t"                                                                                           \
        ".if %c[tail] == 1\n\t" TINYAUDIO_NN_PLANE_TAIL(row_1, finish, TINYAUDIO_NN_PLANE_EACH_1) ".endif\n\t" \
        ".if %c[tail] == 2\n\t" TINYAUDIO_NN_PLANE_TAIL(row_2, finish, TINYAUDIO_NN_PLANE_EACH_2) ".endif\n\t" \
        ".if %c[tail] == 3\n\t" TINYAUDIO_NN_PLANE_TAIL(row_3, finish, TINYAUDIO_NN_PLANE_EACH_3) ".endif\n\t" \
        "vmov %[x], s5\n\t"                                                                                    \
        "add %[in], %[in], %[next_row]\n\t"                                                                    \
        "cmp %[x], %[in]\n\t"                                                                                  \
        "bne 2b\n\t"                                                                                           \
        "vmov %[in], s8\n\t"                                                                                   \
        "vmov %[out], s9\n\t"                                                                                  \
        "vmov %[x], s11\n\t"                                                                                   \
        "add %[in], %[in], %[next_plane]\n\t"                                                                  \
        "add %[out], %[out], #1\n\t"                                                                           \
        "vmov s8, %[in]\n\t"                                                                                   \
        "vmov s9, %[out]\n\t"                                                                                  \
        "cmp %[x], %[out]\n\t"                                                                                 \
        "bne 1b\n\t"                                                                                           \
        : [in] "+&r"(in), [out] "=&r"(out), [x] "=&r"(x), [y] "=&r"(y), [r0] "=&r"(r0), [r1] "=&r"(r1),        \
          [r2] "=&r"(r2), [r3] "=&r"(r3), [r4] "=&r"(r4), [r5] "=&r"(r5), [a0] "=&r"(a0), [a1] "=&r"(a1),      \
          [a2] "=&r"(a2), [a3] "=&r"(a3)                                                                       \
        : [row] "n"(kRowBytes), [advance] "n"(kAdvance), [blocks] "n"(kBlocks), [tail] "n"(kTail),             \
          [channels] "n"(Shape::kOutputChannels), [shift] "n"(kShift), [next_plane] "n"(kNextPlane),           \
          [next_row] "n"(Shape::kStrideHeight * kRowBytes - kBlocks * kAdvance)                                \
        : "s0", "s1", "s2", "s3", "s4", "s5", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "cc", "memory")

#define TINYAUDIO_NN_PLANE_STRIDE(stride, channel, finish)                                                                       \
    TINYAUDIO_NN_PLANE_CHANNELS(channel, TINYAUDIO_NN_PLANE_STRIDE_##stride##_ROW_1, TINYAUDIO_NN_PLANE_STRIDE_##stride##_ROW_2, \
                          TINYAUDIO_NN_PLANE_STRIDE_##stride##_ROW_3, TINYAUDIO_NN_PLANE_STRIDE_##stride##_ROW_4, finish)

// Strip: what depthwise_3x3.h derives from the Shape.
template <typename Shape, typename Strip>
struct DepthwiseBlocks {
    static constexpr int32_t kRowBytes = 2 * Strip::kColumns;
    static constexpr int32_t kAdvance = 8 * Shape::kStrideWidth;
    static constexpr int32_t kBlocks = Shape::kOutputWidth / 4;
    static constexpr int32_t kTail = Shape::kOutputWidth % 4;
    static constexpr int32_t kNextPlane = 2 * Strip::kStep;
    static constexpr bool kClamped = Shape::kRequantization == Requantization::kClampedAtZeroPoint;
    static constexpr int32_t kShift = Shape::kShift;
    static constexpr bool kShort = !Strip::kWide && kShift != 0;
    // What immediate operands reach, and a requantization that ends in SSAT.
    static constexpr bool kFits = 2 * kRowBytes < 1020 && Shape::kOutputChannels < 4096 && kNextPlane < 4096 &&
                                  Shape::kStrideHeight * kRowBytes < 4096 && (Shape::kStrideWidth == 1 || Shape::kStrideWidth == 2) &&
                                  Shape::kActivationMin == -128 && Shape::kActivationMax == 127 && (kClamped || !Strip::kWide);

    static __attribute__((noinline, noclone)) void multiply(const int16_t* planes, int8_t* output, const int32_t* stream, int32_t rows) {
        const int32_t strip_bytes = rows * Shape::kStrideHeight * kRowBytes;
        const DepthwiseJob job = {planes + 4 * Shape::kStrideWidth, output, stream, output + Shape::kOutputChannels, strip_bytes,
                                  kShort ? ShortRequantizer<Shape>::addend_of(0) : 2 * Shape::kOutputZeroPoint + 1};
        const void* in = &job;
        int8_t* out;
        uint32_t x, y, r0, r1, r2, r3, r4, r5, a0, a1, a2, a3;
        if constexpr (Shape::kStrideWidth == 1 && Strip::kWide) {
            TINYAUDIO_NN_PLANE_STRIDE(1, TINYAUDIO_NN_PLANE_CHANNEL_WIDE, TINYAUDIO_NN_PLANE_FINISH_SHARED);
        } else if constexpr (Shape::kStrideWidth == 1 && kShort) {
            TINYAUDIO_NN_PLANE_STRIDE(1, TINYAUDIO_NN_PLANE_CHANNEL_SHORT, TINYAUDIO_NN_PLANE_FINISH_SHARED);
        } else if constexpr (Shape::kStrideWidth == 1 && kClamped) {
            TINYAUDIO_NN_PLANE_STRIDE(1, TINYAUDIO_NN_PLANE_CHANNEL_BYTES, TINYAUDIO_NN_PLANE_FINISH_BYTES);
        } else if constexpr (Shape::kStrideWidth == 1) {
            TINYAUDIO_NN_PLANE_STRIDE(1, TINYAUDIO_NN_PLANE_CHANNEL_BYTES, TINYAUDIO_NN_PLANE_FINISH_SIGNED);
        } else if constexpr (Strip::kWide) {
            TINYAUDIO_NN_PLANE_STRIDE(2, TINYAUDIO_NN_PLANE_CHANNEL_WIDE, TINYAUDIO_NN_PLANE_FINISH_SHARED);
        } else if constexpr (kShort) {
            TINYAUDIO_NN_PLANE_STRIDE(2, TINYAUDIO_NN_PLANE_CHANNEL_SHORT, TINYAUDIO_NN_PLANE_FINISH_SHARED);
        } else if constexpr (kClamped) {
            TINYAUDIO_NN_PLANE_STRIDE(2, TINYAUDIO_NN_PLANE_CHANNEL_BYTES, TINYAUDIO_NN_PLANE_FINISH_BYTES);
        } else {
            TINYAUDIO_NN_PLANE_STRIDE(2, TINYAUDIO_NN_PLANE_CHANNEL_BYTES, TINYAUDIO_NN_PLANE_FINISH_SIGNED);
        }
    }
};

#undef TINYAUDIO_NN_PLANE_UNPACK
#undef TINYAUDIO_NN_PLANE_CHANNEL_WEIGHTS
#undef TINYAUDIO_NN_PLANE_CHANNEL_SHORT
#undef TINYAUDIO_NN_PLANE_CHANNEL_BYTES
#undef TINYAUDIO_NN_PLANE_CHANNEL_WIDE
#undef TINYAUDIO_NN_PLANE_ADD
#undef TINYAUDIO_NN_PLANE_OWN
#undef TINYAUDIO_NN_PLANE_BIAS
#undef TINYAUDIO_NN_PLANE_LOAD_TWO
#undef TINYAUDIO_NN_PLANE_LOAD_ONE
#undef TINYAUDIO_NN_PLANE_STRIDE_1_TO_1
#undef TINYAUDIO_NN_PLANE_STRIDE_1_TO_2
#undef TINYAUDIO_NN_PLANE_STRIDE_1_ROW_1
#undef TINYAUDIO_NN_PLANE_STRIDE_1_ROW_2
#undef TINYAUDIO_NN_PLANE_STRIDE_1_ROW_3
#undef TINYAUDIO_NN_PLANE_STRIDE_1_ROW_4
#undef TINYAUDIO_NN_PLANE_STRIDE_2_TO_1
#undef TINYAUDIO_NN_PLANE_STRIDE_2_TO_3
#undef TINYAUDIO_NN_PLANE_STRIDE_2_ROW_1
#undef TINYAUDIO_NN_PLANE_STRIDE_2_ROW_2
#undef TINYAUDIO_NN_PLANE_STRIDE_2_ROW_3
#undef TINYAUDIO_NN_PLANE_STRIDE_2_ROW_4
#undef TINYAUDIO_NN_PLANE_EACH_1
#undef TINYAUDIO_NN_PLANE_EACH_2
#undef TINYAUDIO_NN_PLANE_EACH_3
#undef TINYAUDIO_NN_PLANE_EACH_4
#undef TINYAUDIO_NN_PLANE_START
#undef TINYAUDIO_NN_PLANE_SCALE
#undef TINYAUDIO_NN_PLANE_SCALE_SIGNED
#undef TINYAUDIO_NN_PLANE_SHIFT
#undef TINYAUDIO_NN_PLANE_SATURATE
#undef TINYAUDIO_NN_PLANE_SHIFT_SATURATE
#undef TINYAUDIO_NN_PLANE_STORE
#undef TINYAUDIO_NN_PLANE_FINE
#undef TINYAUDIO_NN_PLANE_FINISH_SHARED
#undef TINYAUDIO_NN_PLANE_FINISH_BYTES
#undef TINYAUDIO_NN_PLANE_FINISH_SIGNED
#undef TINYAUDIO_NN_PLANE_BLOCK
#undef TINYAUDIO_NN_PLANE_TAIL
#undef TINYAUDIO_NN_PLANE_CHANNELS
#undef TINYAUDIO_NN_PLANE_STRIDE

}  // namespace nn
}  // namespace tinyaudio

#endif
