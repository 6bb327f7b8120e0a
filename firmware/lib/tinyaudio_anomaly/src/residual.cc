#include "tinyaudio/residual.h"

#include "tinyaudio/rounding.h"

namespace tinyaudio {

namespace {

constexpr uint32_t kDroppedBits = 8;     // Q20 -> Q12
constexpr uint32_t kMeanSquareBits = 16;
constexpr uint32_t kSumShift = 8;        // Q24 -> Q16
constexpr int32_t kStepsAnOctave = 16;

// The least mantissas, bit 31 set, that are 1/2, 3/2, ... steps above their power of two: ceil(2^(31 + (i + 1/2) / 16)).
constexpr uint32_t kLeastMantissas[kStepsAnOctave] = {
    0x82CD8699, 0x88980E81, 0x8EA4398C, 0x94F4EFA9,
    0x9B8D39BA, 0xA2704304, 0xA9A15AB5, 0xB123F582,
    0xB8FBAF48, 0xC12C4CCB, 0xC9B9BD87, 0xD2A81D92,
    0xDBFBB798, 0xE5B906E8, 0xEFE4B99C, 0xFA83B2DC,
};

}  // namespace

uint32_t residual_mean_square(const ResidualScale& scale, const int8_t* features, const int8_t* reconstruction) {
    uint64_t sum = 0;  // Q24: squares below 2^44, 2^19 of them
    for (uint32_t index = 0; index < scale.elements; ++index) {
        const int32_t steps = scale.input_multiplier * features[index] -
                              scale.output_multiplier * reconstruction[index] + scale.offset;  // Q20, below 2^30
        const int64_t residual = round_shift(steps, kDroppedBits);                             // Q12, below 2^22
        sum += static_cast<uint64_t>(residual * residual);
    }
    const uint32_t divisor = scale.elements << kSumShift;
    const uint64_t mean = (sum + divisor / 2) / divisor;
    return mean > 0xFFFFFFFF ? 0xFFFFFFFF : static_cast<uint32_t>(mean);
}

int8_t residual_score(uint32_t mean_square) {
    if (mean_square == 0) {
        return -128;
    }
    const int32_t zeros = __builtin_clz(mean_square);
    const uint32_t mantissa = mean_square << zeros;
    int32_t steps = 0;
    while (steps < kStepsAnOctave && mantissa >= kLeastMantissas[steps]) {
        ++steps;
    }
    return saturate_int8(kStepsAnOctave * (31 - zeros - static_cast<int32_t>(kMeanSquareBits)) + steps);
}

}  // namespace tinyaudio
