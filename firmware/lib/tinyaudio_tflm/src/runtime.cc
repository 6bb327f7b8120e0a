#include "tinyaudio/tflm/runtime.h"

#include <string.h>

#include <new>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"  // in their headers
#include "tensorflow/lite/micro/micro_allocator.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_profiler_interface.h"
#include "tensorflow/lite/micro/micro_resource_variable.h"
#include "tensorflow/lite/schema/schema_generated.h"
#pragma GCC diagnostic pop
#include "tinyaudio/tflm/log.h"
#ifndef TINYAUDIO_TFLM_VERSION
#include "generated/tflm_version.h"  // of a project whose build system takes no text with spaces as a definition
#endif

namespace tinyaudio {
namespace tflm {

OperatorObserver observer;

namespace {

constexpr uint32_t kFaultBytes = 200;  // as many as a message of the wire protocol carries
constexpr uint32_t kArenaAlignmentBytes = 16;

// The interpreter tells its profiler when an operator begins and ends: the way to watch it work.
class Profiler final : public tflite::MicroProfilerInterface {
 public:
    // It is never deleted. Without this, its virtual destructor brings in the heap.
    void operator delete(void*) {}

    void restart() {
        depth_ = 0;
        next_ = 0;
    }

    uint32_t BeginEvent(const char*) override {
        const uint32_t index = next_;
        if (depth_++ == 0) {
            ++next_;
            if (observer.begin != nullptr) {
                observer.begin(observer.context, index);
            }
        }
        return index;
    }

    void EndEvent(uint32_t index) override {
        if (--depth_ == 0 && observer.end != nullptr) {
            observer.end(observer.context, index);
        }
    }

 private:
    uint32_t depth_ = 0;  // 1 within an operator of the model, more within those of subgraphs it calls
    uint32_t next_ = 0;
};

// Its own GetTensor() knows a tensor only where all of them are kept to the end. Kernels ask its context, and so does this.
class Interpreter final : public tflite::MicroInterpreter {
 public:
    using tflite::MicroInterpreter::MicroInterpreter;

    const int8_t* tensor(uint32_t index) const {
        return context().GetEvalTensor(&context(), static_cast<int>(index))->data.int8;
    }
};

alignas(Interpreter) uint8_t interpreter_memory[sizeof(Interpreter)];
alignas(Profiler) uint8_t profiler_memory[sizeof(Profiler)];

struct State {
    Interpreter* interpreter;
    Profiler* profiler;  // null: nobody watches
    void* input;
    const void* output;
    const void* logits;
    const char* fault;
};

State state;
Model started;
char fault_text[kFaultBytes];

__attribute__((format(printf, 1, 2))) const char* fail(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    format_text(fault_text, kFaultBytes, format, arguments);
    va_end(arguments);
    state.fault = fault_text;
    return state.fault;
}

const char* fail_to_allocate(const Model& model) {
    const uint32_t missing_bytes = log_number("missing: ");
    if (missing_bytes > 0) {
        return fail("the model's arena of %u bytes is too small: at least %u bytes are missing",
                    static_cast<unsigned>(model.arena_bytes), static_cast<unsigned>(missing_bytes));
    }
    return fail("TFLite Micro cannot prepare the model: %s", log_first_line());
}

// Without resource variables the interpreter makes its own allocator; with them, they need one to come from first.
Interpreter* make_interpreter(const Model& model) {
    const tflite::Model* const file = tflite::GetModel(model.data);
    if (model.variables == 0) {
        return new (interpreter_memory)
            Interpreter(file, *model.operators, model.arena, model.arena_bytes, nullptr, state.profiler);
    }
    tflite::MicroAllocator* const allocator = tflite::MicroAllocator::Create(model.arena, model.arena_bytes);
    if (allocator == nullptr) {
        return nullptr;
    }
    tflite::MicroResourceVariables* const variables =
        tflite::MicroResourceVariables::Create(allocator, static_cast<int>(model.variables));
    if (variables == nullptr) {
        return nullptr;
    }
    return new (interpreter_memory) Interpreter(file, *model.operators, allocator, variables, state.profiler);
}

}  // namespace

const char* start(const Model& model) {
    state = {};
    started = model;
    log_clear();
    if (reinterpret_cast<uintptr_t>(model.arena) % kArenaAlignmentBytes != 0 ||
        reinterpret_cast<uintptr_t>(model.data) % kArenaAlignmentBytes != 0) {
        return fail("the model or its arena is not aligned to %u bytes", static_cast<unsigned>(kArenaAlignmentBytes));
    }
    if (model.is_watched) {
        state.profiler = new (profiler_memory) Profiler();
    }
    Interpreter* const interpreter = make_interpreter(model);
    if (interpreter == nullptr || interpreter->AllocateTensors() != kTfLiteOk) {
        return fail_to_allocate(model);
    }
    state.interpreter = interpreter;
    state.input = interpreter->input(0)->data.data;
    state.output = interpreter->output(0)->data.data;
    state.logits = interpreter->output(model.logits_output)->data.data;
    return nullptr;
}

void restart(void* kept_input, uint32_t input_bytes) {
    memcpy(kept_input, state.input, input_bytes);
    const Model model = started;
    if (start(model) == nullptr) {
        memcpy(state.input, kept_input, input_bytes);
    }
}

void* input() {
    return state.input;
}

void invoke() {
    if (state.profiler != nullptr) {
        state.profiler->restart();
    }
    log_clear();
    if (state.interpreter->Invoke() != kTfLiteOk) {
        fail("TFLite Micro cannot run the model: %s", log_first_line());
    }
}

const void* output() {
    return state.output;
}

const void* logits() {
    return state.logits;
}

const int8_t* tensor(uint32_t tensor_index) {
    return state.interpreter->tensor(tensor_index);
}

const char* fault() {
    return state.fault;
}

const char* version() {
    return TINYAUDIO_TFLM_VERSION;
}

uint32_t arena_used_bytes() {
    return state.interpreter != nullptr ? static_cast<uint32_t>(state.interpreter->arena_used_bytes()) : 0;
}

}  // namespace tflm
}  // namespace tinyaudio
