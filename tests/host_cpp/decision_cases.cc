// Decides a clip that comes on standard input, for test_decisions_cpp.py: i32 {patches, labels, smoothing patches, rule, common
// threshold, 1: a threshold each}, i16 thresholds[labels], i8 scores[patches][labels]. Answers i16 sums[labels] and the set of
// detected labels for each patch, and behind them the set of the clip and i32 sums[labels].
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tinyaudio/scores.h"

using namespace tinyaudio;

namespace {

int8_t history[kMaxSmoothingPatches * kMaxLabels];
int16_t sums[kMaxLabels];
int32_t clip_sums[kMaxLabels];
int16_t thresholds[kMaxLabels];
int8_t scores[kMaxLabels];
uint8_t detected[label_set_bytes(kMaxLabels)];
uint8_t in_clip[label_set_bytes(kMaxLabels)];

void read_all(void* data, size_t bytes) {
    if (fread(data, 1, bytes, stdin) != bytes) {
        exit(2);
    }
}

}  // namespace

int main() {
    int32_t header[6];
    read_all(header, sizeof(header));
    const uint32_t labels = static_cast<uint32_t>(header[1]);
    read_all(thresholds, labels * sizeof(thresholds[0]));
    ScoreSmoother smoother = {history, sums, static_cast<uint32_t>(header[2]), labels, 0, 0};
    ClipScores clip = {clip_sums, in_clip, labels, 0};
    score_smoother_restart(smoother);
    clip_scores_restart(clip);
    const Thresholds by = {header[5] != 0 ? thresholds : nullptr, header[4]};
    for (int32_t patch = 0; patch < header[0]; ++patch) {
        read_all(scores, labels);
        score_smoother_push(smoother, scores);
        decide_labels(smoother, by, static_cast<DecisionRule>(header[3]), detected);
        clip_scores_push(clip, scores, detected);
        fwrite(sums, sizeof(sums[0]), labels, stdout);
        fwrite(detected, 1, label_set_bytes(labels), stdout);
    }
    fwrite(in_clip, 1, label_set_bytes(labels), stdout);
    fwrite(clip_sums, sizeof(clip_sums[0]), labels, stdout);
    return 0;
}
