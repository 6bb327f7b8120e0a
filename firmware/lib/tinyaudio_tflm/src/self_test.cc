#include "tinyaudio/tflm/self_test.h"

#include <string.h>

#include "tinyaudio/port.h"
#include "tinyaudio/tflm/runtime.h"

namespace tinyaudio {
namespace tflm {

namespace {

struct Watch {
    const GoldenVectors* golden;
    const OutcomeSink* sink;
    uint32_t vector;
    uint32_t first;
    uint32_t count;
    uint32_t next;  // operator of `golden` that comes next; the file may have others between them
    uint32_t start_ticks;
};

void begin_operator(void* context, uint32_t) {
    static_cast<Watch*>(context)->start_ticks = port_counter_start();
}

void end_operator(void* context, uint32_t operator_index) {
    const uint32_t end_ticks = port_counter_ticks();
    Watch& watch = *static_cast<Watch*>(context);
    if (watch.next >= watch.golden->operator_count || watch.golden->operators[watch.next].index != operator_index) {
        return;
    }
    const GoldenOperator& which = watch.golden->operators[watch.next];
    if (watch.next >= watch.first && watch.next - watch.first < watch.count) {
        const OperatorOutcome outcome =
            compare_with_golden(*watch.golden, watch.vector, which, tensor(which.output_tensor), end_ticks - watch.start_ticks);
        watch.sink->take(watch.sink->context, outcome);
    }
    ++watch.next;
}

}  // namespace

void run_golden_inference(const GoldenVectors& golden, const int8_t* golden_input, uint32_t input_elements,
                          uint32_t vector, uint32_t first, uint32_t count, const OutcomeSink& sink) {
    Watch watch = {&golden, &sink, vector, first, count, 0, 0};
    memcpy(input(), golden_input, input_elements);
    observer = {&watch, begin_operator, end_operator};
    invoke();
    observer = {};
}

}  // namespace tflm
}  // namespace tinyaudio
