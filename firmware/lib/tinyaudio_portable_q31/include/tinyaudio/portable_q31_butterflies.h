// The stages of `portable_q31` with twiddles: four transforms of kQuarter points become one of 4 kQuarter, divided by 4.
#ifndef TINYAUDIO_PORTABLE_Q31_BUTTERFLIES_H_
#define TINYAUDIO_PORTABLE_Q31_BUTTERFLIES_H_

#include <stdint.h>

#include "tinyaudio/arithmetic.h"
#include "tinyaudio/frontend.h"

namespace tinyaudio {

// One butterfly of a, b, c, d at data[0], data[2 kQuarter], data[4 kQuarter], data[6 kQuarter] with the twiddles
// w^2, w, w^3, Q30. A product comes out divided by 4 (Q30 >> 32); `a` is shifted. A difference is 2 t - sum.
// |a| .. |d| <= 2^30.5 as complex numbers, and so are the results.
template <uint32_t kQuarter>
inline void radix4_butterfly(const int32_t* w, int32_t* data) {
    int32_t* a = data;
    int32_t* b = data + 2 * kQuarter;
    int32_t* c = data + 4 * kQuarter;
    int32_t* d = data + 6 * kQuarter;
    const int32_t ax = a[0] >> 2;
    const int32_t ay = a[1] >> 2;
    const int32_t even_x = add_product(add_product(ax, c[0], w[0]), c[1], w[1]);
    const int32_t even_y = subtract_product(add_product(ay, c[1], w[0]), c[0], w[1]);
    const int32_t even_dx = 2 * ax - even_x;
    const int32_t even_dy = 2 * ay - even_y;
    const int32_t bx = add_product(multiply_rounded(b[0], w[2]), b[1], w[3]);
    const int32_t by = subtract_product(multiply_rounded(b[1], w[2]), b[0], w[3]);
    const int32_t odd_x = add_product(add_product(bx, d[0], w[4]), d[1], w[5]);
    const int32_t odd_y = subtract_product(add_product(by, d[1], w[4]), d[0], w[5]);
    const int32_t odd_dx = 2 * bx - odd_x;
    const int32_t odd_dy = 2 * by - odd_y;
    a[0] = even_x + odd_x;
    a[1] = even_y + odd_y;
    b[0] = even_dx + odd_dy;
    b[1] = even_dy - odd_dx;
    c[0] = even_x - odd_x;
    c[1] = even_y - odd_y;
    d[0] = even_dx - odd_dy;
    d[1] = even_dy + odd_dx;
}

// The same with w = 1: products with a sine of 0 are 0.
template <uint32_t kQuarter>
inline void radix4_butterfly_without_twiddles(int32_t* data) {
    constexpr int32_t kOne = 1 << 30;
    int32_t* a = data;
    int32_t* b = data + 2 * kQuarter;
    int32_t* c = data + 4 * kQuarter;
    int32_t* d = data + 6 * kQuarter;
    const int32_t ax = a[0] >> 2;
    const int32_t ay = a[1] >> 2;
    const int32_t even_x = add_product(ax, c[0], kOne);
    const int32_t even_y = add_product(ay, c[1], kOne);
    const int32_t bx = multiply_rounded(b[0], kOne);
    const int32_t by = multiply_rounded(b[1], kOne);
    const int32_t odd_x = add_product(bx, d[0], kOne);
    const int32_t odd_y = add_product(by, d[1], kOne);
    const int32_t even_dx = 2 * ax - even_x;
    const int32_t even_dy = 2 * ay - even_y;
    const int32_t odd_dx = 2 * bx - odd_x;
    const int32_t odd_dy = 2 * by - odd_y;
    a[0] = even_x + odd_x;
    a[1] = even_y + odd_y;
    b[0] = even_dx + odd_dy;
    b[1] = even_dy - odd_dx;
    c[0] = even_x - odd_x;
    c[1] = even_y - odd_y;
    d[0] = even_dx - odd_dy;
    d[1] = even_dy + odd_dx;
}

// Without optimisation GCC keeps a frame pointer, and the registers do not suffice.
#if defined(__ARM_FEATURE_DSP) && defined(__OPTIMIZE__)
#define TINYAUDIO_RADIX4_ASSEMBLY

// 39 instructions a butterfly; fourteen registers are just enough, GCC spills and needs about 45. The pointer is placed so
// that all offsets reach, and the last store, of c, moves it on. `count` is at least 1.
template <uint32_t kQuarter, uint32_t kStep, uint32_t kTwiddleStep>
inline void radix4_loop(const int32_t* w, int32_t* data, uint32_t count) {
    constexpr int32_t kQuarterBytes = 8 * kQuarter;
    constexpr int32_t kStepBytes = 4 * kStep;
    int32_t ax, ay, bx, by, ex, ey, ox, x, y, cosine, sine;
    int32_t* p = data + 4 * kQuarter - kStep;
    __asm__ volatile(
        "1:\n\t"
        "ldrd %[x], %[y], [%[p], %[c]]\n\t"
        "ldrd %[cosine], %[sine], [%[w]], %[w1]\n\t"
        "ldrd %[ax], %[ay], [%[p], %[a]]\n\t"
        "asr %[ax], %[ax], #2\n\t"
        "asr %[ay], %[ay], #2\n\t"
        "smmlar %[ex], %[x], %[cosine], %[ax]\n\t"
        "smmlar %[ey], %[y], %[cosine], %[ay]\n\t"
        "smmlar %[ex], %[y], %[sine], %[ex]\n\t"
        "smmlsr %[ey], %[x], %[sine], %[ey]\n\t"
        "ldrd %[x], %[y], [%[p], %[b]]\n\t"
        "ldrd %[cosine], %[sine], [%[w]], %[w2]\n\t"
        "rsb %[ax], %[ex], %[ax], lsl #1\n\t"
        "rsb %[ay], %[ey], %[ay], lsl #1\n\t"
        "smmulr %[bx], %[x], %[cosine]\n\t"
        "smmulr %[by], %[y], %[cosine]\n\t"
        "smmlar %[bx], %[y], %[sine], %[bx]\n\t"
        "smmlsr %[by], %[x], %[sine], %[by]\n\t"
        "ldrd %[x], %[y], [%[p], %[d]]\n\t"
        "ldrd %[cosine], %[sine], [%[w]], %[w3]\n\t"
        "smmlar %[ox], %[x], %[cosine], %[bx]\n\t"
        "smmlar %[cosine], %[y], %[cosine], %[by]\n\t"  // from here the odd sum's imaginary part
        "smmlar %[ox], %[y], %[sine], %[ox]\n\t"
        "smmlsr %[cosine], %[x], %[sine], %[cosine]\n\t"
        "rsb %[bx], %[ox], %[bx], lsl #1\n\t"
        "rsb %[by], %[cosine], %[by], lsl #1\n\t"
        "add %[x], %[ex], %[ox]\n\t"
        "add %[y], %[ey], %[cosine]\n\t"
        "strd %[x], %[y], [%[p], %[a]]\n\t"
        "add %[x], %[ax], %[by]\n\t"
        "sub %[y], %[ay], %[bx]\n\t"
        "strd %[x], %[y], [%[p], %[b]]\n\t"
        "sub %[ax], %[ax], %[by]\n\t"
        "add %[ay], %[ay], %[bx]\n\t"
        "strd %[ax], %[ay], [%[p], %[d]]\n\t"
        "sub %[ex], %[ex], %[ox]\n\t"
        "sub %[ey], %[ey], %[cosine]\n\t"
        "strd %[ex], %[ey], [%[p], %[c]]!\n\t"
        "subs %[count], %[count], #1\n\t"
        "bne 1b\n\t"
        : [p] "+r"(p), [w] "+r"(w), [count] "+r"(count), [ax] "=&r"(ax), [ay] "=&r"(ay), [bx] "=&r"(bx),
          [by] "=&r"(by), [ex] "=&r"(ex), [ey] "=&r"(ey), [ox] "=&r"(ox), [x] "=&r"(x), [y] "=&r"(y),
          [cosine] "=&r"(cosine), [sine] "=&r"(sine)
        : [a] "i"(kStepBytes - 2 * kQuarterBytes), [b] "i"(kStepBytes - kQuarterBytes), [c] "i"(kStepBytes),
          [d] "i"(kStepBytes + kQuarterBytes), [w1] "i"(8), [w2] "i"(8),
          [w3] "i"(static_cast<int32_t>(4 * kTwiddleStep) - 16)
        : "cc", "memory");
}

#endif

// `count` butterflies, kStep words and kTwiddleStep (0 or 6) words apart.
template <uint32_t kQuarter, uint32_t kStep, uint32_t kTwiddleStep>
inline void radix4_butterflies(const int32_t* w, int32_t* data, uint32_t count) {
#if defined(TINYAUDIO_RADIX4_ASSEMBLY)
    constexpr uint32_t kReachBytes = 1020;  // of LDRD
    if constexpr (16 * kQuarter <= kReachBytes + 4 * kStep && 4 * kStep + 8 * kQuarter <= kReachBytes) {
        if (count != 0) {
            radix4_loop<kQuarter, kStep, kTwiddleStep>(w, data, count);
        }
        return;
    }
#endif
    for (; count != 0; --count, data += kStep, w += kTwiddleStep) {
        radix4_butterfly<kQuarter>(w, data);
    }
}

template <uint32_t kPoints, uint32_t kQuarter>
TINYAUDIO_STAGE void radix4_stage(const int32_t* twiddles, int32_t* data) {
    constexpr uint32_t kGroupWords = 8 * kQuarter;
    constexpr uint32_t kGroups = kPoints / (4 * kQuarter);
    for (uint32_t group = 0; group < kGroups; ++group) {
        radix4_butterfly_without_twiddles<kQuarter>(data + kGroupWords * group);
    }
    if constexpr (kGroups > kQuarter) {
        for (uint32_t j = 1; j < kQuarter; ++j, twiddles += 6) {
            radix4_butterflies<kQuarter, kGroupWords, 0>(twiddles, data + 2 * j, kGroups);
        }
    } else {
        for (uint32_t group = 0; group < kGroups; ++group, data += kGroupWords) {
            radix4_butterflies<kQuarter, 2, 6>(twiddles, data + 2, kQuarter - 1);
        }
    }
}

}  // namespace tinyaudio

#endif  // TINYAUDIO_PORTABLE_Q31_BUTTERFLIES_H_
