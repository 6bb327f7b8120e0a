// 3x3 depthwise convolution by hand for Armv7E-M, see depthwise_conv_2d.h.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/armv7em.h"
#include "tinyaudio/nn/requantize.h"

#if TINYAUDIO_NN_ASSEMBLY

namespace tinyaudio {
namespace nn {

// What a 3x3 depthwise kernel needs for two channels (a, b), in the order in which s6 to s21 take it.
struct DepthwisePair {
    int32_t bias[2];  // doubled
    int32_t multipliers[2];
    int32_t half_shifts[2];  // right shift - 1
    uint32_t weights[9];     // doubled, two int16 each
    int32_t next;            // from the outputs of channel a to those of the next pair's
};

// Spread the constants of all channel pairs, (0, 2), (1, 3), (4, 6), (5, 7) ..., of a 3x3 kernel; one function for all shapes.
__attribute__((noinline)) inline void prepare_depthwise_pairs(const ChannelWeights& weights, int32_t channels, DepthwisePair* pairs) {
    const int8_t* packed = weights.weights;
    for (int32_t number = 0; number < channels / 2; ++number) {
        DepthwisePair& pair = pairs[number];
        const int32_t channel = number / 2 * 4 + number % 2;
        pair.next = number % 2 == 0 ? 1 : 3;
        for (int32_t row = 0; row < 3; ++row, packed += 8) {
            const uint32_t first = sxtb16(load_word(packed));
            const uint32_t second = sxtb16_ror8(load_word(packed));
            const uint32_t third = sxtb16(load_word(packed + 4));
            pair.weights[3 * row] = sadd16(first, first);
            pair.weights[3 * row + 1] = sadd16(second, second);
            pair.weights[3 * row + 2] = sadd16(third, third);
        }
        for (int32_t lane = 0; lane < 2; ++lane) {
            pair.bias[lane] = 2 * weights.bias[channel + 2 * lane];
            pair.multipliers[lane] = weights.multipliers[channel + 2 * lane];
            pair.half_shifts[lane] = weights.right_shifts[channel + 2 * lane] - 1;
        }
    }
}

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
