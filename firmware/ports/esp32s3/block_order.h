// Which of the DMA's blocks were recorded since the last interrupt.
//
// The DMA writes a fixed number of blocks in turn, for ever. The driver's interrupt tells the block that was finished
// last; while it is held off (flash that is erased stops all code that runs from it) several are finished. They are all
// still there, unless the DMA has come round: only time tells that.
#ifndef TINYAUDIO_ESP32S3_BLOCK_ORDER_H_
#define TINYAUDIO_ESP32S3_BLOCK_ORDER_H_

#include <stdint.h>

namespace tinyaudio {
namespace esp32s3 {

constexpr uint32_t kBlocks = 8;
constexpr uint32_t kBlockSamples = 256;  // 16 ms at 16 kHz

struct BlockOrder {
    const void* blocks[kBlocks];  // addresses, in the order in which they are written
    uint32_t known;               // how many of them were seen
    uint32_t last;                // index of the newest one that was taken
    int64_t last_us;              // when that was told
    uint32_t block_us;            // how long a block takes
};

// What an interrupt means: `lost` samples, then `count` blocks from index `first` on, the last one being the one told.
struct BlockNews {
    uint32_t lost;
    uint32_t first;
    uint32_t count;
};

void block_order_begin(BlockOrder& order, uint32_t sample_rate_hz, int64_t now_us);

// Takes note that `block` was finished by `now_us`.
BlockNews block_order_take(BlockOrder& order, const void* block, int64_t now_us);

}  // namespace esp32s3
}  // namespace tinyaudio

#endif  // TINYAUDIO_ESP32S3_BLOCK_ORDER_H_
