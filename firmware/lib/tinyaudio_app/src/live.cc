#include "live.h"

#include "conversation.h"
#include "tinyaudio/port.h"

namespace tinyaudio {

namespace {

using wire::FaultCode;
using wire::MessageView;

constexpr uint32_t kNoEnd = 0;

uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

// Samples to the end of the recording.
uint32_t samples_left(const ClipProgress& clip) {
    const uint32_t total_samples = clip.request.total_samples;
    return total_samples == kNoEnd ? 0xFFFFFFFF : total_samples - clip.samples - clip.overruns;
}

}  // namespace

void begin_live(Application& application, const MessageView& view) {
    wire::LiveBegin request;
    forget_clip(application, Phase::kIdle);
    if (application.fault != nullptr) {
        refuse(application, FaultCode::kSelfCheck, application.fault);
    } else if (!wire::decode(view.payload, view.payload_bytes, &request)) {
        refuse(application, FaultCode::kBadRequest, "LiveBegin does not decode");
    } else if (!port_has_microphone()) {
        refuse(application, FaultCode::kHardware, "this board has no microphone");
    } else if (!port_microphone_start(application.config->sample_rate_hz)) {
        refuse(application, FaultCode::kHardware, "the microphone does not start at the model's sample rate");
    } else {
        application.clip.request = {};
        application.clip.request.clip_id = request.clip_id;
        application.clip.request.total_samples = request.total_samples;
        application.clip.request.trace_mode = request.trace_mode;
        application.clip.is_live = true;
        application.is_heard = true;
        start_clip(application, microphone_pcm_source());
    }
}

void end_live(Application& application, const MessageView& view) {
    wire::LiveEnd request;
    if (!wire::decode(view.payload, view.payload_bytes, &request)) {
        refuse(application, FaultCode::kBadRequest, "LiveEnd does not decode");
    } else if (application.clip.is_live && request.clip_id == application.clip.request.clip_id) {
        application.phase = Phase::kResult;
    }
}

bool record_samples(Application& application) {
    if (!application.is_heard) {
        return false;  // a processor that is too slow must hear the host none the less
    }
    if (take_message(application)) {
        return true;
    }
    ClipProgress& clip = application.clip;
    const uint32_t window_samples = application.config->frontend->window_samples;
    const uint32_t left = samples_left(clip);
    const uint32_t wanted = smaller(window_samples - pcm_ring_count(application.ring), left);
    int16_t* const block = application.buffers.window;  // free until the next frame is computed
    const uint32_t count = application.source.read(application.source.context, block, wanted);
    pcm_ring_push(application.ring, block, count);
    clip.samples += count;
    if (pcm_ring_count(application.ring) == window_samples) {
        application.phase = Phase::kFrame;
        return true;
    }
    if (left == count) {
        application.phase = Phase::kResult;
        return true;
    }
    const uint32_t lost = count < wanted ? application.source.take_overruns(application.source.context) : 0;
    clip.lost_samples = smaller(lost, left - count);
    if (lost > 0) {
        application.phase = Phase::kGap;
    }
    return lost > 0 || count > 0;
}

bool tell_gap(Application& application) {
    if (!wire::link_can_send(application.link, wire::Overrun::kMaxBytes)) {
        return false;
    }
    ClipProgress& clip = application.clip;
    wire::Overrun overrun;
    overrun.clip_id = clip.request.clip_id;
    overrun.position_samples = clip.samples + clip.overruns;
    overrun.lost_samples = clip.lost_samples;
    overrun.next_frame_index = clip.frames;
    overrun.next_patch_index = application.scores.patches;
    wire::link_send_message(application.link, overrun);
    clip.overruns += clip.lost_samples;
    pcm_ring_clear(application.ring);
    restart_computation(application);
    application.phase = Phase::kSamples;
    return true;
}

}  // namespace tinyaudio
