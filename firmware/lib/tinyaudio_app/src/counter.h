// Measuring with the port's counter.
#ifndef TINYAUDIO_COUNTER_H_
#define TINYAUDIO_COUNTER_H_

#include <stdint.h>

#include "tinyaudio/port.h"

namespace tinyaudio {

// Cost of a measurement with nothing in it, which every measured time contains. The mean: it may be less than a tick.
inline uint32_t measure_timing() {
    constexpr uint32_t kRounds = 64;
    uint32_t sum = 0;
    for (uint32_t round = 0; round < kRounds; ++round) {
        const uint32_t start = port_counter_start();
        sum += port_counter_ticks() - start;
    }
    return sum / kRounds;
}

// Ticks since `start`, which port_counter_start gave, without `timing_ticks`, what measuring itself costs.
inline uint32_t ticks_since(uint32_t start, uint32_t timing_ticks) {
    const uint32_t ticks = port_counter_ticks() - start;
    return ticks > timing_ticks ? ticks - timing_ticks : 0;
}

}  // namespace tinyaudio

#endif  // TINYAUDIO_COUNTER_H_
