// A dense layer, then a filter over time for each of its outputs: a convolution over time that keeps what it needs (SVDF).
#pragma once

#include <stdint.h>

namespace tinyaudio {
namespace nn {

struct SvdfFactor {
    int32_t multiplier;   // Q31
    int32_t right_shift;  // negative: shift left
};

struct SvdfParameters {
    int32_t inputs;
    int32_t units;   // outputs
    int32_t rank;    // filters whose results make up a unit
    int32_t memory;  // steps that a filter looks back, this one included
    SvdfFactor feature;  // of the dense layer -> state
    SvdfFactor output;   // of the filters -> output
    int32_t state_zero_point;
    int32_t output_zero_point;
};

// feature_weights [units * rank][inputs], feature_bias [units * rank] with the input's zero point folded in,
// time_weights [units * rank][memory], bias [units] with the state's zero point folded in.
template <typename State>
struct SvdfWeights {
    const int8_t* feature_weights;
    const int32_t* feature_bias;
    const State* time_weights;
    const int32_t* bias;
};

// `state` [units * rank][memory], newest last, stays from one call to the next.
void svdf(const int8_t* input, int8_t* output, int8_t* state, const SvdfWeights<int8_t>& weights, const SvdfParameters& parameters);
void svdf(const int8_t* input, int8_t* output, int16_t* state, const SvdfWeights<int16_t>& weights, const SvdfParameters& parameters);

}  // namespace nn
}  // namespace tinyaudio
