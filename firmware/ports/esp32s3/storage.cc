// A partition for settings, written in units by the log that every board has (tinyaudio/settings.h).
//
// ESP-IDF's own store of values (NVS) would be a second log with rules of its own, which nothing here can put to the test
// of a power loss; so the partition is raw, and what survives is what is proven for all boards.
#include <string.h>

#include "esp_partition.h"
#include "generated/board_config.h"
#include "tinyaudio/port.h"

namespace tinyaudio {

namespace {

using tinyaudio_generated::kStorage;

constexpr uint32_t kBytes = kStorage.sectors * kStorage.sector_bytes;
constexpr esp_partition_subtype_t kSubtype = static_cast<esp_partition_subtype_t>(0x40);  // the first that is free for applications

// nullptr: the table of partitions in this chip is another image's.
const esp_partition_t* partition() {
    static const esp_partition_t* const found =
        esp_partition_find_first(ESP_PARTITION_TYPE_DATA, kSubtype, kStorage.label);
    return found != nullptr && found->size >= kBytes ? found : nullptr;
}

bool is_inside(uint32_t offset_bytes, uint32_t count) {
    return count <= kBytes && offset_bytes <= kBytes - count;
}

}  // namespace

PortStorage port_storage() {
    if (partition() == nullptr) {
        return {0, 0, 0};
    }
    return {kStorage.sector_bytes, kStorage.sectors, kStorage.program_bytes};
}

bool port_storage_read(uint32_t offset_bytes, uint8_t* bytes, uint32_t count) {
    return partition() != nullptr && is_inside(offset_bytes, count) &&
           esp_partition_read(partition(), offset_bytes, bytes, count) == ESP_OK;
}

// Read back: the flash chip reports no errors of its own.
bool port_storage_program(uint32_t offset_bytes, const uint8_t* unit) {
    uint8_t written[kStorage.program_bytes];
    return partition() != nullptr && offset_bytes % kStorage.program_bytes == 0 &&
           is_inside(offset_bytes, kStorage.program_bytes) &&
           esp_partition_write(partition(), offset_bytes, unit, kStorage.program_bytes) == ESP_OK &&
           esp_partition_read(partition(), offset_bytes, written, kStorage.program_bytes) == ESP_OK &&
           memcmp(written, unit, kStorage.program_bytes) == 0;
}

bool port_storage_erase(uint32_t sector) {
    return partition() != nullptr && sector < kStorage.sectors &&
           esp_partition_erase_range(partition(), sector * kStorage.sector_bytes, kStorage.sector_bytes) == ESP_OK;
}

}  // namespace tinyaudio
