// A register of a peripheral, and the few things that are done with one.
#ifndef TINYAUDIO_STM32H7_REGISTER_H_
#define TINYAUDIO_STM32H7_REGISTER_H_

#include <stdint.h>

namespace tinyaudio {
namespace stm32h7 {

using Register = volatile uint32_t;

// The block of registers at `address`.
template <typename Block>
inline Block& block_at(uint32_t address) {
    return *reinterpret_cast<Block*>(static_cast<uintptr_t>(address));
}

inline void set_bits(Register& target, uint32_t bits) {
    target = target | bits;
}

inline void clear_bits(Register& target, uint32_t bits) {
    target = target & ~bits;
}

// Replaces the field `mask` by `bits`, which lie within it.
inline void write_field(Register& target, uint32_t mask, uint32_t bits) {
    target = (target & ~mask) | bits;
}

inline void wait_for(const Register& source, uint32_t mask, uint32_t value) {
    while ((source & mask) != value) {
    }
}

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_REGISTER_H_
