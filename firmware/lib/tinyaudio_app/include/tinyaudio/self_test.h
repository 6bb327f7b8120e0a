// The model's operators on golden vectors: what a self-test image offers to the application.
#ifndef TINYAUDIO_SELF_TEST_H_
#define TINYAUDIO_SELF_TEST_H_

#include <stdint.h>

namespace tinyaudio {

// What one operator computed from one golden input.
struct OperatorOutcome {
    uint32_t operator_index;  // position in the .tflite file
    const char* name;         // its kind, and the tensor that it writes
    uint32_t elements;        // of its output
    uint32_t mismatches;      // elements that differ from the golden vector
    uint32_t first_element;   // the first that differs; 0 if none does
    int8_t expected;          // of that element
    int8_t actual;
    uint32_t counter_ticks;
};

struct OutcomeSink {
    void* context;
    void (*take)(void* context, const OperatorOutcome& outcome);
};

// Generated code fills one in, firmware/lib/tinyaudio_self_test and the runtime do the work.
struct SelfTest {
    uint32_t vectors;    // golden inputs
    uint32_t operators;  // run on each of them
    // Runs the operators number `first` to `first + count - 1` on golden input `vector` and tells of each behind it.
    // A runtime that cannot run an operator alone runs those in front of it as well.
    void (*run)(uint32_t vector, uint32_t first, uint32_t count, const OutcomeSink& sink);
};

}  // namespace tinyaudio

#endif  // TINYAUDIO_SELF_TEST_H_
