// From patch scores to decisions: smoothing over the last patches, sums over a clip. Integers only.
#ifndef TINYAUDIO_SCORES_H_
#define TINYAUDIO_SCORES_H_

#include <stdint.h>

namespace tinyaudio {

constexpr uint32_t kMaxLabels = 64;            // as many as a message of the wire protocol carries
constexpr uint32_t kMaxSmoothingPatches = 255;  // 255 * 128 < 2^15: the sums fit int16
constexpr int32_t kNoLabel = -1;

// Moving sums over the last `window_patches` patches; over fewer at the start of a clip.
struct ScoreSmoother {
    int8_t* history;  // [window_patches][label_count]
    uint32_t window_patches;
    uint32_t label_count;
    uint32_t next_row;
    uint32_t count;           // patches in the sums
    int16_t sums[kMaxLabels];
};

void score_smoother_restart(ScoreSmoother& smoother);
void score_smoother_push(ScoreSmoother& smoother, const int8_t* scores);

// The class with the greatest sum, the first of equals, if its mean reaches `threshold` (of an int8 score); otherwise
// kNoLabel, as without classes. The mean is never divided out: sum >= threshold * count.
int32_t score_smoother_label(const ScoreSmoother& smoother, int32_t threshold);

// Sums over all patches of a clip. 2^24 patches fit: weeks of audio.
struct ClipScores {
    uint32_t label_count;
    uint32_t patches;
    int32_t sums[kMaxLabels];
};

void clip_scores_restart(ClipScores& scores);
void clip_scores_push(ClipScores& scores, const int8_t* patch_scores);

// The class with the greatest sum, the first of equals; kNoLabel without any patch or class.
int32_t clip_scores_label(const ClipScores& scores);

}  // namespace tinyaudio

#endif  // TINYAUDIO_SCORES_H_
