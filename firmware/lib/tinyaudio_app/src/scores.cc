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

}  // namespace

void score_smoother_restart(ScoreSmoother& smoother) {
    smoother.next_row = 0;
    smoother.count = 0;
    memset(smoother.sums, 0, sizeof(smoother.sums));
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

int32_t score_smoother_label(const ScoreSmoother& smoother, int32_t threshold) {
    if (smoother.count == 0 || smoother.label_count == 0) {
        return kNoLabel;
    }
    const int32_t label = index_of_greatest(smoother.sums, smoother.label_count);
    return smoother.sums[label] >= threshold * static_cast<int32_t>(smoother.count) ? label : kNoLabel;
}

void clip_scores_restart(ClipScores& scores) {
    scores.patches = 0;
    memset(scores.sums, 0, sizeof(scores.sums));
}

void clip_scores_push(ClipScores& scores, const int8_t* patch_scores) {
    ++scores.patches;
    for (uint32_t label = 0; label < scores.label_count; ++label) {
        scores.sums[label] += patch_scores[label];
    }
}

int32_t clip_scores_label(const ClipScores& scores) {
    return scores.patches == 0 || scores.label_count == 0 ? kNoLabel : index_of_greatest(scores.sums, scores.label_count);
}

}  // namespace tinyaudio
