#include "tinyaudio/nn/svdf.h"

#include <string.h>

#include "tinyaudio/nn/dot.h"
#include "tinyaudio/nn/requantize.h"

namespace tinyaudio {
namespace nn {
namespace {

template <typename State>
State held_within(int32_t value) {
    constexpr int32_t kHalf = 1 << (8 * sizeof(State) - 1);
    return static_cast<State>(value < -kHalf ? -kHalf : (value > kHalf - 1 ? kHalf - 1 : value));
}

// The newest value of a filter's state; its zero point is added behind the clamp, in the state's own width.
template <typename State>
State feature(const int8_t* input, const int8_t* weights, int32_t bias, const SvdfParameters& parameters) {
    const int32_t sum = dot_product(input, weights, parameters.inputs, bias);
    const int32_t scaled = multiply_by_quantized_multiplier(sum, parameters.feature.multiplier, parameters.feature.right_shift);
    return static_cast<State>(held_within<State>(scaled) + parameters.state_zero_point);
}

template <typename State>
void svdf_of(const int8_t* input, int8_t* output, State* state, const SvdfWeights<State>& weights, const SvdfParameters& parameters) {
    const int32_t memory = parameters.memory;
    for (int32_t unit = 0; unit < parameters.units; ++unit) {
        uint32_t sum = static_cast<uint32_t>(weights.bias[unit]);  // of 16-bit products, which may wrap around
        for (int32_t filter = unit * parameters.rank; filter < (unit + 1) * parameters.rank; ++filter, state += memory) {
            memmove(state, state + 1, static_cast<size_t>(memory - 1) * sizeof(State));
            state[memory - 1] =
                feature<State>(input, weights.feature_weights + filter * parameters.inputs, weights.feature_bias[filter], parameters);
            const State* time_weights = weights.time_weights + filter * memory;
            for (int32_t index = 0; index < memory; ++index) {
                sum += static_cast<uint32_t>(time_weights[index] * state[index]);
            }
        }
        const int32_t scaled = multiply_by_quantized_multiplier(static_cast<int32_t>(sum), parameters.output.multiplier, parameters.output.right_shift);
        output[unit] = held_within<int8_t>(scaled + parameters.output_zero_point);
    }
}

}  // namespace

void svdf(const int8_t* input, int8_t* output, int8_t* state, const SvdfWeights<int8_t>& weights, const SvdfParameters& parameters) {
    svdf_of(input, output, state, weights, parameters);
}

void svdf(const int8_t* input, int8_t* output, int16_t* state, const SvdfWeights<int16_t>& weights, const SvdfParameters& parameters) {
    svdf_of(input, output, state, weights, parameters);
}

}  // namespace nn
}  // namespace tinyaudio
