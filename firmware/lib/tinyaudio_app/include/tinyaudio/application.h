// The application: PCM in; features, patches, inferences, smoothing; results out as messages of the wire protocol.
//
// It knows no board and no model: both come through ApplicationConfig, which generated code fills in. One thread, no
// heap, no clock but the port's counter. Back pressure reaches from the host's receiver to the PCM source: what cannot
// be sent is not computed, what is not computed is not read, what is not read the host does not get credit for, or the
// microphone loses: then the samples are counted, the host is told where, and all starts afresh behind the gap.
#ifndef TINYAUDIO_APPLICATION_H_
#define TINYAUDIO_APPLICATION_H_

#include <stdint.h>

#include "tinyaudio/frontend.h"
#include "tinyaudio/link.h"
#include "tinyaudio/patch_assembler.h"
#include "tinyaudio/pcm_ring.h"
#include "tinyaudio/pcm_source.h"
#include "tinyaudio/port.h"
#include "tinyaudio/scores.h"
#include "tinyaudio/self_test.h"
#include "tinyaudio/settings.h"

namespace tinyaudio {

constexpr uint32_t kReceiveBytes = 8192;      // what the host may have under way: 4,000 samples, 0.25 s at 16 kHz
constexpr uint32_t kRetransmitBytes = 16384;  // what may wait for an acknowledge: 340 traces

// A compiled model. Without outputs it stands for none: patches are traced and nothing is inferred from them.
struct Model {
    int8_t* (*input)();          // [input_elements], to be written before every invoke
    void (*invoke)();
    const int8_t* (*logits)();   // [logits_elements], the tensor before a final softmax
    const int8_t* (*output)();   // [output_elements]
    uint32_t input_elements;
    uint32_t logits_elements;
    uint32_t output_elements;  // one a class; 0: there is no model
    uint32_t arena_bytes;
    const char* (*kernels)();  // whose kernels compute, and which version of them
    // Null where the runtime has nothing to prepare and nothing can fail while it runs.
    const char* (*start)();         // to be called once, first; null, or what is wrong
    const char* (*fault)();         // null while the model works, or what went wrong
    uint32_t (*arena_used_bytes)();  // of arena_bytes; known behind start
    // Forgets all inputs so far; null where the model keeps nothing from one inference to the next.
    void (*reset)();
};

// What the firmware is. Generated; constant.
struct ApplicationConfig {
    const char* board_id;
    const char* runtime;
    const char* kernel;
    uint8_t firmware_fingerprint[32];
    uint8_t model_sha256[32];
    uint8_t calibration_fingerprint[32];
    const FrontendTables* frontend;
    const FeatureQuantization* quantization;
    Model model;
    const SelfTest* self_test;  // null: the image carries no golden vectors
    uint32_t sample_rate_hz;
    uint32_t hop_samples;
    uint32_t patch_frames;
    uint32_t patch_hop_frames;
    PatchLayout patch_layout;
    uint32_t smoothing_patches;
    DecisionRule decision_rule;
    const int16_t* thresholds;  // [labels], of an int8 score; of recordings only as long as no setting says otherwise
    uint32_t counter_frequency_hz;
    wire::CounterUnit counter_unit;
};

// Where it works. The caller's; see ApplicationMemory.
struct ApplicationBuffers {
    int16_t* pcm;  // [pcm_capacity]
    uint32_t pcm_capacity;
    int16_t* window;        // [window_samples]
    int32_t* log_mel;       // [mel_bands]
    int8_t* patch;          // [patch_frames][feature_bands]
    int8_t* score_history;  // [smoothing_patches][labels]
    int16_t* smoothed_sums;  // [labels]
    int32_t* clip_sums;      // [labels]
    uint8_t* detected;       // [label_set_bytes(labels)], as the following two
    uint8_t* told;
    uint8_t* clip_detected;
    int16_t* stored_thresholds;  // [labels]
    uint8_t* capture;       // [capture_bytes], the largest array of any stage
    uint32_t capture_bytes;
    FrontendScratch scratch;
    wire::LinkBuffers link;
};

// Memory for ApplicationBuffers, sized by generated constants; to be static.
template <uint32_t kWindowSamples, uint32_t kFftSamples, uint32_t kMelBands, uint32_t kFeatureBands,
          uint32_t kConditionedSamples, uint32_t kPatchFrames, uint32_t kLabels, uint32_t kSmoothingPatches>
struct ApplicationMemory {
    static constexpr uint32_t kPcmCapacity = power_of_two_from(kWindowSamples + wire::Pcm::kMaxSamples);
    static constexpr uint32_t kSpectrumBytes = (kFftSamples + 2) * 4;  // also of 64-bit energies: fft / 2 + 1 of 8 bytes
    static constexpr uint32_t kMelBytes = kMelBands * 8;
    static constexpr uint32_t kCaptureBytes = kSpectrumBytes > kMelBytes ? kSpectrumBytes : kMelBytes;

    int16_t pcm[kPcmCapacity];
    int16_t window[kWindowSamples];
    int32_t log_mel[kMelBands];
    int8_t patch[kPatchFrames * kFeatureBands];
    static constexpr uint32_t kSums = kLabels > 0 ? kLabels : 1;
    static constexpr uint32_t kLabelSetBytes = label_set_bytes(kSums);

    int32_t clip_sums[kSums];
    int16_t smoothed_sums[kSums];
    int8_t score_history[kSmoothingPatches * kSums];
    uint8_t detected[kLabelSetBytes];
    uint8_t told[kLabelSetBytes];
    uint8_t clip_detected[kLabelSetBytes];
    int16_t stored_thresholds[kSums];
    uint8_t capture[kCaptureBytes];
    uint8_t receive[kReceiveBytes];
    uint8_t retransmit[kRetransmitBytes];
    FrontendBuffers<kFftSamples, kMelBands, kConditionedSamples> frontend;

    ApplicationBuffers buffers() {
        return {pcm,          kPcmCapacity,  window,    log_mel,
                patch,        score_history, smoothed_sums, clip_sums,
                detected,     told,          clip_detected, stored_thresholds,
                capture,      kCaptureBytes, frontend.scratch(),
                {receive, sizeof(receive), retransmit, sizeof(retransmit)}};
    }
};

// What the application does next.
enum class Phase : uint8_t {
    kIdle,     // no clip
    kRefused,  // the clip was refused: skip what still comes of it
    kSamples,  // collect a window of samples
    kFrame,    // compute a frame and tell its trace
    kCapture,  // send arrays of the frame
    kAdvance,  // go on to the next frame
    kPatch,    // infer and decide
    kScores,   // tell the result of the inference
    kDetections,  // tell which labels came up or went away
    kGap,      // tell of lost samples and start afresh behind them
    kResult,   // tell the result of the clip
    kSelfTest,  // run operators on golden vectors
};

// A clip, or a recording of the microphone.
struct ClipProgress {
    wire::ClipBegin request;
    bool is_live;           // total_samples 0 then stands for no end
    uint32_t samples;       // taken from the source
    uint32_t overruns;      // lost in the source, as far as the host was told
    uint32_t lost_samples;  // in the gap that the host is to be told of
    uint32_t frames;
};

// Results that are told piece by piece, as there is room for them.
struct Telling {
    uint32_t position;        // the next label, or where detections are told the next step
    uint32_t features_crc32;  // of the patch
    uint32_t counter_ticks;   // cost of the inference
};

// A captured array under way, piece by piece.
struct Capture {
    uint32_t stage;         // of StageData
    uint32_t total_bytes;   // 0: not computed yet
    uint32_t offset_bytes;  // sent so far
};

struct SelfTestProgress {
    uint32_t vectors;  // to be run
    uint32_t vector;   // under way
    uint32_t first_operator;
    uint32_t failed;
};

// What setting 1 holds; of no interest unless the state is kStored.
struct StoredCalibration {
    wire::CalibrationState state;
    uint16_t first_key;  // where the thresholds of the labels are stored; 0: `threshold` is that of every label
    int32_t threshold;
    uint8_t fingerprint[32];
};

struct Application {
    const ApplicationConfig* config;
    ApplicationBuffers buffers;
    wire::Link link;
    PcmRing ring;
    PatchAssembler assembler;
    LevelState level;       // behind the frame before
    LevelState next_level;  // behind the frame under way
    ScoreSmoother smoother;
    ClipScores scores;
    Telling telling;
    SerialPcm serial;
    PcmSource source;  // of the clip under way
    Settings settings;
    StoredCalibration stored;
    bool is_heard;  // the port was asked for bytes of the host since the last frame of a recording
    Phase phase;
    ClipProgress clip;
    Capture capture;
    SelfTestProgress self_test;
    uint32_t timing_ticks;  // cost of measuring: two reads of the counter with nothing between
    const char* fault;       // why the firmware cannot work; null if it can
};

// Sets up a static `application`. What does not fit together is told to every host that says hello.
void application_init(Application& application, const ApplicationConfig& config, const ApplicationBuffers& buffers,
                      const wire::LinkOutput& output);

// Does one step. Returns false if there is nothing to do until application_receive was called with what port_read returned
// for application_wait.
bool application_step(Application& application);

// What to wait for when application_step returned false.
PortWait application_wait(const Application& application);

// Takes bytes of the host, or none.
void application_receive(Application& application, const uint8_t* bytes, uint32_t count);

// Runs `config` on the port until the host goes away. Returns the exit code of the program.
int run_application(const ApplicationConfig& config, const ApplicationBuffers& buffers, int argument_count,
                    char** arguments);

}  // namespace tinyaudio

#endif  // TINYAUDIO_APPLICATION_H_
