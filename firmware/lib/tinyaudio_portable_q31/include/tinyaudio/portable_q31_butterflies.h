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

// `count` butterflies, kStep words and kTwiddleStep (0 or 6) words apart.
template <uint32_t kQuarter, uint32_t kStep, uint32_t kTwiddleStep>
inline void radix4_butterflies(const int32_t* w, int32_t* data, uint32_t count) {
    for (; count != 0; --count, data += kStep, w += kTwiddleStep) {
        radix4_butterfly<kQuarter>(w, data);
    }
}

template <uint32_t kPoints, uint32_t kQuarter>
TINYAUDIO_STAGE void radix4_stage(const int32_t* twiddles, int32_t* data) {
    constexpr uint32_t kGroupWords = 8 * kQuarter;
    constexpr uint32_t kGroups = kPoints / (4 * kQuarter);
    static const int32_t kOne[6] = {1 << 30, 0, 1 << 30, 0, 1 << 30, 0};
    radix4_butterflies<kQuarter, kGroupWords, 0>(kOne, data, kGroups);
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
