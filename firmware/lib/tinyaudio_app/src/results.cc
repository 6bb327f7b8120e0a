#include "results.h"

#include <string.h>

#include "conversation.h"

namespace tinyaudio {

namespace {

constexpr uint32_t kPieceLabels = wire::PatchResult::kMaxScores;
static_assert(wire::PatchResult::kMaxLogits == kPieceLabels && wire::PatchResult::kMaxSmoothedScoreSums == kPieceLabels &&
                  wire::ClipResult::kMaxScoreSums == kPieceLabels,
              "all arrays of a piece must be of the same labels");
static_assert(wire::PatchResult::kMaxDetected * 8 == kPieceLabels && wire::ClipResult::kMaxDetected * 8 == kPieceLabels,
              "a piece must hold whole bytes of the set of labels");
static_assert(kMaxLabels <= 32767, "labels must fit the protocol");

uint32_t larger(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

// Elements of an array of `total` that the piece from `first` on holds.
uint16_t piece_of(uint32_t first, uint32_t total) {
    const uint32_t left = total > first ? total - first : 0;
    return static_cast<uint16_t>(left < kPieceLabels ? left : kPieceLabels);
}

// Copies that piece of an array.
template <typename Element>
uint16_t put_piece(const Element* values, uint32_t first, uint32_t total, Element* piece) {
    const uint16_t count = piece_of(first, total);
    if (count > 0) {
        memcpy(piece, values + first, count * sizeof(Element));
    }
    return count;
}

uint16_t put_set(const uint8_t* set, uint32_t first, uint32_t labels, uint8_t* piece) {
    const uint32_t bytes = label_set_bytes(piece_of(first, labels));
    if (bytes > 0) {
        memcpy(piece, set + first / 8, bytes);
    }
    return static_cast<uint16_t>(bytes);
}

void tell_detection(Application& application, uint32_t label, bool is_detected) {
    wire::Detection detection;
    detection.clip_id = application.clip.request.clip_id;
    detection.frame_index = application.clip.frames - 1;
    detection.label_index = static_cast<uint16_t>(label);
    detection.is_detected = is_detected ? 1 : 0;
    detection.smoothed_score_sum = application.smoother.sums[label];
    detection.smoothing_count = static_cast<uint8_t>(application.smoother.count);
    wire::link_send_message(application.link, detection);
}

}  // namespace

Thresholds thresholds_of(const Application& application) {
    const ClipProgress& clip = application.clip;
    const bool is_asked_for = clip.is_live || clip.request.decide_by == wire::CalibrationSource::kStored;
    const bool is_stored = is_asked_for && application.stored.state == wire::CalibrationState::kStored;
    if (!is_stored) {
        return {application.config->thresholds, 0};
    }
    const bool is_by_label = application.stored.first_key != 0;
    return {is_by_label ? application.buffers.stored_thresholds : nullptr, application.stored.threshold};
}

bool tell_scores(Application& application) {
    if (!wire::link_can_send(application.link, wire::PatchResult::kMaxBytes)) {
        return false;
    }
    const Model& model = application.config->model;
    Telling& telling = application.telling;
    const uint32_t first = telling.position;
    const uint32_t labels = model.output_elements;
    wire::PatchResult result;
    result.clip_id = application.clip.request.clip_id;
    result.patch_index = application.scores.patches - 1;
    result.features_crc32 = telling.features_crc32;
    result.counter_ticks = telling.counter_ticks;
    result.first_label = static_cast<uint16_t>(first);
    result.logits_count = put_piece(model.logits(), first, model.logits_elements, result.logits);
    result.scores_count = put_piece(model.output(), first, labels, result.scores);
    result.smoothing_count = static_cast<uint8_t>(application.smoother.count);
    result.smoothed_score_sums_count =
        put_piece(application.smoother.sums, first, labels, result.smoothed_score_sums);
    result.detected_count = put_set(application.buffers.detected, first, labels, result.detected);
    telling.position += kPieceLabels;
    const bool is_last = telling.position >= larger(labels, model.logits_elements);
    result.is_last = is_last ? 1 : 0;
    wire::link_send_message(application.link, result);
    if (is_last) {
        telling.position = 0;
        application.phase = Phase::kDetections;
    }
    return true;
}

// First all that ended, then all that began.
bool tell_detections(Application& application) {
    const uint32_t labels = application.config->model.output_elements;
    const ApplicationBuffers& buffers = application.buffers;
    uint32_t& position = application.telling.position;
    for (; position < 2 * labels; ++position) {
        const bool is_beginning = position >= labels;
        const uint32_t label = is_beginning ? position - labels : position;
        const bool is_detected = has_label(buffers.detected, label);
        if (is_detected == has_label(buffers.told, label) || is_detected != is_beginning) {
            continue;
        }
        if (!wire::link_can_send(application.link, wire::Detection::kMaxBytes)) {
            return false;
        }
        tell_detection(application, label, is_detected);
    }
    memcpy(buffers.told, buffers.detected, label_set_bytes(labels));
    position = 0;
    application.phase = Phase::kSamples;
    return true;
}

bool tell_clip_result(Application& application) {
    if (!wire::link_can_send(application.link, wire::ClipResult::kMaxBytes)) {
        return false;
    }
    const ClipScores& scores = application.scores;
    Telling& telling = application.telling;
    const uint32_t first = telling.position;
    wire::ClipResult result;
    result.clip_id = application.clip.request.clip_id;
    result.samples_received = application.clip.samples;
    result.frames = application.clip.frames;
    result.patches = scores.patches;
    result.overruns = application.clip.overruns;
    result.label_index = static_cast<int16_t>(clip_scores_label(scores));
    result.first_label = static_cast<uint16_t>(first);
    result.score_sums_count = put_piece(scores.sums, first, scores.label_count, result.score_sums);
    result.detected_count = put_set(scores.detected, first, scores.label_count, result.detected);
    telling.position += kPieceLabels;
    const bool is_last = telling.position >= scores.label_count;
    result.is_last = is_last ? 1 : 0;
    wire::link_send_message(application.link, result);
    if (is_last) {
        forget_clip(application, Phase::kIdle);
    }
    return true;
}

}  // namespace tinyaudio
