#include "tinyaudio/crc32.h"

namespace tinyaudio {
namespace {

constexpr uint32_t kReflectedPolynomial = 0xEDB88320u;

// kTables.at[0] is the plain table of one byte; at[k][b] is the CRC of byte b followed by k zero bytes, so that four bytes
// are looked up at once (slicing-by-4: M. Kounavis, F. Berry, ISCC 2005). 1 KB of constants each: firmware that streams
// nothing does with the first one.
#if !defined(TINYAUDIO_CRC32_TABLES)
#define TINYAUDIO_CRC32_TABLES 4
#endif
static_assert(TINYAUDIO_CRC32_TABLES == 1 || TINYAUDIO_CRC32_TABLES == 4, "a byte or four at once");

struct Tables {
    uint32_t at[TINYAUDIO_CRC32_TABLES][256];
};

constexpr Tables make_tables() {
    Tables tables{};
    for (uint32_t byte = 0; byte < 256; ++byte) {
        uint32_t value = byte;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1u) ? kReflectedPolynomial : 0u);
        tables.at[0][byte] = value;
    }
    for (uint32_t byte = 0; byte < 256; ++byte) {
        for (int slice = 1; slice < TINYAUDIO_CRC32_TABLES; ++slice) {
            const uint32_t before = tables.at[slice - 1][byte];
            tables.at[slice][byte] = (before >> 8) ^ tables.at[0][before & 0xFFu];
        }
    }
    return tables;
}

constexpr Tables kTables = make_tables();

}  // namespace

uint32_t crc32_update(uint32_t crc, const void* data, uint32_t bytes) {
    const uint8_t* position = static_cast<const uint8_t*>(data);
    uint32_t value = ~crc;
#if TINYAUDIO_CRC32_TABLES == 4
    while (bytes >= 4) {
        value ^= static_cast<uint32_t>(position[0]) | static_cast<uint32_t>(position[1]) << 8 |
                 static_cast<uint32_t>(position[2]) << 16 | static_cast<uint32_t>(position[3]) << 24;
        value = kTables.at[3][value & 0xFFu] ^ kTables.at[2][(value >> 8) & 0xFFu] ^ kTables.at[1][(value >> 16) & 0xFFu] ^
                kTables.at[0][value >> 24];
        position += 4;
        bytes -= 4;
    }
#endif
    while (bytes-- > 0) value = (value >> 8) ^ kTables.at[0][(value ^ *position++) & 0xFFu];
    return ~value;
}

}  // namespace tinyaudio
