// The Armv7E-M instructions the kernels use, and their meaning in plain C++ for every other processor, so that the
// same kernel text runs under the host's sanitizers.
//
// TINYAUDIO_NN_DSP selects the kernels written with them (1) or the plain ones (0); the default is what the processor has.
#pragma once

#include <stdint.h>
#include <string.h>

#if !defined(TINYAUDIO_NN_DSP)
#if defined(__ARM_FEATURE_DSP)
#define TINYAUDIO_NN_DSP 1
#else
#define TINYAUDIO_NN_DSP 0
#endif
#endif

namespace tinyaudio {
namespace nn {

inline uint32_t load_word(const void* source) {
    uint32_t word;
    memcpy(&word, source, sizeof(word));
    return word;
}

inline void store_word(void* target, uint32_t word) { memcpy(target, &word, sizeof(word)); }

// kWords words from `source` to a place below it, which they may overlap. Both are aligned to one: then LDM and STM move
// four at a time, where a small C library's memmove goes by bytes.
template <int32_t kWords>
inline void move_words_down(const void* source, void* target) {
    const uint8_t* from = static_cast<const uint8_t*>(source);
    uint8_t* to = static_cast<uint8_t*>(target);
    struct Words {
        uint32_t words[4];
    };
#pragma GCC unroll 2
    for (int32_t index = 0; index < kWords / 4; ++index) {
        Words four;
        memcpy(&four, __builtin_assume_aligned(from, 4), sizeof(four));
        memcpy(__builtin_assume_aligned(to, 4), &four, sizeof(four));
        from += sizeof(four);
        to += sizeof(four);
    }
#pragma GCC unroll 3
    for (int32_t index = 0; index < kWords % 4; ++index) {
        store_word(to + 4 * index, load_word(from + 4 * index));
    }
}

// Two neighbouring words; `target` is aligned to one.
inline void store_two_words(void* target, uint32_t first, uint32_t second) {
#if defined(__ARM_FEATURE_DSP) && TINYAUDIO_NN_DSP
    struct __attribute__((may_alias)) TwoWords {
        uint32_t words[2];
    };
    // Uv: a register and an offset that VSTR reaches, which is what STRD reaches
    __asm__("strd %1, %2, %0" : "=Uv"(*static_cast<TwoWords*>(target)) : "r"(first), "r"(second));
#else
    store_word(target, first);
    store_word(static_cast<uint8_t*>(target) + sizeof(first), second);
#endif
}

#if defined(__ARM_FEATURE_DSP) && TINYAUDIO_NN_DSP

// Bytes 0 and 2 as two int16.
inline uint32_t sxtb16(uint32_t word) {
    uint32_t result;
    __asm__("sxtb16 %0, %1" : "=r"(result) : "r"(word));
    return result;
}

// Bytes 1 and 3 as two int16.
inline uint32_t sxtb16_ror8(uint32_t word) {
    uint32_t result;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(result) : "r"(word));
    return result;
}

// Two sums of halves.
inline uint32_t sadd16(uint32_t a, uint32_t b) {
    uint32_t result;
    __asm__("sadd16 %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

// Two differences of halves.
inline uint32_t ssub16(uint32_t a, uint32_t b) {
    uint32_t result;
    __asm__("ssub16 %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

// sum + a.bottom * b.bottom + a.top * b.top
inline int32_t smlad(uint32_t a, uint32_t b, int32_t sum) {
    int32_t result;
    __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
}

// sum + a.bottom * b.bottom
inline int32_t smlabb(uint32_t a, uint32_t b, int32_t sum) {
    int32_t result;
    __asm__("smlabb %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
}

// sum + a.top * b.top
inline int32_t smlatt(uint32_t a, uint32_t b, int32_t sum) {
    int32_t result;
    __asm__("smlatt %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
}

// (a * b + sum * 2^32 + 2^31) >> 32
inline int32_t smmlar(int32_t a, int32_t b, int32_t sum) {
    int32_t result;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
}

// (a * b + sum * 2^32) >> 32
inline int32_t smmla(int32_t a, int32_t b, int32_t sum) {
    int32_t result;
    __asm__("smmla %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
}

// a.bottom below b.bottom
inline uint32_t pack_bottoms(uint32_t a, uint32_t b) {
    uint32_t result;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

// a.top below b.top
inline uint32_t pack_tops(uint32_t a, uint32_t b) {
    uint32_t result;
    __asm__("pkhtb %0, %2, %1, asr #16" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

// value held within [-128, 127]
inline int32_t ssat8(int32_t value) {
    int32_t result;
    __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(value));
    return result;
}

#else

inline int32_t bottom_half(uint32_t word) { return static_cast<int16_t>(word & 0xffffu); }
inline int32_t top_half(uint32_t word) { return static_cast<int16_t>(word >> 16); }
inline uint32_t join_halves(int32_t bottom, int32_t top) {
    return (static_cast<uint32_t>(bottom) & 0xffffu) | (static_cast<uint32_t>(top) << 16);
}

inline uint32_t sxtb16(uint32_t word) {
    return join_halves(static_cast<int8_t>(word & 0xffu), static_cast<int8_t>((word >> 16) & 0xffu));
}
inline uint32_t sxtb16_ror8(uint32_t word) { return sxtb16((word >> 8) | (word << 24)); }
inline uint32_t sadd16(uint32_t a, uint32_t b) { return join_halves(bottom_half(a) + bottom_half(b), top_half(a) + top_half(b)); }
inline uint32_t ssub16(uint32_t a, uint32_t b) { return join_halves(bottom_half(a) - bottom_half(b), top_half(a) - top_half(b)); }
inline int32_t smlabb(uint32_t a, uint32_t b, int32_t sum) { return sum + bottom_half(a) * bottom_half(b); }
inline int32_t smlatt(uint32_t a, uint32_t b, int32_t sum) { return sum + top_half(a) * top_half(b); }
inline int32_t smlad(uint32_t a, uint32_t b, int32_t sum) { return smlatt(a, b, smlabb(a, b, sum)); }
inline int32_t smmlar(int32_t a, int32_t b, int32_t sum) {
    const int64_t product = static_cast<int64_t>(a) * b + 0x80000000LL;
    return static_cast<int32_t>(product >> 32) + sum;
}
inline int32_t smmla(int32_t a, int32_t b, int32_t sum) { return static_cast<int32_t>((static_cast<int64_t>(a) * b) >> 32) + sum; }
inline uint32_t pack_bottoms(uint32_t a, uint32_t b) { return join_halves(bottom_half(a), bottom_half(b)); }
inline uint32_t pack_tops(uint32_t a, uint32_t b) { return join_halves(top_half(a), top_half(b)); }
inline int32_t ssat8(int32_t value) { return value < -128 ? -128 : (value > 127 ? 127 : value); }

#endif

}  // namespace nn
}  // namespace tinyaudio
