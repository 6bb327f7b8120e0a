#include "workload.h"

uint32_t work(uint32_t rounds) {
    static uint32_t state[64];
    float sum = 0.5f;
    for (uint32_t index = 0; index < 64; ++index) {
        state[index] = index * 2654435761u;
    }
    for (uint32_t round = 0; round < rounds; ++round) {
        for (uint32_t index = 0; index < 64; ++index) {
            const uint32_t value = state[index] ^ state[(index * 7 + round) % 64];
            state[index] = value & 1 ? value >> 1 ^ 0xEDB88320u : value >> 1;
            if (value % 5 == 0) {
                sum = sum * 0.75f + (float)(value & 0xFF);
            }
        }
    }
    return state[5] ^ (uint32_t)sum;
}
