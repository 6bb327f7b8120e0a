// One model on the interpreter of TFLite Micro: the functions that generated code gives to the application.
//
// The interpreter lives in static memory, everything it allocates in the arena it is given; there is no heap.
#ifndef TINYAUDIO_TFLM_RUNTIME_H_
#define TINYAUDIO_TFLM_RUNTIME_H_

#include <stdint.h>

namespace tflite {
class MicroOpResolver;
}  // namespace tflite

namespace tinyaudio {
namespace tflm {

// Watches the operators of an inference. Operators of called subgraphs count as part of their caller.
struct OperatorObserver {
    void* context;
    void (*begin)(void* context, uint32_t operator_index);
    void (*end)(void* context, uint32_t operator_index);  // its outputs are valid until the observer returns
};

struct Model {
    const uint8_t* data;  // the .tflite file, 16-byte aligned
    const tflite::MicroOpResolver* operators;
    uint8_t* arena;  // 16-byte aligned
    uint32_t arena_bytes;
    uint32_t variables;      // resource variables; 0 for most models
    uint32_t logits_output;  // which output of the file is the tensor before a final softmax
    bool is_watched;         // whether `observer` is told of operators
};

// Whoever watches, while somebody does; heard by watched models.
extern OperatorObserver observer;

// Builds the interpreter and allocates its tensors. Returns null if the model can run, otherwise what is wrong: one line
// that stays valid. To be called once, before the other functions.
const char* start(const Model& model);

// Forgets all inputs so far but the one that waits for `invoke`: builds the interpreter anew, in the same memory. The
// interpreter's own Reset() would not run again what a model runs once, the first values of its variables.
// `kept_input` is as large as the input.
void restart(void* kept_input, uint32_t input_bytes);

// The tensors at the model's ends, of whatever type the file says; 16-byte aligned.
void* input();
void invoke();
const void* output();
const void* logits();

// A tensor of the file; valid while nothing else has been computed into its memory.
const int8_t* tensor(uint32_t tensor_index);

// Null while the model works; otherwise what went wrong, one line.
const char* fault();

// What of the arena is needed; 0 if `start` failed.
uint32_t arena_used_bytes();

// Whose kernels compute, and which version of them, as the build has found them.
const char* version();

}  // namespace tflm
}  // namespace tinyaudio

#endif  // TINYAUDIO_TFLM_RUNTIME_H_
