// Round and clip: the one rule for getting to integers. Its twin is tinyaudio/core/rounding.py.
#ifndef TINYAUDIO_ROUNDING_H_
#define TINYAUDIO_ROUNDING_H_

#include <stdint.h>

namespace tinyaudio {

// floor(value / 2^bits + 1/2), ties upwards; `bits` is 1 to 30, and the sum with half a step must fit. A shift of a
// negative number is arithmetic on every compiler that this firmware is built with.
inline int32_t round_shift(int32_t value, uint32_t bits) {
    return (value + (static_cast<int32_t>(1) << (bits - 1))) >> bits;
}

inline int64_t round_shift(int64_t value, uint32_t bits) {
    return (value + (static_cast<int64_t>(1) << (bits - 1))) >> bits;
}

inline int8_t saturate_int8(int32_t value) {
    return static_cast<int8_t>(value < -128 ? -128 : value > 127 ? 127 : value);
}

inline int16_t saturate_int16(int64_t value) {
    return static_cast<int16_t>(value < -32768 ? -32768 : value > 32767 ? 32767 : value);
}

}  // namespace tinyaudio

#endif  // TINYAUDIO_ROUNDING_H_
