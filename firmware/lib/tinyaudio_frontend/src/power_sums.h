// The sums over one mel segment of the power spectrum: the loop that the mel stage spends its time in.
#ifndef TINYAUDIO_FRONTEND_POWER_SUMS_H_
#define TINYAUDIO_FRONTEND_POWER_SUMS_H_

#include <string.h>

#include "tinyaudio/arithmetic.h"

namespace tinyaudio {

// Over the bins of a segment: sums of weight x lower half, weight x upper half, and of the power itself.
// Weights are Q21, halves 32 bits, bins at most 2^11: below 2^64. The power of all bins together is below 2^61.
struct PowerSums {
    uint64_t low;
    uint64_t high;
    uint64_t total;
};

// Both pointers move on by `bins`, which is at least 1.
#if defined(__ARM_FEATURE_DSP)

// 8 instructions a bin, 6 for the first. GCC's own code moves pairs of registers about: the stage takes half as long again.
inline PowerSums sum_power_segment(const int32_t*& power, const uint32_t*& weights, uint32_t bins) {
    uint32_t low0, low1, high0, high1, total0, total1, energy0, energy1, weight;
    __asm__ volatile(
        "ldrd %[total0], %[total1], [%[power]], #8\n\t"
        "ldr %[weight], [%[weights]], #4\n\t"
        "umull %[low0], %[low1], %[weight], %[total0]\n\t"
        "umull %[high0], %[high1], %[weight], %[total1]\n\t"
        "subs %[bins], %[bins], #1\n\t"
        "beq 2f\n"
        "1:\n\t"
        "ldrd %[energy0], %[energy1], [%[power]], #8\n\t"
        "ldr %[weight], [%[weights]], #4\n\t"
        "adds %[total0], %[total0], %[energy0]\n\t"
        "adc %[total1], %[total1], %[energy1]\n\t"
        "umlal %[low0], %[low1], %[weight], %[energy0]\n\t"
        "umlal %[high0], %[high1], %[weight], %[energy1]\n\t"
        "subs %[bins], %[bins], #1\n\t"
        "bne 1b\n"
        "2:\n\t"
        : [power] "+r"(power), [weights] "+r"(weights), [bins] "+r"(bins), [low0] "=&r"(low0), [low1] "=&r"(low1),
          [high0] "=&r"(high0), [high1] "=&r"(high1), [total0] "=&r"(total0), [total1] "=&r"(total1),
          [energy0] "=&r"(energy0), [energy1] "=&r"(energy1), [weight] "=&r"(weight)
        :
        : "cc", "memory");
    return {static_cast<uint64_t>(low1) << 32 | low0, static_cast<uint64_t>(high1) << 32 | high0,
            static_cast<uint64_t>(total1) << 32 | total0};
}

#else

inline PowerSums sum_power_segment(const int32_t*& power, const uint32_t*& weights, uint32_t bins) {
    PowerSums sums = {0, 0, 0};
    for (const uint32_t* end = weights + bins; weights != end; ++weights, power += 2) {
        uint64_t energy;
        memcpy(&energy, power, sizeof energy);
        sums.total += energy;
        sums.low = multiply_accumulate(sums.low, *weights, static_cast<uint32_t>(energy));
        sums.high = multiply_accumulate(sums.high, *weights, static_cast<uint32_t>(energy >> 32));
    }
    return sums;
}

#endif

}  // namespace tinyaudio

#endif  // TINYAUDIO_FRONTEND_POWER_SUMS_H_
