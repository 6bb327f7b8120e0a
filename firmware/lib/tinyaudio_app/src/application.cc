#include "tinyaudio/application.h"

#include <string.h>

#include "conversation.h"
#include "counter.h"
#include "live.h"
#include "results.h"
#include "self_test_conversation.h"
#include "session.h"
#include "settings_conversation.h"
#include "tinyaudio/crc32.h"
#include "tinyaudio/port.h"

namespace tinyaudio {

namespace {

constexpr uint32_t kTracedStages = 6;  // window to post; features are traced by the patch

bool is_sized(const ApplicationConfig& config) {
    const Model& model = config.model;
    return model.input_elements == config.patch_frames * feature_bands(*config.frontend) &&
           model.output_elements <= kMaxLabels && model.logits_elements <= kMaxLabels &&
           (model.output_elements == 0) == (model.logits_elements == 0) && config.smoothing_patches >= 1 &&
           config.smoothing_patches <= kMaxSmoothingPatches && config.hop_samples >= 1 &&
           config.patch_hop_frames >= 1 && config.patch_hop_frames <= config.patch_frames;
}

void trace_stage(void* context, Stage stage, const void* data, uint32_t bytes) {
    wire::StageTrace& trace = *static_cast<wire::StageTrace*>(context);
    trace.stage_crc32[static_cast<uint32_t>(stage)] = crc32_update(0, data, bytes);
}

// Keeps the one stage that is wanted now.
void capture_stage(void* context, Stage stage, const void* data, uint32_t bytes) {
    Application& application = *static_cast<Application*>(context);
    if (static_cast<uint32_t>(stage) == application.capture.stage && bytes <= application.buffers.capture_bytes) {
        memcpy(application.buffers.capture, data, bytes);
        application.capture.total_bytes = bytes;
    }
}

// Computes the frame whose samples lie in buffers.window; with an observer once more, so that watching costs nothing.
// The level stays where it was before the frame until `advance`, so that the frame comes out the same each time.
const int32_t* compute_frame(Application& application, const StageObserver* observer) {
    const FrontendTables& tables = *application.config->frontend;
    const ApplicationBuffers& buffers = application.buffers;
    frontend_compute_frame(tables, buffers.scratch, buffers.window, buffers.log_mel, observer);
    application.next_level = application.level;
    return frontend_post_process(tables, buffers.scratch, application.next_level, buffers.log_mel, observer);
}

bool is_captured(const ClipProgress& clip) {
    return clip.request.capture_stages != 0 && clip.frames >= clip.request.capture_first_frame &&
           clip.frames - clip.request.capture_first_frame < clip.request.capture_frame_count;
}

bool collect_samples(Application& application) {
    ClipProgress& clip = application.clip;
    PcmRing& ring = application.ring;
    const uint32_t window_samples = application.config->frontend->window_samples;
    int16_t* const block = application.buffers.window;  // free until the next frame is computed
    const uint32_t room = pcm_ring_room(ring);
    const uint32_t count =
        application.source.read(application.source.context, block, room < window_samples ? room : window_samples);
    pcm_ring_push(ring, block, count);
    clip.samples += count;
    if (pcm_ring_count(ring) >= window_samples) {
        application.phase = Phase::kFrame;
        return true;
    }
    if (clip.samples >= clip.request.total_samples) {
        application.phase = Phase::kResult;
        return true;
    }
    return count > 0 || take_message(application);
}

bool run_frame(Application& application) {
    const bool is_traced = application.clip.request.trace_mode == wire::TraceMode::kCrc;
    if (is_traced && !wire::link_can_send(application.link, wire::StageTrace::kMaxBytes)) {
        return false;
    }
    const ApplicationConfig& config = *application.config;
    const uint32_t start = port_counter_start();
    pcm_ring_peek(application.ring, application.buffers.window, config.frontend->window_samples);
    const int32_t* const features = compute_frame(application, nullptr);
    quantize_features(*config.quantization, features, feature_bands(*config.frontend),
                      patch_assembler_row(application.assembler));
    const uint32_t ticks = ticks_since(start, application.timing_ticks);
    if (is_traced) {
        wire::StageTrace trace = {application.clip.request.clip_id, application.clip.frames, {0}, ticks};
        const StageObserver observer = {&trace, trace_stage};
        // The last stage is traced as it became features: a kernel may take a shorter way when nobody watches.
        const uint32_t post_crc32 = crc32_update(0, features, feature_bands(*config.frontend) * sizeof(int32_t));
        compute_frame(application, &observer);
        trace.stage_crc32[static_cast<uint32_t>(Stage::kPost)] = post_crc32;
        wire::link_send_message(application.link, trace);
    }
    application.capture = {0, 0, 0};
    application.phase = is_captured(application.clip) ? Phase::kCapture : Phase::kAdvance;
    return true;
}

// Fills buffers.capture with the stage that capture.stage names.
void fill_capture(Application& application) {
    Capture& capture = application.capture;
    if (capture.stage < kTracedStages) {
        const StageObserver observer = {&application, capture_stage};
        compute_frame(application, &observer);
    } else {
        const uint32_t bytes = feature_bands(*application.config->frontend);
        memcpy(application.buffers.capture, patch_assembler_row(application.assembler), bytes);
        capture.total_bytes = bytes;
    }
}

void send_capture_piece(Application& application) {
    Capture& capture = application.capture;
    const uint32_t left = capture.total_bytes - capture.offset_bytes;
    const uint32_t count = left < wire::StageData::kMaxData ? left : wire::StageData::kMaxData;
    wire::StageData piece;
    piece.clip_id = application.clip.request.clip_id;
    piece.frame_index = application.clip.frames;
    piece.stage = static_cast<wire::Stage>(capture.stage);
    piece.offset_bytes = capture.offset_bytes;
    piece.total_bytes = capture.total_bytes;
    piece.data_count = static_cast<uint16_t>(count);
    memcpy(piece.data, application.buffers.capture + capture.offset_bytes, count);
    wire::link_send_message(application.link, piece);
    capture.offset_bytes += count;
}

bool run_capture(Application& application) {
    Capture& capture = application.capture;
    if (capture.stage > kTracedStages) {
        application.phase = Phase::kAdvance;
        return true;
    }
    if (((application.clip.request.capture_stages >> capture.stage) & 1U) == 0) {
        ++capture.stage;
        return true;
    }
    if (!wire::link_can_send(application.link, wire::StageData::kMaxBytes)) {
        return false;
    }
    if (capture.total_bytes == 0) {
        fill_capture(application);
    }
    send_capture_piece(application);
    if (capture.offset_bytes == capture.total_bytes) {
        capture = {capture.stage + 1, 0, 0};
    }
    return true;
}

bool advance(Application& application) {
    pcm_ring_drop(application.ring, application.config->hop_samples);
    application.level = application.next_level;
    ++application.clip.frames;
    application.is_heard = false;
    application.phase = patch_assembler_push(application.assembler) ? Phase::kPatch : Phase::kSamples;
    return true;
}

bool run_patch(Application& application) {
    if (!wire::link_can_send(application.link, kPatchPieceBytes)) {
        return false;
    }
    const Model& model = application.config->model;
    int8_t* const input = model.input();
    patch_assembler_copy(application.assembler, input);
    Telling telling = {0, crc32_update(0, input, model.input_elements), 0};
    const uint32_t start = port_counter_start();
    model.invoke();
    telling.counter_ticks = ticks_since(start, application.timing_ticks);
    if (model.fault != nullptr && model.fault() != nullptr) {
        application.fault = model.fault();
        refuse(application, wire::FaultCode::kSelfCheck, application.fault);
        return true;
    }
    const int8_t* const output = model.output();
    score_smoother_push(application.smoother, output);
    decide_labels(application.smoother, thresholds_of(application), application.config->decision_rule,
                  application.buffers.detected);
    clip_scores_push(application.scores, output, application.buffers.detected);
    application.telling = telling;
    application.phase = Phase::kScores;
    return true;
}

// Starts what may fault if anything does. Returns null, or what is wrong.
const char* start_parts(Application& application) {
    const ApplicationConfig& config = *application.config;
    const ApplicationBuffers& buffers = application.buffers;
    settings_mount(application.settings);
    obey_settings(application);
    application.timing_ticks = measure_timing();
    if (!is_sized(config)) {
        return "the model does not fit the front end or the protocol";
    }
    if (!frontend_init(*config.frontend, buffers.scratch)) {
        return "the front end's tables are wrong";
    }
    if (!pcm_ring_init(application.ring, buffers.pcm, buffers.pcm_capacity) ||
        buffers.pcm_capacity < config.frontend->window_samples) {
        return "the PCM ring is too small";
    }
    return config.model.start != nullptr ? config.model.start() : nullptr;
}

}  // namespace

void application_init(Application& application, const ApplicationConfig& config, const ApplicationBuffers& buffers,
                      const wire::LinkOutput& output) {
    application.config = &config;
    application.buffers = buffers;
    application.phase = Phase::kIdle;
    application.assembler = {buffers.patch, config.patch_frames, config.patch_hop_frames,
                             feature_bands(*config.frontend), config.patch_layout, 0, 0};
    application.level = {};
    const uint32_t labels = config.model.output_elements;
    application.smoother = {buffers.score_history, buffers.smoothed_sums, config.smoothing_patches, labels, 0, 0};
    application.scores = {buffers.clip_sums, buffers.clip_detected, labels, 0};
    application.telling = {};
    application.clip = {};
    application.source = serial_pcm_source(application.serial);
    serial_pcm_clear(application.serial);
    application.fault = only_talks_fault();
    if (application.fault == nullptr) {
        application.fault = start_parts(application);
    }
    if (!wire::link_init(application.link, buffers.link, output)) {
        port_exit(1);  // nobody could be told
    }
}

bool application_step(Application& application) {
    if (application.link.hello_pending) {  // a new session begins: whatever goes on is of no interest any more
        return take_message(application);
    }
    switch (application.phase) {
        case Phase::kIdle:
        case Phase::kRefused:
            return take_message(application);
        case Phase::kSamples:
            return application.clip.is_live ? record_samples(application) : collect_samples(application);
        case Phase::kFrame:
            return run_frame(application);
        case Phase::kCapture:
            return run_capture(application);
        case Phase::kAdvance:
            return advance(application);
        case Phase::kPatch:
            return run_patch(application);
        case Phase::kScores:
            return tell_scores(application);
        case Phase::kDetections:
            return tell_detections(application);
        case Phase::kGap:
            return tell_gap(application);
        case Phase::kResult:
            return tell_clip_result(application);
        case Phase::kSelfTest:
            return run_self_test(application);
    }
    return false;
}

PortWait application_wait(const Application& application) {
    const bool is_recording = application.clip.is_live && application.phase == Phase::kSamples;
    return is_recording ? PortWait::kBytesOrSamples : PortWait::kBytes;
}

void application_receive(Application& application, const uint8_t* bytes, uint32_t count) {
    application.is_heard = true;
    wire::link_receive(application.link, bytes, count);
}

}  // namespace tinyaudio
