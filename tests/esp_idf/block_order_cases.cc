// Blocks of the microphone whose interrupts come late, not at all, or for blocks of another recording. Reads "block time_us"
// pairs, a line each; writes lost samples, first block and count.
#include <stdio.h>

#include "block_order.h"

int main() {
    using namespace tinyaudio::esp32s3;
    static char blocks[kBlocks + 1];
    BlockOrder order;
    block_order_begin(order, 16000, 0);
    int block;
    long long now_us;
    while (scanf("%d %lld", &block, &now_us) == 2) {
        const BlockNews news = block_order_take(order, &blocks[block], now_us);
        printf("%u", news.lost);
        for (uint32_t index = 0; index < news.count; ++index) {
            printf(" %d", static_cast<int>(static_cast<const char*>(order.blocks[(news.first + index) % kBlocks]) - blocks));
        }
        printf("\n");
    }
    return 0;
}
