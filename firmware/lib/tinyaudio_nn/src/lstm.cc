#include "tinyaudio/nn/lstm.h"

#include <string.h>

#include "tinyaudio/nn/dot.h"
#include "tinyaudio/nn/requantize.h"

namespace tinyaudio {
namespace nn {
namespace {

// 1 / (1 + e^-(i / 24)) in Q0.16, as TensorFlow Lite has it; its last digits do not follow from the formula.
constexpr uint16_t kSigmoid[256] = {
    32768, 33451, 34133, 34813, 35493, 36169, 36843, 37513, 38180, 38841, 39498, 40149, 40794, 41432, 42064, 42688,
    43304, 43912, 44511, 45102, 45683, 46255, 46817, 47369, 47911, 48443, 48964, 49475, 49975, 50464, 50942, 51409,
    51865, 52311, 52745, 53169, 53581, 53983, 54374, 54755, 55125, 55485, 55834, 56174, 56503, 56823, 57133, 57433,
    57724, 58007, 58280, 58544, 58800, 59048, 59288, 59519, 59743, 59959, 60168, 60370, 60565, 60753, 60935, 61110,
    61279, 61441, 61599, 61750, 61896, 62036, 62172, 62302, 62428, 62549, 62666, 62778, 62886, 62990, 63090, 63186,
    63279, 63368, 63454, 63536, 63615, 63691, 63765, 63835, 63903, 63968, 64030, 64090, 64148, 64204, 64257, 64308,
    64357, 64405, 64450, 64494, 64536, 64576, 64614, 64652, 64687, 64721, 64754, 64786, 64816, 64845, 64873, 64900,
    64926, 64950, 64974, 64997, 65019, 65039, 65060, 65079, 65097, 65115, 65132, 65149, 65164, 65179, 65194, 65208,
    65221, 65234, 65246, 65258, 65269, 65280, 65291, 65301, 65310, 65319, 65328, 65337, 65345, 65352, 65360, 65367,
    65374, 65381, 65387, 65393, 65399, 65404, 65410, 65415, 65420, 65425, 65429, 65433, 65438, 65442, 65445, 65449,
    65453, 65456, 65459, 65462, 65465, 65468, 65471, 65474, 65476, 65479, 65481, 65483, 65485, 65488, 65489, 65491,
    65493, 65495, 65497, 65498, 65500, 65501, 65503, 65504, 65505, 65507, 65508, 65509, 65510, 65511, 65512, 65513,
    65514, 65515, 65516, 65517, 65517, 65518, 65519, 65520, 65520, 65521, 65522, 65522, 65523, 65523, 65524, 65524,
    65525, 65525, 65526, 65526, 65526, 65527, 65527, 65528, 65528, 65528, 65529, 65529, 65529, 65529, 65530, 65530,
    65530, 65530, 65531, 65531, 65531, 65531, 65531, 65532, 65532, 65532, 65532, 65532, 65532, 65533, 65533, 65533,
    65533, 65533, 65533, 65533, 65533, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65535,
};
constexpr int32_t kTableEnd = 255;

int32_t held_in_16_bits(int32_t value) { return value < -32768 ? -32768 : (value > 32767 ? 32767 : value); }

uint32_t size_of(int32_t value) { return value < 0 ? 0u - static_cast<uint32_t>(value) : static_cast<uint32_t>(value); }

// The table's function in Q0.16 with `fraction_bits` more bits, `position` counted in entries and 2^-fraction_bits of one.
int32_t interpolated(uint32_t position, int32_t fraction_bits, int32_t beyond) {
    const uint32_t entry = position >> fraction_bits;
    if (entry >= static_cast<uint32_t>(kTableEnd)) {
        return beyond;
    }
    const uint32_t fraction = position & ((1u << fraction_bits) - 1u);
    const uint32_t low = kSigmoid[entry];
    return static_cast<int32_t>((low << fraction_bits) + fraction * (kSigmoid[entry + 1] - low));
}

// Q3.12 -> Q0.15. Three times 1 are 24 times 2^9, and the table has 24 entries for 1.
int32_t sigmoid(int32_t value) {
    constexpr int32_t kFractionBits = 9;
    const int32_t scaled = 3 * value;
    const int32_t result = interpolated(size_of(scaled), kFractionBits, 0x7FFF << 10);
    const int32_t half = 1 << kFractionBits;
    return (scaled >= 0 ? result + half : (1 << (16 + kFractionBits)) - result + half - 1) >> (kFractionBits + 1);
}

// From 2^-12 / 2^left_shift to Q0.15: 2 sigmoid(2 x) - 1.
int32_t tanh_of(int32_t value, int32_t left_shift) {
    constexpr int32_t kFractionBits = 8;
    const int32_t right_shift = left_shift < 0 ? -left_shift : 0;
    const int32_t round = right_shift > 0 ? 1 << (right_shift - 1) : 0;
    const int32_t scaled = left_shift < 0 ? (3 * value + round) >> right_shift : value * (3 * (1 << left_shift));
    const int32_t result = interpolated(size_of(scaled), kFractionBits, 0xFFFF << kFractionBits);
    const int32_t middle = 1 << (15 + kFractionBits);
    const int32_t half = 1 << (kFractionBits - 1);
    return (scaled >= 0 ? result - middle + half : middle - result + half - 1) >> kFractionBits;
}

int32_t rescaled(int32_t value, const LstmFactor& factor) {
    return multiply_by_quantized_multiplier(value, factor.multiplier, factor.right_shift);
}

// What goes into the function of a unit's gate, Q3.12.
int32_t gate_sum(const int8_t* input, const int8_t* hidden, const LstmGateWeights& weights, const LstmGateScales& scales,
                 const LstmParameters& parameters, int32_t unit) {
    const int32_t from_input = dot_product(input, weights.input + unit * parameters.inputs, parameters.inputs, weights.input_bias[unit]);
    const int32_t from_hidden =
        dot_product(hidden, weights.recurrent + unit * parameters.units, parameters.units, weights.recurrent_bias[unit]);
    return held_in_16_bits(held_in_16_bits(rescaled(from_input, scales.input)) + held_in_16_bits(rescaled(from_hidden, scales.recurrent)));
}

int32_t next_cell(int32_t cell, int32_t forget, int32_t added, int32_t candidate, const LstmParameters& parameters) {
    const int32_t kept = held_in_16_bits(rescaled(forget * cell, parameters.kept));
    const int32_t next = held_in_16_bits(kept + held_in_16_bits(rescaled(added * candidate, parameters.added)));
    const int32_t limit = parameters.cell_limit;
    return limit == 0 ? next : (next > limit ? limit : (next < -limit ? -limit : next));
}

}  // namespace

void lstm(const int8_t* input, int8_t* output, int8_t* hidden, int16_t* cell, const LstmGateWeights& forget_gate,
          const LstmGateWeights& input_gate, const LstmGateWeights& cell_gate, const LstmGateWeights& output_gate,
          const LstmParameters& parameters) {
    const int32_t units = parameters.units;
    for (int32_t step = 0; step < parameters.steps; ++step, input += parameters.inputs, output += units) {
        for (int32_t unit = 0; unit < units; ++unit) {
            const int32_t forget = sigmoid(gate_sum(input, hidden, forget_gate, parameters.forget_gate, parameters, unit));
            const int32_t added = sigmoid(gate_sum(input, hidden, input_gate, parameters.input_gate, parameters, unit));
            const int32_t candidate = tanh_of(gate_sum(input, hidden, cell_gate, parameters.cell_gate, parameters, unit), 0);
            const int32_t shown = sigmoid(gate_sum(input, hidden, output_gate, parameters.output_gate, parameters, unit));
            const int32_t next = next_cell(cell[unit], forget, added, candidate, parameters);
            cell[unit] = static_cast<int16_t>(next);
            const int32_t value = rescaled(tanh_of(next, parameters.cell_left_shift) * shown, parameters.hidden) + parameters.hidden_zero_point;
            output[unit] = static_cast<int8_t>(value < -128 ? -128 : (value > 127 ? 127 : value));
        }
        memcpy(hidden, output, static_cast<size_t>(units));  // behind the last unit: all of them read the old state
    }
}

}  // namespace nn
}  // namespace tinyaudio
