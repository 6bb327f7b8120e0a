// CRC-32 as zlib computes it (polynomial 0x04C11DB7 reflected, initial value and final XOR 0xFFFFFFFF).

#ifndef TINYAUDIO_CRC32_H
#define TINYAUDIO_CRC32_H

#include <stdint.h>

namespace tinyaudio {

// Continues `crc` over `bytes` bytes; start with 0. crc32_update(crc32_update(0, a), b) is the CRC of a followed by b.
uint32_t crc32_update(uint32_t crc, const void* data, uint32_t bytes);

}  // namespace tinyaudio

#endif  // TINYAUDIO_CRC32_H
