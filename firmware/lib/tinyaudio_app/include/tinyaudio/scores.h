// From patch scores to decisions: smoothing over the last patches, thresholds of labels, sums over a clip. Integers only.
//
// tinyaudio/core/decisions.py is the same in Python, bit for bit; docs/wire_protocol.md has the rule in words.
#ifndef TINYAUDIO_SCORES_H_
#define TINYAUDIO_SCORES_H_

#include <stdint.h>

namespace tinyaudio {

constexpr uint32_t kMaxLabels = 1024;
constexpr uint32_t kMaxSmoothingPatches = 255;  // 255 * 128 < 2^15: the sums fit int16
constexpr int32_t kNoLabel = -1;

// A set of labels: bit i % 8 of byte i / 8 stands for label i.
constexpr uint32_t label_set_bytes(uint32_t labels) {
    return (labels + 7) / 8;
}

bool has_label(const uint8_t* set, uint32_t label);

// Moving sums over the last `window_patches` patches; over fewer at the start of a clip.
struct ScoreSmoother {
    int8_t* history;  // [window_patches][label_count]
    int16_t* sums;    // [label_count]
    uint32_t window_patches;
    uint32_t label_count;
    uint32_t next_row;
    uint32_t count;  // patches in the sums
};

void score_smoother_restart(ScoreSmoother& smoother);
void score_smoother_push(ScoreSmoother& smoother, const int8_t* scores);

// Which labels are detected.
enum class DecisionRule : uint8_t {
    kBest,   // the one with the greatest sum, the first of equals, if it reaches its own threshold
    kEvery,  // every one that reaches its own threshold
};

// A label reaches its threshold, -128 to 128 (never) steps of an int8 score, where sum >= threshold * count: the mean is
// never divided out.
struct Thresholds {
    const int16_t* by_label;  // [label_count]; null: `common` holds for all
    int32_t common;
};

// Writes the set of labels that are detected now, [label_set_bytes(label_count)]; none before the first patch.
void decide_labels(const ScoreSmoother& smoother, const Thresholds& thresholds, DecisionRule rule, uint8_t* detected);

// Sums over all patches of a clip. 2^24 patches fit: weeks of audio.
struct ClipScores {
    int32_t* sums;      // [label_count]
    uint8_t* detected;  // set of the labels that were detected behind at least one patch
    uint32_t label_count;
    uint32_t patches;
};

void clip_scores_restart(ClipScores& scores);
void clip_scores_push(ClipScores& scores, const int8_t* patch_scores, const uint8_t* detected);

// The class with the greatest sum, the first of equals; kNoLabel without any patch or class.
int32_t clip_scores_label(const ClipScores& scores);

}  // namespace tinyaudio

#endif  // TINYAUDIO_SCORES_H_
