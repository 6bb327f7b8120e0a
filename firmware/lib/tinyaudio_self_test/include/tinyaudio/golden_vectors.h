// Golden vectors of a model's operators, and how they are run.
#ifndef TINYAUDIO_GOLDEN_VECTORS_H_
#define TINYAUDIO_GOLDEN_VECTORS_H_

#include <stdint.h>

#include "tinyaudio/self_test.h"

namespace tinyaudio {

// Values of one tensor: `golden` + vector is a pointer to what it holds for that golden input.
struct GoldenTensor {
    const int8_t* const* golden;  // [vectors]
    uint32_t elements;
};

// Where an operator of the runtime `aot` reads a tensor.
struct OperatorInput {
    uint16_t tensor;  // of GoldenVectors.tensors
    int8_t* memory;
};

struct GoldenOperator {
    uint16_t index;  // position in the .tflite file
    const char* name;
    uint16_t input_count;
    const OperatorInput* inputs;  // runtime `aot` only
    uint16_t output;              // of GoldenVectors.tensors
    int8_t* output_memory;        // runtime `aot` only
    uint16_t output_tensor;       // position of the output in the .tflite file; runtime `tflm` only
};

struct GoldenVectors {
    uint16_t vectors;
    uint16_t operator_count;
    const GoldenOperator* operators;
    const GoldenTensor* tensors;
};

// Compares all elements.
OperatorOutcome compare_with_golden(const GoldenVectors& golden, uint32_t vector, const GoldenOperator& which, const int8_t* actual,
                                    uint32_t counter_ticks);

// Runs operators one by one, each on its golden inputs: a fault in one is not seen in another. `run_step` runs one, behind
// `reset`, which gives all that the model keeps its first value. What a step does not write is wrong as well: before, no
// element of its output is what it should be.
struct GoldenSteps {
    void (*reset)();
    void (*run_step)(uint32_t step);
};

void run_golden_steps(const GoldenVectors& golden, const GoldenSteps& steps, uint32_t vector, uint32_t first, uint32_t count,
                      const OutcomeSink& sink);

}  // namespace tinyaudio

#endif  // TINYAUDIO_GOLDEN_VECTORS_H_
