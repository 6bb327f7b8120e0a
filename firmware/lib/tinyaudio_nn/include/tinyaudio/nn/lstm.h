// A long short-term memory over a sequence, with int8 values and an int16 cell.
#pragma once

#include <stdint.h>

namespace tinyaudio {
namespace nn {

// Two dense layers, over the input and over what the units gave out last; their sum goes into a gate's function.
struct LstmGateWeights {
    const int8_t* input;            // [units][inputs]
    const int8_t* recurrent;        // [units][units]
    const int32_t* input_bias;      // [units], the input's zero point folded in
    const int32_t* recurrent_bias;  // [units], minus the state's zero point times the sums of its weights
};

struct LstmFactor {
    int32_t multiplier;   // Q31
    int32_t right_shift;  // negative: shift left
};

// Both layers' results are Q3.12.
struct LstmGateScales {
    LstmFactor input;
    LstmFactor recurrent;
};

struct LstmParameters {
    int32_t steps;
    int32_t inputs;
    int32_t units;
    LstmGateScales forget_gate;
    LstmGateScales input_gate;
    LstmGateScales cell_gate;
    LstmGateScales output_gate;
    LstmFactor kept;    // forget gate (Q0.15) times cell -> cell
    LstmFactor added;   // input gate times cell gate (Q0.15 both) -> cell
    LstmFactor hidden;  // output gate times tanh of the cell (Q0.15 both) -> output
    int32_t cell_left_shift;  // of the cell, to Q3.12; negative: shift right
    int32_t cell_limit;       // the cell is held within it; 0: by 16 bits only
    int32_t hidden_zero_point;
};

// `hidden` [units] and `cell` [units] stay from one call to the next. input [steps][inputs], output [steps][units].
void lstm(const int8_t* input, int8_t* output, int8_t* hidden, int16_t* cell, const LstmGateWeights& forget_gate,
          const LstmGateWeights& input_gate, const LstmGateWeights& cell_gate, const LstmGateWeights& output_gate,
          const LstmParameters& parameters);

}  // namespace nn
}  // namespace tinyaudio
