#include "tinyaudio/golden_vectors.h"

#include <string.h>

#include "tinyaudio/port.h"

namespace tinyaudio {

OperatorOutcome compare_with_golden(const GoldenVectors& golden, uint32_t vector, const GoldenOperator& which,
                                    const int8_t* actual, uint32_t counter_ticks) {
    const GoldenTensor& tensor = golden.tensors[which.output];
    const int8_t* const expected = tensor.golden[vector];
    OperatorOutcome outcome = {which.index, which.name, tensor.elements, 0, 0, 0, 0, counter_ticks};
    for (uint32_t element = 0; element < tensor.elements; ++element) {
        if (actual[element] != expected[element] && outcome.mismatches++ == 0) {
            outcome.first_element = element;
            outcome.expected = expected[element];
            outcome.actual = actual[element];
        }
    }
    return outcome;
}

namespace {

// An output may share memory with an input that it replaces; the inputs are written behind this.
void spoil(const GoldenOperator& which, const GoldenTensor& tensor, uint32_t vector) {
    for (uint32_t element = 0; element < tensor.elements; ++element) {
        which.output_memory[element] = static_cast<int8_t>(~tensor.golden[vector][element]);
    }
}

}  // namespace

void run_golden_steps(const GoldenVectors& golden, const GoldenSteps& steps, uint32_t vector, uint32_t first, uint32_t count,
                      const OutcomeSink& sink) {
    for (uint32_t step = first; step < first + count && step < golden.operator_count; ++step) {
        const GoldenOperator& which = golden.operators[step];
        steps.reset();  // before the inputs: some of them may be what the model keeps
        spoil(which, golden.tensors[which.output], vector);
        for (uint32_t position = 0; position < which.input_count; ++position) {
            const OperatorInput& input = which.inputs[position];
            const GoldenTensor& tensor = golden.tensors[input.tensor];
            memcpy(input.memory, tensor.golden[vector], tensor.elements);
        }
        const uint32_t start = port_counter_start();
        steps.run_step(step);
        const uint32_t ticks = port_counter_ticks() - start;
        sink.take(sink.context, compare_with_golden(golden, vector, which, which.output_memory, ticks));
    }
}

}  // namespace tinyaudio
