// One-class models on an int8 embedding: how strange a patch is, without an autoencoder. Integers only; bit for bit that of
// tinyaudio/core/one_class.py, where the steps, their formats and the bounds are told.
#ifndef TINYAUDIO_ONE_CLASS_H_
#define TINYAUDIO_ONE_CLASS_H_

#include <stdint.h>

namespace tinyaudio {

constexpr uint32_t kMostComponents = 64;

// A squared distance from usual embeddings. Generated; at most 2,048 channels, 64 components, 1,024 points.
struct DistanceTables {
    const int16_t* center;    // [channels], Q6 of an int8 step
    const uint16_t* gain;     // [channels], Q14
    const int16_t* basis;     // [channels][components], Q15
    const uint16_t* stretch;  // [components], Q15, at most 2^15
    const int16_t* points;    // [points][components], Q6
    const uint16_t* weights;  // [points], Q16, at most 2^16 in sum; null: the nearest point counts alone
    uint32_t channels;
    uint32_t components;
    uint32_t point_count;
    uint32_t multiplier;  // 2^15 to 2^16 - 1
    uint32_t shift;       // 1 to 27
};

// An isolation forest. Generated; a node's left child stands behind it, its right child further behind.
struct ForestTables {
    const uint16_t* roots;   // [trees], nodes
    const int16_t* channel;  // [nodes]; -1: a leaf
    const int16_t* value;    // [nodes]: threshold, or the length of the path to a leaf, Q8
    const uint16_t* right;   // [nodes]
    uint32_t trees;
    uint32_t multiplier;
    uint32_t shift;
};

// Value of an embedding [channels], Q16, saturated: squared distance to the nearest point, or of all points by their weights.
uint32_t distance_value(const DistanceTables& tables, const int8_t* embedding);

// Mean path length of an embedding over that expected of noise, Q16; short paths are strange.
uint32_t forest_value(const ForestTables& tables, const int8_t* embedding);

// -64 * value to the nearest step. That of a distance is residual_score().
int8_t forest_score(uint32_t value);

// Parts of distance_value(), told for tests.
uint32_t power_of_half(uint32_t exponent);  // 2^-exponent, Q16 -> Q31
uint32_t negative_log2(uint32_t share);     // -log2(share), Q31 -> Q16; from 1 to 2^31

}  // namespace tinyaudio

#endif  // TINYAUDIO_ONE_CLASS_H_
