// Words of two neighbours times words of two weights by hand for Armv7E-M: multiply_twins_plain of conv_twins.h.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/armv7em.h"
#include "tinyaudio/nn/requantize.h"

#if TINYAUDIO_NN_ASSEMBLY

namespace tinyaudio {
namespace nn {

// Two words x two channels (a, b): 16 multiply-accumulates in 6 instructions. Four sums of two registers each (xal, xah to
// ybl, ybh), `in`, `weights`, and four that hold inputs x and y and weights u and v, and at the end LDM's constants: fourteen
// registers. All else waits in floating-point registers:
//   s0 to s2 the block's inputs, s3 its outputs, s5 the end of its row of outputs
//   s4 the end of a row of inputs; later `weights`
//   s6, s7 what the low sums of the next block's first word start with
//   s8 to s15: a TwinJob
struct TwinJob {
    int32_t block_bytes;    // of a row of inputs
    const int32_t* stream;  // the pair's
    int32_t output_bytes;   // from the first output of a row to behind the last one
    const int32_t* rows[3];
    int8_t* output;  // the pair's
    int8_t* output_end;
};

#define TINYAUDIO_NN_TWINS_STEP                \
    "ldrd %[x], %[y], [%[in]], #8\n\t"         \
    "ldrd %[u], %[v], [%[weights]], #8\n\t"    \
    "smlal %[xal], %[xah], %[x], %[u]\n\t"     \
    "smlal %[xbl], %[xbh], %[x], %[v]\n\t"     \
    "smlal %[yal], %[yah], %[y], %[u]\n\t"     \
    "smlal %[ybl], %[ybh], %[y], %[v]\n\t"
// One row under the kernel; `in` ends where the next block starts.
#define TINYAUDIO_NN_TWINS_ROW(row)                 \
    "vmov %[in], " row "\n\t"                       \
    "vmov %[x], s8\n\t"                             \
    "add %[x], %[in], %[x]\n\t"                     \
    "vmov s4, %[x]\n\t"                             \
    "3:\n\t"                                        \
    ".rept 8\n\t" TINYAUDIO_NN_TWINS_STEP ".endr\n\t" \
    "vmov %[x], s4\n\t"                             \
    "cmp %[x], %[in]\n\t"                           \
    "bne 3b\n\t"                                    \
    "vmov " row ", %[in]\n\t"
// Four sums of channel `c`, in `weights`, x..l, x..h and y..l, from those of its two words; `next` takes what the block
// behind starts with. The high sum of a word completes the low one of the next: that leaves its 21 bits neither.
#define TINYAUDIO_NN_TWINS_TAKE_APART(c, next)                  \
    "add %[y" c "l], %[y" c "l], %[x" c "h], asr #10\n\t"       \
    "ubfx %[weights], %[x" c "l], #0, #21\n\t"                  \
    "lsr %[x" c "l], %[x" c "l], #21\n\t"                       \
    "bfi %[x" c "l], %[x" c "h], #11, #10\n\t"                  \
    "ubfx %[x" c "h], %[y" c "l], #0, #21\n\t"                  \
    "lsr %[y" c "l], %[y" c "l], #21\n\t"                       \
    "bfi %[y" c "l], %[y" c "h], #11, #10\n\t"                  \
    "asr %[y" c "h], %[y" c "h], #10\n\t"                       \
    "add %[y" c "h], %[y" c "h], #0x100000\n\t"                 \
    "vmov " next ", %[y" c "h]\n\t"
#define TINYAUDIO_NN_TWINS_EACH(one, c, lane) \
    one("weights", "0 * %c[step] + " lane) one("x" c "l", "1 * %c[step] + " lane) one("x" c "h", "2 * %c[step] + " lane) one("y" c "l", "3 * %c[step] + " lane)
// As FineRequantizer does it: x bias and y 2^j, u multiplier and v addend; then x what a negative sum's addend lacks, twice
// its lowest set bit.
#define TINYAUDIO_NN_TWINS_SCALE(sum, place) "mla %[" sum "], %[" sum "], %[y], %[x]\n\t"
#define TINYAUDIO_NN_TWINS_LACK "rsb %[x], %[v], #0\n\t" "and %[x], %[x], %[v]\n\t" "lsl %[x], %[x], #1\n\t"
#define TINYAUDIO_NN_TWINS_FINE(sum, place)                \
    "smmla %[" sum "], %[" sum "], %[u], %[v]\n\t"         \
    "ssat %[" sum "], #8, %[" sum "], asr %[shift]\n\t"    \
    "strb %[" sum "], [%[in], #" place "]\n\t"
#define TINYAUDIO_NN_TWINS_FINE_SIGNED(sum, place)         \
    "and %[y], %[x], %[" sum "], asr #31\n\t"              \
    "sub %[y], %[v], %[y]\n\t"                             \
    "smmla %[" sum "], %[" sum "], %[u], %[y]\n\t"         \
    "ssat %[" sum "], #8, %[" sum "], asr %[shift]\n\t"    \
    "strb %[" sum "], [%[in], #" place "]\n\t"
#define TINYAUDIO_NN_TWINS_FINISH(c, lane, next, lack, fine)         \
    "ldm %[weights]!, {%[x], %[y], %[u], %[v]}\n\t"                  \
    "vmov s4, %[weights]\n\t" TINYAUDIO_NN_TWINS_TAKE_APART(c, next) \
    TINYAUDIO_NN_TWINS_EACH(TINYAUDIO_NN_TWINS_SCALE, c, lane) lack  \
    TINYAUDIO_NN_TWINS_EACH(fine, c, lane)

#define TINYAUDIO_NN_TWINS_PAIRS(lack, fine)                                                                        \
    __asm__ volatile(                                                                                               \
        "vldmia %[x], {s8-s15}\n\t"                                                                                 \
        "1:\n\t"                                                                                                    \
        "vmov %[weights], s9\n\t"                                                                                   \
        "vldmia %[weights]!, {s6-s7}\n\t"                                                                           \
        "vmov s9, %[weights]\n\t"                                                                                   \
        "vmov.f32 s0, s11\n\t"                                                                                      \
        "vmov.f32 s1, s12\n\t"                                                                                      \
        "vmov.f32 s2, s13\n\t"                                                                                      \
        "vmov.f32 s3, s14\n\t"                                                                                      \
        "vmov %[x], s14\n\t"                                                                                        \
        "vmov %[y], s10\n\t"                                                                                        \
        "add %[x], %[x], %[y]\n\t"                                                                                  \
        "vmov s5, %[x]\n\t"                                                                                         \
        "2:\n\t"                                                                                                    \
        "vmov %[weights], s9\n\t"                                                                                   \
        "vmov %[xal], s6\n\t"                                                                                       \
        "vmov %[xbl], s7\n\t"                                                                                       \
        "mov %[yal], #0x100000\n\t"                                                                                 \
        "mov %[ybl], #0x100000\n\t"                                                                                 \
        "mov %[xah], #512\n\t"                                                                                      \
        "mov %[xbh], #512\n\t"                                                                                      \
        "mov %[yah], #512\n\t"                                                                                      \
        "mov %[ybh], #512\n\t"                                                                                      \
        TINYAUDIO_NN_TWINS_ROW("s0")                                                                                \
        ".if %c[rows] > 1\n\t" TINYAUDIO_NN_TWINS_ROW("s1") ".endif\n\t"                                            \
        ".if %c[rows] > 2\n\t" TINYAUDIO_NN_TWINS_ROW("s2") ".endif\n\t"                                            \
        "vmov %[in], s3\n\t"                                                                                        \
        TINYAUDIO_NN_TWINS_FINISH("a", "0", "s6", lack, fine)                                                       \
        "vmov %[weights], s4\n\t"                                                                                   \
        TINYAUDIO_NN_TWINS_FINISH("b", "1", "s7", lack, fine)                                                       \
        "add %[in], %[in], #4 * %c[step]\n\t"                                                                       \
        "vmov s3, %[in]\n\t"                                                                                        \
        "vmov %[x], s5\n\t"                                                                                         \
        "cmp %[x], %[in]\n\t"                                                                                       \
        "bne 2b\n\t"                                                                                                \
        "vmov.f32 s9, s4\n\t"                                                                                       \
        "vmov %[x], s14\n\t"                                                                                        \
        "add %[x], %[x], #2\n\t"                                                                                    \
        "vmov s14, %[x]\n\t"                                                                                        \
        "vmov %[y], s15\n\t"                                                                                        \
        "cmp %[x], %[y]\n\t"                                                                                        \
        "bne 1b\n\t"                                                                                                \
        : [x] "+&r"(x), [y] "=&r"(y), [u] "=&r"(u), [v] "=&r"(v), [in] "=&r"(in), [weights] "=&r"(weights),         \
          [xal] "=&r"(xal), [xah] "=&r"(xah), [xbl] "=&r"(xbl), [xbh] "=&r"(xbh), [yal] "=&r"(yal),                 \
          [yah] "=&r"(yah), [ybl] "=&r"(ybl), [ybh] "=&r"(ybh)                                                      \
        : [rows] "n"(Outputs::kKernelRows), [step] "n"(Outputs::kColumnStep), [shift] "n"(Outputs::kShift)          \
        : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15",     \
          "cc", "memory")

// All pairs of channels of a row of outputs, for a requantization that ends in SSAT.
template <typename Outputs>
struct TwinBlocks {
    static constexpr bool kFits = Outputs::kActivationMin == -128 && Outputs::kActivationMax == 127 && 4 * Outputs::kColumnStep < 4096;

    static __attribute__((noinline, noclone)) void multiply(const TwinJob* job) {
        register const void* x __asm__("r8") = job;  // LDM wants them in this order
        register uint32_t y __asm__("r9");
        register uint32_t u __asm__("r10");
        register uint32_t v __asm__("r11");
        uint32_t in, weights, xal, xah, xbl, xbh, yal, yah, ybl, ybh;
        if constexpr (Outputs::kRequantization == Requantization::kClampedAtZeroPoint) {
            TINYAUDIO_NN_TWINS_PAIRS(, TINYAUDIO_NN_TWINS_FINE);
        } else {
            TINYAUDIO_NN_TWINS_PAIRS(TINYAUDIO_NN_TWINS_LACK, TINYAUDIO_NN_TWINS_FINE_SIGNED);
        }
    }
};

#undef TINYAUDIO_NN_TWINS_STEP
#undef TINYAUDIO_NN_TWINS_ROW
#undef TINYAUDIO_NN_TWINS_TAKE_APART
#undef TINYAUDIO_NN_TWINS_EACH
#undef TINYAUDIO_NN_TWINS_SCALE
#undef TINYAUDIO_NN_TWINS_LACK
#undef TINYAUDIO_NN_TWINS_FINE
#undef TINYAUDIO_NN_TWINS_FINE_SIGNED
#undef TINYAUDIO_NN_TWINS_FINISH
#undef TINYAUDIO_NN_TWINS_PAIRS

}  // namespace nn
}  // namespace tinyaudio

#endif
