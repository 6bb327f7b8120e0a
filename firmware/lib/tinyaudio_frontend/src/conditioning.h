// Mean and gain of the samples of a window, before anything else.
#ifndef TINYAUDIO_FRONTEND_CONDITIONING_H_
#define TINYAUDIO_FRONTEND_CONDITIONING_H_

#include <stdint.h>

namespace tinyaudio {

// floor(sum / count + 1/2) where count is odd or the fraction is no half; a half goes up. count >= 1, |sum| < 2^31 - 2^12.
inline int32_t rounded_mean(int32_t sum, uint32_t count) {
    const int32_t divisor = static_cast<int32_t>(count);
    const int32_t dividend = sum + divisor / 2;
    const int32_t quotient = dividend / divisor;  // towards zero
    return quotient - (dividend % divisor < 0);   // towards minus infinity
}

// out = saturate((x - mean) * gain), rounded to nearest, a half up.
inline void condition_samples(bool removes_mean, int32_t gain_q24, const int16_t* samples, uint32_t count, int16_t* out) {
    int32_t mean = 0;
    if (removes_mean) {
        int32_t sum = 0;  // at most 2^12 samples of 2^15
        for (uint32_t n = 0; n < count; ++n) {
            sum += samples[n];
        }
        mean = rounded_mean(sum, count);
    }
    for (uint32_t n = 0; n < count; ++n) {
        // 17 bits x 31 bits: the product stays below 2^47.
        const int64_t product = static_cast<int64_t>(samples[n] - mean) * gain_q24;
        const int64_t value = (product + (1 << 23)) >> 24;
        out[n] = static_cast<int16_t>(value < -32768 ? -32768 : (value > 32767 ? 32767 : value));
    }
}

}  // namespace tinyaudio

#endif  // TINYAUDIO_FRONTEND_CONDITIONING_H_
