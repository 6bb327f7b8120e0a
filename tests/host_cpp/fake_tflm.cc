// TFLite Micro as far as the glue calls it, with nothing behind: it reserves memory, computes nothing, and fails on request.
//
// Environment variables of the program say how: FAKE_TFLM_NEEDED_BYTES, the arena that it wants; FAKE_TFLM_LACKS, an operator
// that its resolver does not find; FAKE_TFLM_FAILS, what it says when it fails to compute. Its words are those of the real one.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/lite/micro/micro_interpreter.h"

extern "C" void DebugLog(const char* format, va_list arguments);

namespace tflite {
namespace {

constexpr uint32_t kInputBytes = 32 * 64;  // of the golden model
constexpr uint32_t kOutputBytes = 4;

struct State {
    uint8_t* arena;
    size_t arena_bytes;
    TfLiteTensor input;
    TfLiteTensor outputs[2];
    TfLiteEvalTensor eval;
    TfLiteContext context;
};

State state;

void say(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    DebugLog(format, arguments);
    va_end(arguments);
}

void print(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    DebugLog(format, arguments);
    va_end(arguments);
    say("\r\n");
}

size_t needed_bytes() {
    const char* const text = getenv("FAKE_TFLM_NEEDED_BYTES");
    return text != nullptr ? strtoul(text, nullptr, 10) : 4000;
}

}  // namespace

const Model* GetModel(const void* buffer) {
    return static_cast<const Model*>(buffer);
}

MicroInterpreter::MicroInterpreter(const Model*, const MicroOpResolver&, uint8_t* tensor_arena, size_t tensor_arena_size,
                                   MicroResourceVariables*, MicroProfilerInterface*, bool) {
    state = {};
    state.arena = tensor_arena;
    state.arena_bytes = tensor_arena_size;
}

MicroInterpreter::MicroInterpreter(const Model*, const MicroOpResolver&, MicroAllocator*, MicroResourceVariables*,
                                   MicroProfilerInterface*) {
    abort();  // the golden model has no variables
}

MicroAllocator* MicroAllocator::Create(uint8_t*, size_t, MemoryPlannerType) {
    return nullptr;
}

MicroResourceVariables* MicroResourceVariables::Create(MicroAllocator*, int) {
    return nullptr;
}

TfLiteStatus MicroInterpreter::AllocateTensors() {
    if (const char* const lacks = getenv("FAKE_TFLM_LACKS")) {
        print("Didn't find op for builtin opcode '%s'", lacks);
        print("Failed to get registration from op code %s\n ", lacks);
        return kTfLiteError;
    }
    if (needed_bytes() > state.arena_bytes) {
        print("Failed to resize buffer. Requested: %u, available %u, missing: %u", static_cast<unsigned>(needed_bytes()),
              static_cast<unsigned>(state.arena_bytes), static_cast<unsigned>(needed_bytes() - state.arena_bytes));
        return kTfLiteError;
    }
    state.input.data.data = state.arena;
    for (TfLiteTensor& output : state.outputs) {
        output.data.data = state.arena + kInputBytes;
    }
    return kTfLiteOk;
}

TfLiteStatus MicroInterpreter::Invoke() {
    if (const char* const fails = getenv("FAKE_TFLM_FAILS")) {
        print("%s", fails);
        return kTfLiteError;
    }
    memset(state.outputs[0].data.data, 0, kOutputBytes);
    return kTfLiteOk;
}

TfLiteTensor* MicroInterpreter::input(size_t) {
    return &state.input;
}

TfLiteTensor* MicroInterpreter::output(size_t index) {
    return &state.outputs[index];
}

size_t MicroInterpreter::arena_used_bytes() const {
    return needed_bytes();
}

const TfLiteContext& MicroInterpreter::context() const {
    return state.context;
}

template <unsigned int op_count>
TfLiteStatus MicroMutableOpResolver<op_count>::AddConv2D() { return kTfLiteOk; }
template <unsigned int op_count>
TfLiteStatus MicroMutableOpResolver<op_count>::AddDepthwiseConv2D() { return kTfLiteOk; }
template <unsigned int op_count>
TfLiteStatus MicroMutableOpResolver<op_count>::AddFullyConnected() { return kTfLiteOk; }
template <unsigned int op_count>
TfLiteStatus MicroMutableOpResolver<op_count>::AddMean() { return kTfLiteOk; }
template <unsigned int op_count>
TfLiteStatus MicroMutableOpResolver<op_count>::AddSoftmax() { return kTfLiteOk; }

template class MicroMutableOpResolver<5>;  // the golden model's

}  // namespace tflite
