#include "conversation.h"

#include <string.h>

#include "live.h"
#include "self_test_conversation.h"
#include "session.h"
#include "settings_conversation.h"
#include "tinyaudio/port.h"

namespace tinyaudio {

namespace {

using wire::FaultCode;
using wire::MessageType;
using wire::MessageView;

// Room that must be there before a message is taken. HelloRequest needs none: a new session has sent nothing yet.
constexpr uint32_t kLargestAnswerBytes = wire::DeviceFault::kMaxBytes;
static_assert(wire::SettingsValue::kMaxBytes <= kLargestAnswerBytes, "answers must fit the room that is asked for");
static_assert(wire::SettingsKeys::kMaxBytes <= kLargestAnswerBytes, "answers must fit the room that is asked for");
static_assert(static_cast<uint8_t>(DecisionRule::kBest) == static_cast<uint8_t>(wire::DecisionRule::kBest) &&
                  static_cast<uint8_t>(DecisionRule::kEvery) == static_cast<uint8_t>(wire::DecisionRule::kEvery),
              "the protocol's rules must be those of scores.h");
static_assert(wire::Hello::kMaxBytes + 3 * wire::Log::kMaxBytes + wire::DeviceFault::kMaxBytes +
                      5 * wire::kRingHeaderBytes <=
                  kRetransmitBytes,
              "what opens a session must fit an empty retransmit ring");

uint32_t capabilities(const Application& application) {
    return wire::kCapabilityStageTrace | wire::kCapabilityStageCapture | wire::kCapabilityReset |
           (port_has_microphone() ? wire::kCapabilityMicrophone : 0) |
           (application.settings.is_usable ? wire::kCapabilitySettings : 0) |
           (application.config->self_test != nullptr ? wire::kCapabilitySelfTest : 0);
}

uint32_t arena_used_bytes(const Model& model) {
    const bool is_known = model.arena_used_bytes != nullptr && !port_only_talks();
    return is_known ? model.arena_used_bytes() : model.arena_bytes;
}

void say_hello(Application& application, uint32_t nonce) {
    const ApplicationConfig& config = *application.config;
    wire::Hello hello = {};
    hello.protocol_version = wire::kProtocolVersion;
    hello.nonce = nonce;
    hello.boot_id = port_boot_id();
    hello.retransmit_bytes = application.buffers.link.retransmit_bytes;
    put_text(config.board_id, wire::Hello::kMaxBoardId, hello.board_id, &hello.board_id_count);
    hello.chip_id_count = static_cast<uint16_t>(port_chip_id(hello.chip_id, wire::Hello::kMaxChipId));
    memcpy(hello.firmware_fingerprint, config.firmware_fingerprint, sizeof(hello.firmware_fingerprint));
    memcpy(hello.frontend_fingerprint, config.frontend->fingerprint, sizeof(hello.frontend_fingerprint));
    memcpy(hello.model_sha256, config.model_sha256, sizeof(hello.model_sha256));
    put_text(config.runtime, wire::Hello::kMaxRuntime, hello.runtime, &hello.runtime_count);
    put_text(config.kernel, wire::Hello::kMaxKernel, hello.kernel, &hello.kernel_count);
    hello.sample_rate_hz = config.sample_rate_hz;
    hello.window_samples = static_cast<uint16_t>(config.frontend->window_samples);
    hello.hop_samples = static_cast<uint16_t>(config.hop_samples);
    hello.fft_samples = static_cast<uint16_t>(config.frontend->fft_samples);
    hello.feature_bands = static_cast<uint16_t>(feature_bands(*config.frontend));
    hello.patch_frames = static_cast<uint16_t>(config.patch_frames);
    hello.patch_hop_frames = static_cast<uint16_t>(config.patch_hop_frames);
    hello.label_count = static_cast<uint16_t>(config.model.output_elements);
    hello.decision_rule = static_cast<wire::DecisionRule>(config.decision_rule);
    memcpy(hello.calibration_fingerprint, config.calibration_fingerprint, sizeof(hello.calibration_fingerprint));
    hello.calibration_state = application.stored.state;
    const bool is_stored = application.stored.state == wire::CalibrationState::kStored;
    memcpy(hello.recording_calibration_fingerprint,
           is_stored ? application.stored.fingerprint : config.calibration_fingerprint,
           sizeof(hello.recording_calibration_fingerprint));
    hello.counter_frequency_hz = config.counter_frequency_hz;
    hello.counter_unit = config.counter_unit;
    hello.arena_bytes = config.model.arena_bytes;
    hello.arena_used_bytes = arena_used_bytes(config.model);
    put_text(config.model.kernels(), wire::Hello::kMaxModelKernels, hello.model_kernels, &hello.model_kernels_count);
    hello.capabilities = capabilities(application);
    wire::link_send_message(application.link, hello);
}

void open_session(Application& application, const MessageView& view) {
    wire::HelloRequest request;
    if (!wire::decode(view.payload, view.payload_bytes, &request)) {
        return;
    }
    forget_clip(application, Phase::kIdle);
    say_hello(application, request.nonce);
    tell_notes(application.link);
    tell_log(application.link, wire::LogLevel::kWarning, calibration_note(application));
    if (application.fault != nullptr) {
        refuse(application, FaultCode::kSelfCheck, application.fault);
    }
    port_host_is_here();
}

void begin_clip(Application& application, const MessageView& view) {
    forget_clip(application, Phase::kIdle);
    if (application.fault != nullptr) {
        refuse(application, FaultCode::kSelfCheck, application.fault);
    } else if (!wire::decode(view.payload, view.payload_bytes, &application.clip.request)) {
        refuse(application, FaultCode::kBadRequest, "ClipBegin does not decode");
    } else {
        start_clip(application, serial_pcm_source(application.serial));
    }
}

void take_samples(Application& application, const MessageView& view) {
    const ClipProgress& clip = application.clip;
    if (application.phase == Phase::kRefused) {
        return;
    }
    if (application.phase != Phase::kSamples || clip.is_live) {
        refuse(application, FaultCode::kBadRequest, "Pcm came without a clip");
        return;
    }
    SerialPcm& serial = application.serial;
    if (!serial_pcm_take(serial, view.payload, view.payload_bytes)) {
        refuse(application, FaultCode::kBadRequest, "Pcm does not decode");
    } else if (serial.message.clip_id != clip.request.clip_id || serial.message.offset_samples != clip.samples) {
        refuse(application, FaultCode::kBadRequest, "Pcm does not continue the clip");
    } else if (serial.message.samples_count > clip.request.total_samples - clip.samples) {
        refuse(application, FaultCode::kBadRequest, "Pcm goes beyond the end of the clip");
    }
}

}  // namespace

void forget_clip(Application& application, Phase phase) {
    if (application.clip.is_live) {
        port_microphone_stop();
        application.clip.is_live = false;
    }
    application.phase = phase;
    pcm_ring_clear(application.ring);
    serial_pcm_clear(application.serial);
}

void start_clip(Application& application, const PcmSource& source) {
    ClipProgress& clip = application.clip;
    application.source = source;
    application.phase = Phase::kSamples;
    clip.samples = 0;
    clip.overruns = 0;
    clip.lost_samples = 0;
    clip.frames = 0;
    memset(application.buffers.told, 0, label_set_bytes(application.config->model.output_elements));
    application.telling = {};
    restart_computation(application);
    clip_scores_restart(application.scores);
}

void restart_computation(Application& application) {
    application.level = {};
    patch_assembler_restart(application.assembler);
    score_smoother_restart(application.smoother);
    if (application.config->model.reset != nullptr) {
        application.config->model.reset();
    }
}

void refuse(Application& application, FaultCode code, const char* text) {
    forget_clip(application, Phase::kRefused);
    tell_fault(application.link, code, text);
}

bool take_message(Application& application) {
    wire::Link& link = application.link;
    if (!link.hello_pending && !wire::link_can_send(link, kLargestAnswerBytes)) {
        return false;
    }
    MessageView view;
    if (!wire::link_next_message(link, &view)) {
        return false;
    }
    switch (view.type) {
        case MessageType::kHelloRequest:
            open_session(application, view);
            break;
        case MessageType::kClipBegin:
            begin_clip(application, view);
            break;
        case MessageType::kPcm:
            take_samples(application, view);
            break;
        case MessageType::kSelfTestRequest:
            begin_self_test(application, view);
            break;
        case MessageType::kLiveBegin:
            begin_live(application, view);
            break;
        case MessageType::kLiveEnd:
            end_live(application, view);
            break;
        case MessageType::kSettingsWrite:
            write_setting(application, view);
            break;
        case MessageType::kSettingsRead:
            read_setting(application, view);
            break;
        case MessageType::kSettingsList:
            list_settings(application, view);
            break;
        case MessageType::kResetRequest:
            reset_on_request(view, application.config->counter_frequency_hz);
        default:
            refuse(application, FaultCode::kBadRequest, "a message that this firmware does not know");
            break;
    }
    return true;
}

}  // namespace tinyaudio
