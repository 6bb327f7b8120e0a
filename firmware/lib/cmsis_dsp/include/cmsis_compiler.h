// What CMSIS-DSP's fixed-point transforms need of CMSIS-Core's header of the same name, for GCC and Clang.
//
// CMSIS-DSP comes without CMSIS-Core. Its q31 transforms use the keywords and the four instructions below,
// nothing else; they are written in plain C so that the host and the Cortex-M7 compute the same by
// construction, and the compiler picks CLZ, SSAT, USAT and ROR where the target has them.
#ifndef TINYAUDIO_CMSIS_COMPILER_H_
#define TINYAUDIO_CMSIS_COMPILER_H_

#include <stdint.h>

#define __ASM __asm
#define __INLINE inline
#define __STATIC_INLINE static inline
#define __STATIC_FORCEINLINE __attribute__((always_inline)) static inline
#define __WEAK __attribute__((weak))
#define __ALIGNED(bytes) __attribute__((aligned(bytes)))

// Number of leading zero bits; 32 for 0, as the instruction says.
__STATIC_FORCEINLINE uint8_t __CLZ(uint32_t value) {
    return (uint8_t)(value == 0U ? 32 : __builtin_clz(value));
}

// Saturate to a signed range of `bits` bits, 1 to 32.
__STATIC_FORCEINLINE int32_t __SSAT(int32_t value, uint32_t bits) {
    const int32_t highest = (int32_t)((1U << (bits - 1U)) - 1U);
    const int32_t lowest = -highest - 1;
    return value > highest ? highest : (value < lowest ? lowest : value);
}

// Saturate to an unsigned range of `bits` bits, 0 to 31.
__STATIC_FORCEINLINE uint32_t __USAT(int32_t value, uint32_t bits) {
    const int32_t highest = (int32_t)((1U << bits) - 1U);
    return (uint32_t)(value > highest ? highest : (value < 0 ? 0 : value));
}

// Rotate right by `bits` bits.
__STATIC_FORCEINLINE uint32_t __ROR(uint32_t value, uint32_t bits) {
    bits &= 31U;
    return bits == 0U ? value : (value >> bits) | (value << (32U - bits));
}

#endif  // TINYAUDIO_CMSIS_COMPILER_H_
