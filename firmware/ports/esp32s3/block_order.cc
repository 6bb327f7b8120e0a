#include "block_order.h"

namespace tinyaudio {
namespace esp32s3 {

namespace {

// Blocks that ended between two moments, by the clock. An interrupt comes late rather than early, and the latency before
// may have been longer or shorter than this one: rounded to the nearest, that costs nothing up to half a block.
uint32_t blocks_between(const BlockOrder& order, int64_t now_us) {
    const uint32_t elapsed_us = static_cast<uint32_t>(now_us - order.last_us);
    return (elapsed_us + order.block_us / 2) / order.block_us;
}

uint32_t find(const BlockOrder& order, const void* block) {
    uint32_t index = 0;
    while (index < order.known && order.blocks[index] != block) {
        ++index;
    }
    return index;
}

// The first time round. A block that comes after a pause, or before its turn, was not the next one: nobody knows yet where
// those between lie, so they are lost, and the order is learnt from here on.
BlockNews learn(BlockOrder& order, const void* block, uint32_t index, uint32_t by_clock) {
    const bool is_next = order.known == 0 || (index == order.known && by_clock <= 1);
    const uint32_t lost = is_next || by_clock < 2 ? 0 : (by_clock - 1) * kBlockSamples;
    if (!is_next) {
        order.known = 0;
    }
    order.last = order.known;
    order.blocks[order.known++] = block;
    return {lost, order.last, 1};
}

}  // namespace

void block_order_begin(BlockOrder& order, uint32_t sample_rate_hz, int64_t now_us) {
    order.known = 0;
    order.last = kBlocks - 1;
    order.last_us = now_us;
    order.block_us = static_cast<uint32_t>(static_cast<uint64_t>(kBlockSamples) * 1000000U / sample_rate_hz);
}

BlockNews block_order_take(BlockOrder& order, const void* block, int64_t now_us) {
    const uint32_t by_clock = blocks_between(order, now_us);
    const uint32_t index = find(order, block);
    order.last_us = now_us;
    if (order.known < kBlocks) {
        return learn(order, block, index, by_clock);
    }
    if (index == kBlocks) {  // no block of this recording
        return {0, 0, 0};
    }
    const uint32_t passed = (index + kBlocks - order.last - 1) % kBlocks + 1;  // 1 to kBlocks, or whole rounds more
    order.last = index;
    if (by_clock >= kBlocks || passed == kBlocks) {  // the DMA is in, or has been through, what was not taken
        const uint32_t blocks = by_clock > passed ? by_clock : passed;
        return {(blocks - 1) * kBlockSamples, index, 1};
    }
    return {0, (index + kBlocks - passed + 1) % kBlocks, passed};
}

}  // namespace esp32s3
}  // namespace tinyaudio
