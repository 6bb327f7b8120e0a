// Memory protection and caches.
#ifndef TINYAUDIO_STM32H7_MEMORY_PROTECTION_H_
#define TINYAUDIO_STM32H7_MEMORY_PROTECTION_H_

namespace tinyaudio {
namespace stm32h7 {

// Null pointers that are written to, a stack that overflows, and writes to flash become faults; what DMA controllers and
// the flash controller change stays out of the data cache. To be called when all memory has its first content.
void protect_memory();

// Empties both caches and switches them on.
void start_caches();

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_MEMORY_PROTECTION_H_
