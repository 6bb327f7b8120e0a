// Message types of the serial protocol, version 6.
//
// Generated from tinyaudio/wire/protocol.toml by `python -m tinyaudio.wire.generate`; change that, not this.
//
// Every message is a plain struct with two functions:
//   uint32_t encode(const M& message, uint8_t* payload, uint32_t capacity_bytes);
//       writes the payload and returns its length; 0 if it does not fit or a count is out of bounds. Enough for all: kMaxPayloadBytes.
//   bool decode(const uint8_t* payload, uint32_t bytes, M* message);
//       false unless `payload` is exactly one such message with all counts and enumerations within bounds.
// A bounded array `x` comes with its count `x_count`; a string's count is in bytes and no zero ends it.

#ifndef TINYAUDIO_PROTOCOL_H
#define TINYAUDIO_PROTOCOL_H

#include <stdint.h>

#include "tinyaudio/wire_codec.h"

namespace tinyaudio {
namespace wire {

constexpr uint16_t kProtocolVersion = 6;
constexpr uint32_t kMaxPayloadBytes = 522;

enum class MessageType : uint8_t {
    kHelloRequest = 0x01,  // to device
    kLinkPoll = 0x02,  // to device
    kLinkStatus = 0x03,  // both
    kSessionNotice = 0x04,  // to host
    kClipBegin = 0x10,  // to device
    kPcm = 0x11,  // to device
    kResetRequest = 0x12,  // to device
    kLiveBegin = 0x13,  // to device
    kLiveEnd = 0x14,  // to device
    kSettingsWrite = 0x15,  // to device
    kSettingsRead = 0x16,  // to device
    kSettingsList = 0x17,  // to device
    kModelInput = 0x19,  // to device
    kModelRun = 0x1A,  // to device
    kSelfTestRequest = 0x18,  // to device
    kHello = 0x40,  // to host
    kStageTrace = 0x41,  // to host
    kStageData = 0x42,  // to host
    kPatchResult = 0x43,  // to host
    kDetection = 0x44,  // to host
    kClipResult = 0x45,  // to host
    kLog = 0x46,  // to host
    kDeviceFault = 0x47,  // to host
    kOverrun = 0x48,  // to host
    kSettingsValue = 0x49,  // to host
    kSettingsKeys = 0x4A,  // to host
    kModelData = 0x4D,  // to host
    kModelTicks = 0x4E,  // to host
    kModelResult = 0x4F,  // to host
    kSelfTestOperator = 0x4B,  // to host
    kSelfTestResult = 0x4C,  // to host
};

// What the device tells about each frame of the front end.
enum class TraceMode : uint8_t {
    kNone = 0,  // Nothing.
    kCrc = 1,  // One StageTrace a frame.
};

// A stage of the front end, in the order of computation.
enum class Stage : uint8_t {
    kWindow = 0,  // Windowed samples, zero-padded to the FFT's length.
    kFft = 1,  // Spectrum, real and imaginary parts interleaved.
    kEnergy = 2,  // Magnitude or power of each bin.
    kMel = 3,  // Energy in each mel band.
    kLog = 4,  // Logarithm of each mel band.
    kPost = 5,  // Behind level normalization and cosine transform; the logarithm itself where neither is on.
    kFeatures = 6,  // Features as the model reads them.
};

// What the device's counter counts.
enum class CounterUnit : uint8_t {
    kInstructions = 0,  // Instructions of an emulator's deterministic clock.
    kCycles = 1,  // Clock cycles of a core.
    kNanoseconds = 2,  // Time of the computer the firmware runs on.
};

// How serious a line of the device's log is.
enum class LogLevel : uint8_t {
    kDebug = 0,  // Of interest to whoever works on the firmware.
    kInfo = 1,  // Normal operation.
    kWarning = 2,  // Unexpected, but results hold.
    kError = 3,  // Results may not hold.
};

// Why the device cannot go on with what it was asked to do.
enum class FaultCode : uint8_t {
    kBadRequest = 0,  // A message did not decode, or came out of place.
    kOverrun = 1,  // Samples had to be dropped.
    kSelfCheck = 2,  // Tables or model failed the checks at start.
    kHardware = 3,  // A peripheral or the processor reported a fault.
};

// What became of a SettingsRead or SettingsWrite. Behind a refused write the value is the one stored before.
enum class SettingStatus : uint8_t {
    kStored = 0,  // The value is what is stored, for good.
    kAbsent = 1,  // Nothing is stored under this key.
    kRefused = 2,  // Not written: the key does not exist for this firmware, or cannot have this value.
    kFull = 3,  // Not written: no room for another key.
    kFailed = 4,  // Not written: there is no storage, it does not work, or other firmware has written it.
    kCorrupt = 5,  // What is stored cannot be read.
    kForeign = 6,  // What is stored was made for other firmware.
};

// Which labels are detected; a label reaches its threshold where the sum of its scores is at least threshold x count.
enum class DecisionRule : uint8_t {
    kBest = 0,  // The one with the greatest sum, the first of equals, if it reaches its own threshold; else none.
    kEvery = 1,  // Every one that reaches its own threshold.
};

// Which calibration decides.
enum class CalibrationSource : uint8_t {
    kBuiltIn = 0,  // The one compiled in.
    kStored = 1,  // The one stored under setting 1; the one compiled in where none holds.
};

// What there is of a stored calibration, setting 1.
enum class CalibrationState : uint8_t {
    kBuiltIn = 0,  // Nothing is stored; the one compiled in holds.
    kStored = 1,  // The stored one holds for recordings.
    kCorrupt = 2,  // What is stored cannot be read; the one compiled in holds.
    kForeign = 3,  // What is stored is of another model, front end or smoothing; the one compiled in holds.
};

// What of a model's inference is told.
enum class ModelPart : uint8_t {
    kOutput = 0,  // The model's output.
    kLogits = 1,  // The tensor before a final softmax or logistic function; the output where there is none.
};

// How to run a model.
constexpr uint32_t kModelRunOptionForget = 1u;  // Forget all earlier inputs first; of use to streaming models only.
constexpr uint32_t kModelRunOptionStepTicks = 2u;  // Run step by step, and tell the cost of each with ModelTicks.

// What the firmware can do beyond the basics.
constexpr uint32_t kCapabilityStageTrace = 1u;  // Sends StageTrace.
constexpr uint32_t kCapabilityStageCapture = 2u;  // Sends StageData.
constexpr uint32_t kCapabilitySelfTest = 4u;  // Carries the golden vectors of every operator.
constexpr uint32_t kCapabilityReset = 8u;  // Obeys ResetRequest.
constexpr uint32_t kCapabilityMicrophone = 16u;  // Obeys LiveBegin.
constexpr uint32_t kCapabilitySettings = 32u;  // Keeps settings without power.
constexpr uint32_t kCapabilityBareModel = 64u;  // Is a model alone: obeys ModelInput and ModelRun, and knows no clips.

// Opens a session: the device forgets its link state and what it was doing, and answers with Hello.
struct HelloRequest {
    static constexpr MessageType kType = MessageType::kHelloRequest;
    static constexpr uint32_t kMaxBytes = 6;
    uint16_t protocol_version;  // Version the host speaks.
    uint32_t nonce;  // Any number; Hello repeats it. The same session and nonce again is a repetition, not a new session.
};

inline uint32_t encode(const HelloRequest& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.protocol_version);
    put(writer, message.nonce);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, HelloRequest* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->protocol_version);
    get(reader, &message->nonce);
    return reader.ok && reader.position == bytes;
}

// Asks for LinkStatus. Only the host has a clock, so only the host asks.
struct LinkPoll {
    static constexpr MessageType kType = MessageType::kLinkPoll;
    static constexpr uint32_t kMaxBytes = 3;
    uint16_t token;  // Repeated in LinkStatus: what was sent before the poll has then been received or is lost.
    uint8_t resend;  // 1: send again everything from the acknowledged frame on, before LinkStatus.
};

inline uint32_t encode(const LinkPoll& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.token);
    put(writer, message.resend);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, LinkPoll* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->token);
    get(reader, &message->resend);
    return reader.ok && reader.position == bytes;
}

// Carries an acknowledge and credit when no other frame is there to carry them.
struct LinkStatus {
    static constexpr MessageType kType = MessageType::kLinkStatus;
    static constexpr uint32_t kMaxBytes = 3;
    uint16_t token;  // Token of the LinkPoll it answers; 0 when it answers none.
    uint8_t gap;  // 1: a frame came ahead of the one expected, so something was lost.
};

inline uint32_t encode(const LinkStatus& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.token);
    put(writer, message.gap);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, LinkStatus* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->token);
    get(reader, &message->gap);
    return reader.ok && reader.position == bytes;
}

// The frame just received belongs to no open session: the device was reset. Its header repeats that frame's session.
struct SessionNotice {
    static constexpr MessageType kType = MessageType::kSessionNotice;
    static constexpr uint32_t kMaxBytes = 1;
    uint8_t open_session;  // Session the device has open; 0 for none.
};

inline uint32_t encode(const SessionNotice& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.open_session);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, SessionNotice* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->open_session);
    return reader.ok && reader.position == bytes;
}

// Starts a clip: the front end, the patches, the smoothing and the scores start afresh.
struct ClipBegin {
    static constexpr MessageType kType = MessageType::kClipBegin;
    static constexpr uint32_t kMaxBytes = 19;
    uint32_t clip_id;  // Number that all messages about the clip repeat.
    uint32_t total_samples;  // [samples] Length of the clip; ClipResult follows when so many were processed.
    TraceMode trace_mode;  // What to tell about each frame.
    uint8_t capture_stages;  // Bit i: send the arrays of stage i (see Stage) as StageData.
    uint32_t capture_first_frame;  // [frames] First frame to capture.
    uint32_t capture_frame_count;  // [frames] Number of frames to capture.
    CalibrationSource decide_by;  // Which calibration decides.
};

inline uint32_t encode(const ClipBegin& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.clip_id);
    put(writer, message.total_samples);
    put(writer, static_cast<uint8_t>(message.trace_mode));
    put(writer, message.capture_stages);
    put(writer, message.capture_first_frame);
    put(writer, message.capture_frame_count);
    put(writer, static_cast<uint8_t>(message.decide_by));
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, ClipBegin* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->clip_id);
    get(reader, &message->total_samples);
    get_enum(reader, &message->trace_mode, 2u);
    get(reader, &message->capture_stages);
    get(reader, &message->capture_first_frame);
    get(reader, &message->capture_frame_count);
    get_enum(reader, &message->decide_by, 2u);
    return reader.ok && reader.position == bytes;
}

// Consecutive samples of the clip.
struct Pcm {
    static constexpr MessageType kType = MessageType::kPcm;
    static constexpr uint32_t kMaxBytes = 522;
    static constexpr uint32_t kMaxSamples = 256;
    uint32_t clip_id;  // Clip they belong to.
    uint32_t offset_samples;  // [samples] Position of the first one in the clip.
    uint16_t samples_count;
    int16_t samples[256];  // [full scale = 32768] Mono PCM.
};

inline uint32_t encode(const Pcm& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.clip_id);
    put(writer, message.offset_samples);
    put_bounded(writer, message.samples, message.samples_count, 256u);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, Pcm* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->clip_id);
    get(reader, &message->offset_samples);
    get_bounded(reader, message->samples, &message->samples_count, 256u);
    return reader.ok && reader.position == bytes;
}

// Reboots the device, as if its power had failed; nothing is answered.
struct ResetRequest {
    static constexpr MessageType kType = MessageType::kResetRequest;
    static constexpr uint32_t kMaxBytes = 2;
    uint16_t delay_ms;  // [ms] Time to wait before.
};

inline uint32_t encode(const ResetRequest& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.delay_ms);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, ResetRequest* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->delay_ms);
    return reader.ok && reader.position == bytes;
}

// Starts a recording of the microphone, of which the same messages tell as of a clip.
struct LiveBegin {
    static constexpr MessageType kType = MessageType::kLiveBegin;
    static constexpr uint32_t kMaxBytes = 9;
    uint32_t clip_id;  // Number that all messages about the recording repeat.
    uint32_t total_samples;  // [samples] Length, lost samples included; ClipResult follows when so many have come. 0: until LiveEnd.
    TraceMode trace_mode;  // What to tell about each frame.
};

inline uint32_t encode(const LiveBegin& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.clip_id);
    put(writer, message.total_samples);
    put(writer, static_cast<uint8_t>(message.trace_mode));
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, LiveBegin* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->clip_id);
    get(reader, &message->total_samples);
    get_enum(reader, &message->trace_mode, 2u);
    return reader.ok && reader.position == bytes;
}

// Ends the recording with the last sample that was taken in; ClipResult follows. Ignored if the recording has ended.
struct LiveEnd {
    static constexpr MessageType kType = MessageType::kLiveEnd;
    static constexpr uint32_t kMaxBytes = 4;
    uint32_t clip_id;  // Which recording.
};

inline uint32_t encode(const LiveEnd& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.clip_id);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, LiveEnd* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->clip_id);
    return reader.ok && reader.position == bytes;
}

// Stores a value so that it survives a power loss, and obeys it at once; SettingsValue answers when it is safe.
struct SettingsWrite {
    static constexpr MessageType kType = MessageType::kSettingsWrite;
    static constexpr uint32_t kMaxBytes = 68;
    static constexpr uint32_t kMaxValue = 64;
    uint16_t key;  // Which setting.
    uint16_t value_count;
    uint8_t value[64];  // Its value; empty: forget the setting.
};

inline uint32_t encode(const SettingsWrite& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.key);
    put_bounded(writer, message.value, message.value_count, 64u);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, SettingsWrite* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->key);
    get_bounded(reader, message->value, &message->value_count, 64u);
    return reader.ok && reader.position == bytes;
}

// Asks for SettingsValue.
struct SettingsRead {
    static constexpr MessageType kType = MessageType::kSettingsRead;
    static constexpr uint32_t kMaxBytes = 2;
    uint16_t key;  // Which setting.
};

inline uint32_t encode(const SettingsRead& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.key);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, SettingsRead* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->key);
    return reader.ok && reader.position == bytes;
}

// Asks for SettingsKeys.
struct SettingsList {
    static constexpr MessageType kType = MessageType::kSettingsList;
    static constexpr uint32_t kMaxBytes = 2;
    uint16_t first_key;  // The least key to list.
};

inline uint32_t encode(const SettingsList& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.first_key);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, SettingsList* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->first_key);
    return reader.ok && reader.position == bytes;
}

// A piece of the model's next input. The pieces come in order, and all of them before ModelRun.
struct ModelInput {
    static constexpr MessageType kType = MessageType::kModelInput;
    static constexpr uint32_t kMaxBytes = 486;
    static constexpr uint32_t kMaxData = 480;
    uint32_t offset_bytes;  // [bytes] Position of this piece in the input.
    uint16_t data_count;
    uint8_t data[480];  // The piece, as it lies in memory.
};

inline uint32_t encode(const ModelInput& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.offset_bytes);
    put_bounded(writer, message.data, message.data_count, 480u);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, ModelInput* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->offset_bytes);
    get_bounded(reader, message->data, &message->data_count, 480u);
    return reader.ok && reader.position == bytes;
}

// One inference on the input that was sent. Its output, logits and ticks come in pieces, ModelResult last.
struct ModelRun {
    static constexpr MessageType kType = MessageType::kModelRun;
    static constexpr uint32_t kMaxBytes = 8;
    uint32_t run_id;  // Any number; all messages about the inference repeat it.
    uint32_t options;  // How.
};

inline uint32_t encode(const ModelRun& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.run_id);
    put(writer, message.options);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, ModelRun* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->run_id);
    get(reader, &message->options);
    return reader.ok && reader.position == bytes;
}

// Runs the model's operators on the golden vectors that the firmware carries; a SelfTestOperator for each, then SelfTestResult.
struct SelfTestRequest {
    static constexpr MessageType kType = MessageType::kSelfTestRequest;
    static constexpr uint32_t kMaxBytes = 2;
    uint16_t vector_count;  // How many golden inputs, from the first; 0: all.
};

inline uint32_t encode(const SelfTestRequest& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.vector_count);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, SelfTestRequest* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->vector_count);
    return reader.ok && reader.position == bytes;
}

// The first frame of a session: what runs there.
struct Hello {
    static constexpr MessageType kType = MessageType::kHello;
    static constexpr uint32_t kMaxBytes = 365;
    static constexpr uint32_t kMaxBoardId = 32;
    static constexpr uint32_t kMaxChipId = 16;
    static constexpr uint32_t kMaxRuntime = 16;
    static constexpr uint32_t kMaxKernel = 16;
    static constexpr uint32_t kMaxModelKernels = 64;
    uint16_t protocol_version;  // Version the device speaks.
    uint32_t nonce;  // That of HelloRequest.
    uint32_t boot_id;  // Differs from boot to boot where the port can tell boots apart, else 0.
    uint32_t retransmit_bytes;  // [bytes] How much the device keeps until it is acknowledged.
    uint16_t board_id_count;
    char board_id[32];  // Name of the board type, as in boards/.
    uint16_t chip_id_count;
    uint8_t chip_id[16];  // Unique id of the chip, as it lies in memory; empty if it has none.
    uint8_t firmware_fingerprint[32];  // SHA-256 of the rendered project.
    uint8_t frontend_fingerprint[32];  // SHA-256 of the front end's specification, kernel and tables.
    uint8_t model_sha256[32];  // SHA-256 of the .tflite file.
    uint16_t runtime_count;
    char runtime[16];  // aot or tflm.
    uint16_t kernel_count;
    char kernel[16];  // FFT kernel.
    uint32_t sample_rate_hz;  // [Hz] Of the PCM.
    uint16_t window_samples;  // [samples] Length of a window.
    uint16_t hop_samples;  // [samples] Distance of two windows.
    uint16_t fft_samples;  // [samples] Length of the FFT.
    uint16_t feature_bands;  // Features of a frame: mel bands, or cepstral coefficients.
    uint16_t patch_frames;  // [frames] Frames a model input spans.
    uint16_t patch_hop_frames;  // [frames] Distance of two model inputs.
    uint16_t label_count;  // Number of classes.
    DecisionRule decision_rule;  // How scores become detections.
    uint8_t calibration_fingerprint[32];  // SHA-256 of the thresholds compiled in, and of the front end and the model that they are for.
    CalibrationState calibration_state;  // What there is of a stored calibration.
    uint8_t recording_calibration_fingerprint[32];  // The same of what recordings are decided by: of the stored calibration, where one holds.
    uint32_t counter_frequency_hz;  // [Hz] Ticks of the counter in a second.
    CounterUnit counter_unit;  // What a tick stands for.
    uint32_t arena_bytes;  // [bytes] RAM of the model.
    uint32_t arena_used_bytes;  // [bytes] What of it the model needs, as the runtime found at start.
    uint16_t model_kernels_count;
    char model_kernels[64];  // Whose kernels compute the model, and which version of them.
    uint32_t capabilities;  // What the firmware can do.
};

inline uint32_t encode(const Hello& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.protocol_version);
    put(writer, message.nonce);
    put(writer, message.boot_id);
    put(writer, message.retransmit_bytes);
    put_bounded(writer, message.board_id, message.board_id_count, 32u);
    put_bounded(writer, message.chip_id, message.chip_id_count, 16u);
    put_array(writer, message.firmware_fingerprint, 32u);
    put_array(writer, message.frontend_fingerprint, 32u);
    put_array(writer, message.model_sha256, 32u);
    put_bounded(writer, message.runtime, message.runtime_count, 16u);
    put_bounded(writer, message.kernel, message.kernel_count, 16u);
    put(writer, message.sample_rate_hz);
    put(writer, message.window_samples);
    put(writer, message.hop_samples);
    put(writer, message.fft_samples);
    put(writer, message.feature_bands);
    put(writer, message.patch_frames);
    put(writer, message.patch_hop_frames);
    put(writer, message.label_count);
    put(writer, static_cast<uint8_t>(message.decision_rule));
    put_array(writer, message.calibration_fingerprint, 32u);
    put(writer, static_cast<uint8_t>(message.calibration_state));
    put_array(writer, message.recording_calibration_fingerprint, 32u);
    put(writer, message.counter_frequency_hz);
    put(writer, static_cast<uint8_t>(message.counter_unit));
    put(writer, message.arena_bytes);
    put(writer, message.arena_used_bytes);
    put_bounded(writer, message.model_kernels, message.model_kernels_count, 64u);
    put(writer, message.capabilities);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, Hello* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->protocol_version);
    get(reader, &message->nonce);
    get(reader, &message->boot_id);
    get(reader, &message->retransmit_bytes);
    get_bounded(reader, message->board_id, &message->board_id_count, 32u);
    get_bounded(reader, message->chip_id, &message->chip_id_count, 16u);
    get_array(reader, message->firmware_fingerprint, 32u);
    get_array(reader, message->frontend_fingerprint, 32u);
    get_array(reader, message->model_sha256, 32u);
    get_bounded(reader, message->runtime, &message->runtime_count, 16u);
    get_bounded(reader, message->kernel, &message->kernel_count, 16u);
    get(reader, &message->sample_rate_hz);
    get(reader, &message->window_samples);
    get(reader, &message->hop_samples);
    get(reader, &message->fft_samples);
    get(reader, &message->feature_bands);
    get(reader, &message->patch_frames);
    get(reader, &message->patch_hop_frames);
    get(reader, &message->label_count);
    get_enum(reader, &message->decision_rule, 2u);
    get_array(reader, message->calibration_fingerprint, 32u);
    get_enum(reader, &message->calibration_state, 4u);
    get_array(reader, message->recording_calibration_fingerprint, 32u);
    get(reader, &message->counter_frequency_hz);
    get_enum(reader, &message->counter_unit, 3u);
    get(reader, &message->arena_bytes);
    get(reader, &message->arena_used_bytes);
    get_bounded(reader, message->model_kernels, &message->model_kernels_count, 64u);
    get(reader, &message->capabilities);
    return reader.ok && reader.position == bytes;
}

// One frame of the front end: the CRC-32 of each stage's array as it lies in memory.
struct StageTrace {
    static constexpr MessageType kType = MessageType::kStageTrace;
    static constexpr uint32_t kMaxBytes = 36;
    uint32_t clip_id;  // Clip it belongs to.
    uint32_t frame_index;  // [frames] Frame of the clip.
    uint32_t stage_crc32[6];  // Of window, fft, energy, mel, log and post.
    uint32_t counter_ticks;  // [ticks] Cost of the frame's front end, without that of the trace.
};

inline uint32_t encode(const StageTrace& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.clip_id);
    put(writer, message.frame_index);
    put_array(writer, message.stage_crc32, 6u);
    put(writer, message.counter_ticks);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, StageTrace* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->clip_id);
    get(reader, &message->frame_index);
    get_array(reader, message->stage_crc32, 6u);
    get(reader, &message->counter_ticks);
    return reader.ok && reader.position == bytes;
}

// A piece of a stage's array.
struct StageData {
    static constexpr MessageType kType = MessageType::kStageData;
    static constexpr uint32_t kMaxBytes = 499;
    static constexpr uint32_t kMaxData = 480;
    uint32_t clip_id;  // Clip it belongs to.
    uint32_t frame_index;  // [frames] Frame of the clip.
    Stage stage;  // Which stage.
    uint32_t offset_bytes;  // [bytes] Position of this piece in the array.
    uint32_t total_bytes;  // [bytes] Length of the whole array.
    uint16_t data_count;
    uint8_t data[480];  // The piece, as it lies in memory.
};

inline uint32_t encode(const StageData& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.clip_id);
    put(writer, message.frame_index);
    put(writer, static_cast<uint8_t>(message.stage));
    put(writer, message.offset_bytes);
    put(writer, message.total_bytes);
    put_bounded(writer, message.data, message.data_count, 480u);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, StageData* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->clip_id);
    get(reader, &message->frame_index);
    get_enum(reader, &message->stage, 7u);
    get(reader, &message->offset_bytes);
    get(reader, &message->total_bytes);
    get_bounded(reader, message->data, &message->data_count, 480u);
    return reader.ok && reader.position == bytes;
}

// One inference. Of more than 64 labels it comes in pieces of 64; what is not of a label is the same in all of them.
struct PatchResult {
    static constexpr MessageType kType = MessageType::kPatchResult;
    static constexpr uint32_t kMaxBytes = 292;
    static constexpr uint32_t kMaxLogits = 64;
    static constexpr uint32_t kMaxScores = 64;
    static constexpr uint32_t kMaxSmoothedScoreSums = 64;
    static constexpr uint32_t kMaxDetected = 8;
    uint32_t clip_id;  // Clip it belongs to.
    uint32_t patch_index;  // Patch of the clip.
    uint32_t features_crc32;  // CRC-32 of the model's input.
    uint32_t counter_ticks;  // [ticks] Cost of the inference.
    uint16_t first_label;  // Label of the first element of each of the following arrays.
    uint8_t is_last;  // 1: the last piece of this patch.
    uint16_t logits_count;
    int8_t logits[64];  // The tensor before a final softmax or logistic function; the output where there is none.
    uint16_t scores_count;
    int8_t scores[64];  // The model's output.
    uint8_t smoothing_count;  // Patches that smoothed_score_sums add up.
    uint16_t smoothed_score_sums_count;
    int16_t smoothed_score_sums[64];  // Sum of the scores of the last smoothing_count patches.
    uint16_t detected_count;
    uint8_t detected[8];  // Labels that are detected now: bit i % 8 of byte i / 8 is label first_label + i.
};

inline uint32_t encode(const PatchResult& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.clip_id);
    put(writer, message.patch_index);
    put(writer, message.features_crc32);
    put(writer, message.counter_ticks);
    put(writer, message.first_label);
    put(writer, message.is_last);
    put_bounded(writer, message.logits, message.logits_count, 64u);
    put_bounded(writer, message.scores, message.scores_count, 64u);
    put(writer, message.smoothing_count);
    put_bounded(writer, message.smoothed_score_sums, message.smoothed_score_sums_count, 64u);
    put_bounded(writer, message.detected, message.detected_count, 8u);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, PatchResult* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->clip_id);
    get(reader, &message->patch_index);
    get(reader, &message->features_crc32);
    get(reader, &message->counter_ticks);
    get(reader, &message->first_label);
    get(reader, &message->is_last);
    get_bounded(reader, message->logits, &message->logits_count, 64u);
    get_bounded(reader, message->scores, &message->scores_count, 64u);
    get(reader, &message->smoothing_count);
    get_bounded(reader, message->smoothed_score_sums, &message->smoothed_score_sums_count, 64u);
    get_bounded(reader, message->detected, &message->detected_count, 8u);
    return reader.ok && reader.position == bytes;
}

// A label is detected from here on, or is not any more. Behind one patch the ends come first, then the beginnings, each by label.
struct Detection {
    static constexpr MessageType kType = MessageType::kDetection;
    static constexpr uint32_t kMaxBytes = 14;
    uint32_t clip_id;  // Clip it belongs to.
    uint32_t frame_index;  // [frames] Last frame of the patch that told.
    uint16_t label_index;  // The label.
    uint8_t is_detected;  // 1: from here on; 0: not any more.
    int16_t smoothed_score_sum;  // Sum of the label's scores over the last smoothing_count patches.
    uint8_t smoothing_count;  // Patches in the sum.
};

inline uint32_t encode(const Detection& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.clip_id);
    put(writer, message.frame_index);
    put(writer, message.label_index);
    put(writer, message.is_detected);
    put(writer, message.smoothed_score_sum);
    put(writer, message.smoothing_count);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, Detection* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->clip_id);
    get(reader, &message->frame_index);
    get(reader, &message->label_index);
    get(reader, &message->is_detected);
    get(reader, &message->smoothed_score_sum);
    get(reader, &message->smoothing_count);
    return reader.ok && reader.position == bytes;
}

// The clip was processed to its end; the last message about it. Of more than 64 labels it comes in pieces of 64, like PatchResult.
struct ClipResult {
    static constexpr MessageType kType = MessageType::kClipResult;
    static constexpr uint32_t kMaxBytes = 293;
    static constexpr uint32_t kMaxScoreSums = 64;
    static constexpr uint32_t kMaxDetected = 8;
    uint32_t clip_id;  // Which clip.
    uint32_t samples_received;  // [samples] Samples taken in.
    uint32_t frames;  // [frames] Frames computed.
    uint32_t patches;  // Inferences made.
    uint32_t overruns;  // [samples] Samples that were dropped.
    int16_t label_index;  // Class with the greatest sum of scores, the first of equals; -1 when no patch was whole.
    uint16_t first_label;  // Label of the first element of each of the following arrays.
    uint8_t is_last;  // 1: the last piece.
    uint16_t score_sums_count;
    int32_t score_sums[64];  // Sum of the scores over all patches, a class each.
    uint16_t detected_count;
    uint8_t detected[8];  // Labels that were detected behind at least one patch; bits as in PatchResult.
};

inline uint32_t encode(const ClipResult& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.clip_id);
    put(writer, message.samples_received);
    put(writer, message.frames);
    put(writer, message.patches);
    put(writer, message.overruns);
    put(writer, message.label_index);
    put(writer, message.first_label);
    put(writer, message.is_last);
    put_bounded(writer, message.score_sums, message.score_sums_count, 64u);
    put_bounded(writer, message.detected, message.detected_count, 8u);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, ClipResult* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->clip_id);
    get(reader, &message->samples_received);
    get(reader, &message->frames);
    get(reader, &message->patches);
    get(reader, &message->overruns);
    get(reader, &message->label_index);
    get(reader, &message->first_label);
    get(reader, &message->is_last);
    get_bounded(reader, message->score_sums, &message->score_sums_count, 64u);
    get_bounded(reader, message->detected, &message->detected_count, 8u);
    return reader.ok && reader.position == bytes;
}

// A line of the device's log.
struct Log {
    static constexpr MessageType kType = MessageType::kLog;
    static constexpr uint32_t kMaxBytes = 203;
    static constexpr uint32_t kMaxText = 200;
    LogLevel level;  // How serious it is.
    uint16_t text_count;
    char text[200];  // The line, without an end of line.
};

inline uint32_t encode(const Log& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, static_cast<uint8_t>(message.level));
    put_bounded(writer, message.text, message.text_count, 200u);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, Log* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get_enum(reader, &message->level, 4u);
    get_bounded(reader, message->text, &message->text_count, 200u);
    return reader.ok && reader.position == bytes;
}

// The device cannot go on with the clip, or at all.
struct DeviceFault {
    static constexpr MessageType kType = MessageType::kDeviceFault;
    static constexpr uint32_t kMaxBytes = 203;
    static constexpr uint32_t kMaxText = 200;
    FaultCode code;  // Why.
    uint16_t text_count;
    char text[200];  // The same in words.
};

inline uint32_t encode(const DeviceFault& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, static_cast<uint8_t>(message.code));
    put_bounded(writer, message.text, message.text_count, 200u);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, DeviceFault* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get_enum(reader, &message->code, 4u);
    get_bounded(reader, message->text, &message->text_count, 200u);
    return reader.ok && reader.position == bytes;
}

// Samples of a recording were lost; told as soon as it is known, behind all results from in front of the gap.
struct Overrun {
    static constexpr MessageType kType = MessageType::kOverrun;
    static constexpr uint32_t kMaxBytes = 20;
    uint32_t clip_id;  // Which recording.
    uint32_t position_samples;  // [samples] Position of the first lost sample in the recording, lost ones counted, modulo 2^32.
    uint32_t lost_samples;  // [samples] How many were lost.
    uint32_t next_frame_index;  // [frames] Index of the next frame; it begins at position_samples + lost_samples.
    uint32_t next_patch_index;  // Index of the next patch; it begins with that frame.
};

inline uint32_t encode(const Overrun& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.clip_id);
    put(writer, message.position_samples);
    put(writer, message.lost_samples);
    put(writer, message.next_frame_index);
    put(writer, message.next_patch_index);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, Overrun* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->clip_id);
    get(reader, &message->position_samples);
    get(reader, &message->lost_samples);
    get(reader, &message->next_frame_index);
    get(reader, &message->next_patch_index);
    return reader.ok && reader.position == bytes;
}

// A setting as it is now: the answer to SettingsRead and SettingsWrite.
struct SettingsValue {
    static constexpr MessageType kType = MessageType::kSettingsValue;
    static constexpr uint32_t kMaxBytes = 69;
    static constexpr uint32_t kMaxValue = 64;
    uint16_t key;  // Which setting.
    SettingStatus status;  // What the value is, or why the write was refused.
    uint16_t value_count;
    uint8_t value[64];  // The value; empty where none is stored.
};

inline uint32_t encode(const SettingsValue& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.key);
    put(writer, static_cast<uint8_t>(message.status));
    put_bounded(writer, message.value, message.value_count, 64u);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, SettingsValue* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->key);
    get_enum(reader, &message->status, 7u);
    get_bounded(reader, message->value, &message->value_count, 64u);
    return reader.ok && reader.position == bytes;
}

// The stored settings: the answer to SettingsList.
struct SettingsKeys {
    static constexpr MessageType kType = MessageType::kSettingsKeys;
    static constexpr uint32_t kMaxBytes = 130;
    static constexpr uint32_t kMaxKeys = 64;
    uint16_t keys_count;
    uint16_t keys[64];  // Their keys, from first_key on, in ascending order.
};

inline uint32_t encode(const SettingsKeys& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put_bounded(writer, message.keys, message.keys_count, 64u);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, SettingsKeys* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get_bounded(reader, message->keys, &message->keys_count, 64u);
    return reader.ok && reader.position == bytes;
}

// A piece of what an inference computed.
struct ModelData {
    static constexpr MessageType kType = MessageType::kModelData;
    static constexpr uint32_t kMaxBytes = 491;
    static constexpr uint32_t kMaxData = 480;
    uint32_t run_id;  // Inference it belongs to.
    ModelPart part;  // What it is a piece of.
    uint32_t offset_bytes;  // [bytes] Position of this piece in the whole.
    uint16_t data_count;
    uint8_t data[480];  // The piece, as it lies in memory.
};

inline uint32_t encode(const ModelData& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.run_id);
    put(writer, static_cast<uint8_t>(message.part));
    put(writer, message.offset_bytes);
    put_bounded(writer, message.data, message.data_count, 480u);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, ModelData* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->run_id);
    get_enum(reader, &message->part, 2u);
    get(reader, &message->offset_bytes);
    get_bounded(reader, message->data, &message->data_count, 480u);
    return reader.ok && reader.position == bytes;
}

// What some steps of an inference cost.
struct ModelTicks {
    static constexpr MessageType kType = MessageType::kModelTicks;
    static constexpr uint32_t kMaxBytes = 264;
    static constexpr uint32_t kMaxTicks = 64;
    uint32_t run_id;  // Inference it belongs to.
    uint16_t first_step;  // Step of the first number: operators in the order of execution.
    uint16_t ticks_count;
    uint32_t ticks[64];  // [ticks] Cost of this step and of those that follow.
};

inline uint32_t encode(const ModelTicks& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.run_id);
    put(writer, message.first_step);
    put_bounded(writer, message.ticks, message.ticks_count, 64u);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, ModelTicks* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->run_id);
    get(reader, &message->first_step);
    get_bounded(reader, message->ticks, &message->ticks_count, 64u);
    return reader.ok && reader.position == bytes;
}

// The last message about an inference.
struct ModelResult {
    static constexpr MessageType kType = MessageType::kModelResult;
    static constexpr uint32_t kMaxBytes = 22;
    uint32_t run_id;  // Inference it belongs to.
    uint32_t input_crc32;  // CRC-32 of the input, as the model got it.
    uint32_t counter_ticks;  // [ticks] Cost of the inference; with step_ticks, the sum of its steps.
    uint32_t output_bytes;  // [bytes] Length of the output, which has been sent.
    uint32_t logits_bytes;  // [bytes] Length of the logits, which have been sent.
    uint16_t steps;  // Steps whose ticks have been sent.
};

inline uint32_t encode(const ModelResult& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.run_id);
    put(writer, message.input_crc32);
    put(writer, message.counter_ticks);
    put(writer, message.output_bytes);
    put(writer, message.logits_bytes);
    put(writer, message.steps);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, ModelResult* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->run_id);
    get(reader, &message->input_crc32);
    get(reader, &message->counter_ticks);
    get(reader, &message->output_bytes);
    get(reader, &message->logits_bytes);
    get(reader, &message->steps);
    return reader.ok && reader.position == bytes;
}

// One operator on one golden input, as soon as it has run.
struct SelfTestOperator {
    static constexpr MessageType kType = MessageType::kSelfTestOperator;
    static constexpr uint32_t kMaxBytes = 72;
    static constexpr uint32_t kMaxOperatorName = 48;
    uint16_t vector_index;  // Which golden input.
    uint16_t operator_index;  // Position of the operator in the .tflite file.
    uint16_t operator_name_count;
    char operator_name[48];  // Kind and name of the operator.
    uint32_t elements;  // Elements of its output, all of them compared.
    uint32_t mismatches;  // Elements that differ from the golden vector.
    uint32_t first_element;  // The first element that differs.
    int8_t expected;  // What it should be.
    int8_t actual;  // What it is.
    uint32_t counter_ticks;  // [ticks] Cost of the operator.
};

inline uint32_t encode(const SelfTestOperator& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.vector_index);
    put(writer, message.operator_index);
    put_bounded(writer, message.operator_name, message.operator_name_count, 48u);
    put(writer, message.elements);
    put(writer, message.mismatches);
    put(writer, message.first_element);
    put(writer, message.expected);
    put(writer, message.actual);
    put(writer, message.counter_ticks);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, SelfTestOperator* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->vector_index);
    get(reader, &message->operator_index);
    get_bounded(reader, message->operator_name, &message->operator_name_count, 48u);
    get(reader, &message->elements);
    get(reader, &message->mismatches);
    get(reader, &message->first_element);
    get(reader, &message->expected);
    get(reader, &message->actual);
    get(reader, &message->counter_ticks);
    return reader.ok && reader.position == bytes;
}

// The self-test has ended; the last message about it.
struct SelfTestResult {
    static constexpr MessageType kType = MessageType::kSelfTestResult;
    static constexpr uint32_t kMaxBytes = 8;
    uint16_t vectors;  // Golden inputs that were run.
    uint16_t operators;  // Operators run on each of them.
    uint32_t failed;  // SelfTestOperators with mismatches.
};

inline uint32_t encode(const SelfTestResult& message, uint8_t* payload, uint32_t capacity_bytes) {
    PayloadWriter writer{payload, capacity_bytes, 0, true};
    put(writer, message.vectors);
    put(writer, message.operators);
    put(writer, message.failed);
    return writer.ok ? writer.position : 0;
}

inline bool decode(const uint8_t* payload, uint32_t bytes, SelfTestResult* message) {
    PayloadReader reader{payload, bytes, 0, true};
    get(reader, &message->vectors);
    get(reader, &message->operators);
    get(reader, &message->failed);
    return reader.ok && reader.position == bytes;
}

}  // namespace wire
}  // namespace tinyaudio

#endif  // TINYAUDIO_PROTOCOL_H
