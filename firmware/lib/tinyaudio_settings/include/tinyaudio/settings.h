// Settings that survive a power loss at any moment: {key -> bytes} in a log over two or more flash sectors.
//
// A sector that counts begins with a header; behind it lie records, the latest of a key is its value. When a sector is
// full, the latest records are copied to the next one, which is erased first; the old one stays as it is until then. What
// makes this safe:
//
// * Every record has a CRC-32 over itself, its place and the sector's generation. Torn records, unreadable units and
//   leftovers of an earlier generation in a half-erased sector are passed over.
// * Every record is read back. What did not come out right is written again behind it.
// * A copy begins to count when all of its records are verified, its header is written and verified, and something is
//   written behind them: so a header that may have been torn is never relied on.
// * Nobody can tell by reading whether the last unit was programmed to its end when power failed: it may read well today and
//   badly tomorrow. So the first write after a start leaves the room of a record free, writes the last record once more,
//   and if a copy may have been cut short just before it counted, declares its generation void.
//
// Damage to what was written whole is another matter: the value before it, or none, would come back and nobody would know.
// settings_is_doubtful tells of it. A record that something was written behind was whole, so it cannot be read any more for
// another reason than a power loss; behind a power loss the log goes on with a blank unit in between. A sealed write has
// something behind it at once.
//
// Power may fail before, in or after every program or erase operation: a write that has not returned has happened whole or
// not at all, and every other value stays. Units are programmed once between two erasures. Nothing is kept in RAM: reading
// walks through the log.
#ifndef TINYAUDIO_SETTINGS_H_
#define TINYAUDIO_SETTINGS_H_

#include <stdint.h>

#include "tinyaudio/port.h"

namespace tinyaudio {

constexpr uint32_t kMaxSettings = 64;       // different keys
constexpr uint32_t kMaxSettingBytes = 64;   // of a value
constexpr uint16_t kFirstSettingKey = 1;
constexpr uint16_t kLastSettingKey = 0xFFFE;

enum class SettingsResult : uint8_t { kDone, kFull, kFailed };

// The log in one sector.
struct SettingsLog {
    PortStorage storage;
    uint32_t sector;
    uint32_t generation;        // each copy to another sector has a greater one
    uint32_t copied_end_bytes;  // in the sector: behind the records that it was begun with
    uint32_t end_bytes;         // behind the last unit that is not blank
};

// A user's business is `is_usable` only.
struct Settings {
    bool is_usable;              // there is storage, and no other layout in it
    bool has_log;                // some sector counts; else nothing is stored
    bool is_continued;           // what the log ends with was written since the start, not before
    bool is_damaged;             // a log that was newer than the one that counts cannot be relied on any more
    SettingsLog log;             // of the sector that counts
    uint32_t newest_generation;  // of any sector, whether it counts or not
    uint32_t newest_sector;
};

// Finds the values in the port's storage. Writes nothing.
void settings_mount(Settings& settings);

// Copies the value of `key` to `value`, [kMaxSettingBytes]; returns its length, 0 if there is none.
uint32_t settings_read(const Settings& settings, uint16_t key, uint8_t* value);

// Stores `bytes` (0 to kMaxSettingBytes; 0: forget the key) under `key` (kFirstSettingKey to kLastSettingKey). Returns when
// it is safe. A value that is stored already is not written again, unless it might be what was under way at a power loss.
SettingsResult settings_write(Settings& settings, uint16_t key, const uint8_t* value, uint32_t bytes);

// The same, for a value of which nobody should overlook that it is damaged. Takes one unit more.
SettingsResult settings_write_sealed(Settings& settings, uint16_t key, const uint8_t* value, uint32_t bytes);

// Whether a later value of `key` may have been there that cannot be read any more; settings_read then gives an older one, or
// none. No power loss leads to that. Over when the key is written.
bool settings_is_doubtful(const Settings& settings, uint16_t key);

// Writes the keys that have a value to `keys`, [kMaxSettings], ascending; returns how many.
uint32_t settings_list(const Settings& settings, uint16_t* keys);

}  // namespace tinyaudio

#endif  // TINYAUDIO_SETTINGS_H_
