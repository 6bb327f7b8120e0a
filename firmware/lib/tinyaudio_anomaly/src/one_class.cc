#include "tinyaudio/one_class.h"

#include "tinyaudio/rounding.h"

namespace tinyaudio {

namespace {

constexpr int64_t kCenterScale = 64;
constexpr uint32_t kGainBits = 14;
constexpr int64_t kFiner = 4;             // Q6 -> Q8
constexpr uint32_t kComponentShift = 13;  // Q21 -> Q8
constexpr uint32_t kDistanceShift = 4;    // Q16 -> Q12
constexpr uint32_t kStretchBits = 15;
constexpr uint32_t kWeightBits = 16;
constexpr uint32_t kValueBits = 16;
constexpr uint32_t kFractionBits = 31;
constexpr uint32_t kScoreShift = 10;  // Q16 -> 64 steps for 1
constexpr int64_t kGreatestDistance = (INT64_C(1) << 44) - 1;
constexpr uint32_t kGreatestValue = 0xFFFFFFFF;

// 2^-(1/2), 2^-(1/4) ... 2^-(1/65536), Q31: one factor for each bit behind the point.
constexpr uint32_t kHalvings[kValueBits] = {
    0x5A82799A, 0x6BA27E65, 0x75606374, 0x7A92BE8B,
    0x7D41D96E, 0x7E9F0606, 0x7F4F08AE, 0x7FA765AD,
    0x7FD3AB29, 0x7FE9D3A9, 0x7FF4E959, 0x7FFA748E,
    0x7FFD3A3F, 0x7FFE9D1E, 0x7FFF4E8E, 0x7FFFA747,
};

// Where an embedding is: along each component, stretched, and how far off all of them.
struct Position {
    int64_t coordinates[kMostComponents];  // Q8, at most 2^28
    int64_t rest;                          // Q16, at most 2^45
};

void locate(const DistanceTables& tables, const int8_t* embedding, Position* position) {
    int64_t components[kMostComponents] = {};  // Q21, at most 2^41
    int64_t rest = 0;                          // Q12: 2^11 squares of 2^30; then Q16, less 64 squares of 2^56
    const int16_t* basis = tables.basis;
    for (uint32_t index = 0; index < tables.channels; ++index, basis += tables.components) {
        const int64_t steps = int64_t{embedding[index]} * kCenterScale - tables.center[index];
        const int32_t channel = saturate_int16(round_shift(steps * tables.gain[index], kGainBits));
        rest += int64_t{channel} * channel;
        for (uint32_t component = 0; component < tables.components; ++component) {
            components[component] += int64_t{channel} * basis[component];
        }
    }
    rest *= kFiner * kFiner;
    for (uint32_t component = 0; component < tables.components; ++component) {
        const int64_t along = round_shift(components[component], kComponentShift);  // Q8, at most 2^28
        rest -= along * along;
        position->coordinates[component] = round_shift(along * tables.stretch[component], kStretchBits);
    }
    position->rest = rest < 0 ? 0 : rest;
}

uint32_t scaled(int64_t distance, uint32_t multiplier, uint32_t shift) {
    const int64_t clipped = distance > kGreatestDistance ? kGreatestDistance : distance;
    const int64_t value = round_shift(clipped * multiplier, shift);  // below 2^60
    return value > kGreatestValue ? kGreatestValue : static_cast<uint32_t>(value);
}

uint32_t point_value(const DistanceTables& tables, const Position& position, uint32_t point) {
    const int16_t* const place = tables.points + point * tables.components;
    int64_t distance = position.rest;  // Q16: 64 squares below 2^56.1
    for (uint32_t component = 0; component < tables.components; ++component) {
        const int64_t difference = position.coordinates[component] - kFiner * place[component];
        distance += difference * difference;
    }
    return scaled(round_shift(distance, kDistanceShift), tables.multiplier, tables.shift);
}

// -log2(sum of weight * 2^-value). The nearest point is taken out of the sum first, so that it cannot vanish.
uint32_t mixed(const DistanceTables& tables, const Position& position, uint32_t nearest) {
    uint64_t shares = 0;  // Q31, at most 1
    for (uint32_t point = 0; point < tables.point_count; ++point) {
        const uint64_t power = power_of_half(point_value(tables, position, point) - nearest);
        shares += (tables.weights[point] * power) >> kWeightBits;
    }
    const uint64_t value = uint64_t{nearest} + negative_log2(shares == 0 ? 1 : static_cast<uint32_t>(shares));
    return value > kGreatestValue ? kGreatestValue : static_cast<uint32_t>(value);
}

}  // namespace

uint32_t distance_value(const DistanceTables& tables, const int8_t* embedding) {
    Position position;
    locate(tables, embedding, &position);
    uint32_t nearest = kGreatestValue;
    for (uint32_t point = 0; point < tables.point_count; ++point) {
        const uint32_t value = point_value(tables, position, point);
        nearest = value < nearest ? value : nearest;
    }
    return tables.weights == nullptr ? nearest : mixed(tables, position, nearest);
}

uint32_t forest_value(const ForestTables& tables, const int8_t* embedding) {
    int64_t lengths = 0;  // Q8
    for (uint32_t tree = 0; tree < tables.trees; ++tree) {
        uint32_t node = tables.roots[tree];
        while (tables.channel[node] >= 0) {
            node = embedding[tables.channel[node]] <= tables.value[node] ? node + 1 : tables.right[node];
        }
        lengths += tables.value[node];
    }
    return scaled(lengths, tables.multiplier, tables.shift);
}

int8_t forest_score(uint32_t value) {
    const int64_t steps = -round_shift(int64_t{value}, kScoreShift);  // below 2^22
    return saturate_int8(static_cast<int32_t>(steps));
}

uint32_t power_of_half(uint32_t exponent) {
    const uint32_t whole = exponent >> kValueBits;
    if (whole > kFractionBits) {
        return 0;
    }
    uint64_t power = UINT64_C(1) << kFractionBits;
    for (uint32_t place = 0; place < kValueBits; ++place) {
        if ((exponent >> (kValueBits - 1 - place)) & 1) {
            power = (power * kHalvings[place] + (UINT64_C(1) << (kFractionBits - 1))) >> kFractionBits;
        }
    }
    return static_cast<uint32_t>(power >> whole);
}

uint32_t negative_log2(uint32_t share) {
    const uint32_t zeros = static_cast<uint32_t>(__builtin_clz(share));
    uint64_t mantissa = static_cast<uint64_t>(share) << zeros;  // Q31, from 1 to 2
    uint32_t fraction = 0;
    for (uint32_t bit = 0; bit < kValueBits; ++bit) {
        mantissa = (mantissa * mantissa) >> kFractionBits;
        const uint32_t is_two = static_cast<uint32_t>(mantissa >> 32);
        mantissa >>= is_two;
        fraction = (fraction << 1) | is_two;
    }
    return (zeros << kValueBits) - fraction;
}

}  // namespace tinyaudio
