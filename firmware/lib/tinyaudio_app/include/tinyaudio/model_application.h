// A model alone behind the wire protocol: inputs in, outputs, logits and costs out. No front end, no clips.
//
// The firmware that `tinyaudio model verify` and `bench` build. Like the application it knows no board and no model, has
// one thread and no heap, and computes nothing that it could not send.
#ifndef TINYAUDIO_MODEL_APPLICATION_H_
#define TINYAUDIO_MODEL_APPLICATION_H_

#include <stdint.h>

#include "tinyaudio/link.h"

namespace tinyaudio {

// Watches the steps of an inference.
struct StepObserver {
    void* context;
    void (*begin)(void* context, uint32_t step);
    void (*end)(void* context, uint32_t step);
};

// A model, of tensors of any type: their bytes as they lie in memory.
struct BareModel {
    uint8_t* (*input)();             // [input_bytes], to be written before every inference
    void (*invoke)();                // one inference
    void (*run_step)(uint32_t step);  // one step of it; all of them in order are an inference. Null: see run_watched
    void (*reset)();                 // forgets all inputs so far
    const uint8_t* (*output)();      // [output_bytes]
    const uint8_t* (*logits)();      // [logits_bytes], the tensor before a final softmax
    uint32_t input_bytes;
    uint32_t output_bytes;
    uint32_t logits_bytes;
    uint32_t steps;
    uint32_t arena_bytes;
    // Of a runtime that has to be started, can fail, and runs its steps only together. Null where there is nothing of that.
    const char* (*start)();                            // to be called once, first; null, or what is wrong
    const char* (*fault)();                            // null while the model works, or what went wrong
    void (*run_watched)(const StepObserver& observer);  // an inference whose steps are told
    uint32_t (*arena_used_bytes)();                    // of arena_bytes; known behind start
    const char* (*kernels)();                          // whose kernels compute, and which version of them
};

// What the firmware is. Generated; constant.
struct ModelConfig {
    const char* board_id;
    const char* runtime;
    uint8_t firmware_fingerprint[32];
    uint8_t model_sha256[32];
    BareModel model;
    uint32_t counter_frequency_hz;
    wire::CounterUnit counter_unit;
};

// Where it works. The caller's; see ModelMemory.
struct ModelBuffers {
    uint32_t* step_ticks;  // [steps]
    wire::LinkBuffers link;
};

// Memory for ModelBuffers; to be static.
template <uint32_t kSteps>
struct ModelMemory {
    uint32_t step_ticks[kSteps];
    uint8_t receive[8192];      // some pieces of the next input, while the model computes
    uint8_t retransmit[16384];  // what may wait for an acknowledge

    ModelBuffers buffers() { return {step_ticks, {receive, sizeof(receive), retransmit, sizeof(retransmit)}}; }
};

// What the firmware does next.
enum class ModelPhase : uint8_t {
    kIdle,     // take the host's messages
    kRefused,  // skip them until a new session
    kOutput,   // tell the output
    kLogits,   // tell the logits
    kTicks,    // tell the steps' ticks
    kResult,   // tell that this was all
};

struct ModelApplication {
    const ModelConfig* config;
    ModelBuffers buffers;
    wire::Link link;
    ModelPhase phase;
    wire::ModelRun request;      // of the inference under way
    wire::ModelResult result;    // of the same
    uint32_t received_bytes;     // of the next input
    uint32_t told;               // bytes, or steps, of what is being told
    uint32_t timing_ticks;       // cost of measuring: two reads of the counter with nothing between
    const char* fault;           // why the model cannot run; null if it can
};

// Sets up a static `application`.
void model_application_init(ModelApplication& application, const ModelConfig& config, const ModelBuffers& buffers,
                            const wire::LinkOutput& output);

// Does one step. Returns false if there is nothing to do until bytes of the host came.
bool model_application_step(ModelApplication& application);

// Runs `config` on the port until the host goes away. Returns the exit code of the program.
int run_model_application(const ModelConfig& config, const ModelBuffers& buffers, int argument_count, char** arguments);

}  // namespace tinyaudio

#endif  // TINYAUDIO_MODEL_APPLICATION_H_
