// 32-bit fixed-point operations, one instruction each on Armv7E-M. GCC does not find SMMULR and its kin by itself.
#ifndef TINYAUDIO_FRONTEND_ARITHMETIC_H_
#define TINYAUDIO_FRONTEND_ARITHMETIC_H_

#include <stdint.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "pairs and 64-bit values are read as they lie in memory");

namespace tinyaudio {

// Upper half of a 64-bit product plus accumulator, rounded: (accumulator * 2^32 +- a * b + 2^31) >> 32.
#if defined(__ARM_FEATURE_DSP)

inline int32_t multiply_rounded(int32_t a, int32_t b) {
    int32_t result;
    __asm__("smmulr %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

inline int32_t add_product(int32_t accumulator, int32_t a, int32_t b) {
    int32_t result;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(accumulator));
    return result;
}

inline int32_t subtract_product(int32_t accumulator, int32_t a, int32_t b) {
    int32_t result;
    __asm__("smmlsr %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(accumulator));
    return result;
}

// (word * int16) >> 16 for the lower and the upper int16 of `pair`.
inline int32_t multiply_lower(int32_t word, uint32_t pair) {
    int32_t result;
    __asm__("smulwb %0, %1, %2" : "=r"(result) : "r"(word), "r"(pair));
    return result;
}

inline int32_t multiply_upper(int32_t word, uint32_t pair) {
    int32_t result;
    __asm__("smulwt %0, %1, %2" : "=r"(result) : "r"(word), "r"(pair));
    return result;
}

// accumulator + a * b
inline uint64_t multiply_accumulate(uint64_t accumulator, uint32_t a, uint32_t b) {
    __asm__("umlal %Q0, %R0, %1, %2" : "+r"(accumulator) : "r"(a), "r"(b));
    return accumulator;
}

#else

inline int32_t multiply_rounded(int32_t a, int32_t b) {
    return static_cast<int32_t>((static_cast<int64_t>(a) * b + 0x80000000LL) >> 32);
}

// accumulator * 2^32 has a zero lower half, so the accumulator may be added behind the shift.
inline int32_t add_product(int32_t accumulator, int32_t a, int32_t b) {
    return accumulator + multiply_rounded(a, b);
}

inline int32_t subtract_product(int32_t accumulator, int32_t a, int32_t b) {
    return accumulator + static_cast<int32_t>((0x80000000LL - static_cast<int64_t>(a) * b) >> 32);
}

inline int32_t multiply_lower(int32_t word, uint32_t pair) {
    return static_cast<int32_t>((static_cast<int64_t>(word) * static_cast<int16_t>(pair & 0xFFFFu)) >> 16);
}

inline int32_t multiply_upper(int32_t word, uint32_t pair) {
    return static_cast<int32_t>((static_cast<int64_t>(word) * static_cast<int16_t>(pair >> 16)) >> 16);
}

inline uint64_t multiply_accumulate(uint64_t accumulator, uint32_t a, uint32_t b) {
    return accumulator + static_cast<uint64_t>(a) * b;
}

#endif

// A 64-bit value shifted up until its highest bit is set.
struct Normalized {
    uint32_t high;
    uint32_t low;
    uint32_t shift;  // 0 to 63
};

// `value` is at least 1. A multiple of `step` (1 or 2) is shifted, so with 2 the highest or the next bit ends up set.
inline Normalized normalize(uint64_t value, uint32_t step) {
    uint32_t high = static_cast<uint32_t>(value >> 32);
    uint32_t low = static_cast<uint32_t>(value);
    uint32_t words_shift = 0;
    if (high == 0) {
        high = low;
        low = 0;
        words_shift = 32;
    }
    const uint32_t shift = static_cast<uint32_t>(__builtin_clz(high)) & ~(step - 1);
    high = (high << shift) | ((low >> 1) >> (31 - shift));  // in two steps: a shift by 32 is not defined
    return {high, low << shift, words_shift + shift};
}

}  // namespace tinyaudio

#endif  // TINYAUDIO_FRONTEND_ARITHMETIC_H_
