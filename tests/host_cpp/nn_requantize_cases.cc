// The short requantizations against the general one, over random and extreme accumulators. Compiled with
// TINYAUDIO_NN_DSP=1: Requantizer then takes the short way where the Shape allows it.
#include <stdint.h>
#include <stdio.h>

#include "tinyaudio/nn/requantize.h"

using tinyaudio::nn::Requantization;
using tinyaudio::nn::Requantizer;

template <int32_t kZeroPoint, int32_t kMin, int32_t kMax, Requantization kWay>
struct Shape {
    static constexpr int32_t kOutputZeroPoint = kZeroPoint;
    static constexpr int32_t kActivationMin = kMin;
    static constexpr int32_t kActivationMax = kMax;
    static constexpr Requantization kRequantization = kWay;
};

static uint32_t state = 1;

static uint32_t next_random() {
    state = state * 1664525u + 1013904223u;
    return state >> 2 ^ state << 20;
}

// An accumulator below 2^30 in size: small, of any size, or a tie of the last division.
static int32_t next_accumulator(int32_t right_shift) {
    const int32_t limit = (1 << 30) - 1;
    const uint32_t kind = next_random() % 8;
    if (kind == 0) {
        return next_random() % 2 ? limit : -limit;
    }
    if (kind == 1) {
        const int32_t tie = static_cast<int32_t>((2 * (next_random() % 256) + 1) << right_shift) % limit;
        return next_random() % 2 ? tie : -tie;
    }
    const int32_t value = static_cast<int32_t>(next_random() >> (2 + next_random() % 20));
    return next_random() % 2 ? value : -value;
}

template <int32_t kZeroPoint, int32_t kMin, int32_t kMax, Requantization kWay>
static long count_differences() {
    long differences = 0;
    for (int32_t round = 0; round < 40000; ++round) {
        const int32_t multiplier = round % 5 == 0 ? 1 << 30 : static_cast<int32_t>(0x40000000u + next_random() % 0x3fffffffu);
        const int8_t right_shift = static_cast<int8_t>(1 + next_random() % 21);
        const Requantizer<Shape<kZeroPoint, kMin, kMax, kWay>> fast(multiplier, right_shift);
        const Requantizer<Shape<kZeroPoint, kMin, kMax, Requantization::kGeneral>> general(multiplier, right_shift);
        for (int32_t count = 0; count < 8; ++count) {
            const int32_t accumulator = next_accumulator(right_shift);
            differences += fast(accumulator) != general(accumulator);
        }
    }
    return differences;
}

int main() {
    printf("%ld\n", count_differences<0, -128, 127, Requantization::kRounded>());
    printf("%ld\n", count_differences<-128, -128, 127, Requantization::kRounded>());
    printf("%ld\n", count_differences<127, -100, 127, Requantization::kRounded>());
    printf("%ld\n", count_differences<-128, -128, 127, Requantization::kClampedAtZeroPoint>());
    printf("%ld\n", count_differences<5, 5, 100, Requantization::kClampedAtZeroPoint>());
    // With a clamp elsewhere the shortest way rounds ties below the zero point differently: the test would notice.
    printf("%ld\n", count_differences<5, -128, 127, Requantization::kClampedAtZeroPoint>());
    return 0;
}
