#include "tinyaudio/scores.h"

#include <string.h>

namespace tinyaudio {

namespace {

template <typename Sum>
int32_t index_of_greatest(const Sum* sums, uint32_t count) {
    uint32_t greatest = 0;
    for (uint32_t index = 1; index < count; ++index) {
        if (sums[index] > sums[greatest]) {
            greatest = index;
        }
    }
    return static_cast<int32_t>(greatest);
}

bool is_reached(const ScoreSmoother& smoother, const Thresholds& thresholds, uint32_t label) {
    const int32_t threshold = thresholds.by_label != nullptr ? thresholds.by_label[label] : thresholds.common;
    return smoother.sums[label] >= threshold * static_cast<int32_t>(smoother.count);
}

void add_label(uint8_t* set, uint32_t label) {
    set[label / 8] = static_cast<uint8_t>(set[label / 8] | (1U << (label % 8)));
}

}  // namespace

bool has_label(const uint8_t* set, uint32_t label) {
    return ((set[label / 8] >> (label % 8)) & 1U) != 0;
}

void score_smoother_restart(ScoreSmoother& smoother) {
    smoother.next_row = 0;
    smoother.count = 0;
    memset(smoother.sums, 0, smoother.label_count * sizeof(smoother.sums[0]));
}

void score_smoother_push(ScoreSmoother& smoother, const int8_t* scores) {
    int8_t* const row = smoother.history + smoother.next_row * smoother.label_count;
    const bool is_full = smoother.count == smoother.window_patches;
    for (uint32_t label = 0; label < smoother.label_count; ++label) {
        const int32_t leaving = is_full ? row[label] : 0;
        smoother.sums[label] = static_cast<int16_t>(smoother.sums[label] + scores[label] - leaving);
        row[label] = scores[label];
    }
    smoother.count += is_full ? 0 : 1;
    ++smoother.next_row;
    if (smoother.next_row == smoother.window_patches) {
        smoother.next_row = 0;
    }
}

void decide_labels(const ScoreSmoother& smoother, const Thresholds& thresholds, DecisionRule rule, uint8_t* detected) {
    memset(detected, 0, label_set_bytes(smoother.label_count));
    if (smoother.count == 0 || smoother.label_count == 0) {
        return;
    }
    if (rule == DecisionRule::kBest) {
        const uint32_t best = static_cast<uint32_t>(index_of_greatest(smoother.sums, smoother.label_count));
        if (is_reached(smoother, thresholds, best)) {
            add_label(detected, best);
        }
        return;
    }
    for (uint32_t label = 0; label < smoother.label_count; ++label) {
        if (is_reached(smoother, thresholds, label)) {
            add_label(detected, label);
        }
    }
}

void clip_scores_restart(ClipScores& scores) {
    scores.patches = 0;
    memset(scores.sums, 0, scores.label_count * sizeof(scores.sums[0]));
    memset(scores.detected, 0, label_set_bytes(scores.label_count));
}

void clip_scores_push(ClipScores& scores, const int8_t* patch_scores, const uint8_t* detected) {
    ++scores.patches;
    for (uint32_t label = 0; label < scores.label_count; ++label) {
        scores.sums[label] += patch_scores[label];
    }
    for (uint32_t index = 0; index < label_set_bytes(scores.label_count); ++index) {
        scores.detected[index] = static_cast<uint8_t>(scores.detected[index] | detected[index]);
    }
}

int32_t clip_scores_label(const ClipScores& scores) {
    return scores.patches == 0 || scores.label_count == 0 ? kNoLabel : index_of_greatest(scores.sums, scores.label_count);
}

}  // namespace tinyaudio
