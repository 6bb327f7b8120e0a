// Cases for the application's parts: ring, patches, scores. Returns the number of the first line that fails, 0 if none does.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tinyaudio/microphone_ring.h"
#include "tinyaudio/patch_assembler.h"
#include "tinyaudio/pcm_ring.h"
#include "tinyaudio/scores.h"

using namespace tinyaudio;

#define CHECK(condition)                                          \
    do {                                                          \
        if (!(condition)) {                                       \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
            exit(1);                                              \
        }                                                         \
    } while (false)

namespace {

// A small generator, so that every run is the same.
uint32_t next_random(uint32_t& state) {
    state = state * 1664525U + 1013904223U;
    return state >> 16;
}

static_assert(power_of_two_from(1) == 1 && power_of_two_from(5) == 8 && power_of_two_from(656) == 1024, "");

void ring_refuses_a_capacity_that_is_no_power_of_two() {
    int16_t storage[8];
    PcmRing ring;
    CHECK(!pcm_ring_init(ring, storage, 0));
    CHECK(!pcm_ring_init(ring, storage, 6));
    CHECK(pcm_ring_init(ring, storage, 8));
}

void ring_takes_only_what_fits() {
    int16_t storage[4];
    PcmRing ring;
    CHECK(pcm_ring_init(ring, storage, 4));
    const int16_t samples[] = {1, 2, 3, 4, 5, 6};
    CHECK(pcm_ring_push(ring, samples, 6) == 4);
    CHECK(pcm_ring_room(ring) == 0);
    CHECK(pcm_ring_push(ring, samples, 1) == 0);
    int16_t seen[4] = {};
    CHECK(!pcm_ring_peek(ring, seen, 5) && seen[0] == 0);
    CHECK(pcm_ring_peek(ring, seen, 4) && seen[0] == 1 && seen[3] == 4);
    pcm_ring_drop(ring, 99);
    CHECK(pcm_ring_count(ring) == 0);
}

// Against a plain counter, across the wrap of the ring and of its 32-bit positions.
void ring_keeps_the_order() {
    int16_t storage[64];
    PcmRing ring;
    CHECK(pcm_ring_init(ring, storage, 64));
    ring.read = ring.written = 0xFFFFFF00U;
    uint32_t state = 1;
    int16_t written = 0;
    int16_t expected = 0;
    for (int round = 0; round < 2000; ++round) {
        int16_t block[64];
        const uint32_t count = next_random(state) % 65;
        for (uint32_t index = 0; index < count; ++index) {
            block[index] = static_cast<int16_t>(written + static_cast<int16_t>(index));
        }
        written = static_cast<int16_t>(written + static_cast<int16_t>(pcm_ring_push(ring, block, count)));
        const uint32_t wanted = next_random(state) % 65;
        if (pcm_ring_peek(ring, block, wanted)) {
            for (uint32_t index = 0; index < wanted; ++index) {
                CHECK(block[index] == static_cast<int16_t>(expected + static_cast<int16_t>(index)));
            }
            const uint32_t dropped = wanted / 2;
            pcm_ring_drop(ring, dropped);
            expected = static_cast<int16_t>(expected + static_cast<int16_t>(dropped));
        }
    }
    CHECK(expected > 100);
}

void microphone_ring_tells_where_samples_were_lost() {
    int16_t storage[8];
    MicrophoneRing ring;
    CHECK(!microphone_ring_init(ring, storage, 0) && !microphone_ring_init(ring, storage, 6));
    CHECK(microphone_ring_init(ring, storage, 8));
    CHECK(!microphone_ring_is_ready(ring) && microphone_ring_take_lost(ring) == 0);
    const int16_t block[] = {1, 2, 3, 4, 5, 6};
    int16_t seen[8] = {};
    microphone_ring_push(ring, block, 6);
    microphone_ring_push(ring, block, 3);  // two would fit: all or nothing
    CHECK(microphone_ring_is_ready(ring) && microphone_ring_take_lost(ring) == 0);  // there is something in front of the gap
    CHECK(microphone_ring_read(ring, seen, 4) == 4 && seen[0] == 1 && seen[3] == 4);
    microphone_ring_push(ring, block, 1);  // room enough, but behind a gap that is not told
    CHECK(microphone_ring_take_lost(ring) == 0);
    CHECK(microphone_ring_read(ring, seen, 8) == 2 && seen[0] == 5 && seen[1] == 6);
    CHECK(microphone_ring_read(ring, seen, 8) == 0 && microphone_ring_is_ready(ring));
    CHECK(microphone_ring_take_lost(ring) == 4);
    CHECK(microphone_ring_take_lost(ring) == 0 && !microphone_ring_is_ready(ring));
    microphone_ring_push(ring, block, 6);
    CHECK(microphone_ring_read(ring, seen, 8) == 6 && seen[5] == 6);
    microphone_ring_lose(ring, 7);
    microphone_ring_lose(ring, 2);
    CHECK(microphone_ring_take_lost(ring) == 9);
}

// Sample n is n, lost ones counted: whatever the reader does, it knows the position of every sample it reads. The counters
// wrap around meanwhile.
void microphone_ring_knows_every_position() {
    int16_t storage[64];
    MicrophoneRing ring;
    CHECK(microphone_ring_init(ring, storage, 64));
    ring.written = ring.read = 0xFFFFFF00U;
    ring.lost = ring.told = 0xFFFFFFF0U;
    uint32_t state = 3;
    uint32_t recorded = 0;
    uint32_t position = 0;
    uint32_t lost = 0;
    for (uint32_t round = 0; round < 4000; ++round) {
        int16_t block[64];
        const uint32_t count = 1 + next_random(state) % 32;
        for (uint32_t index = 0; index < count; ++index) {
            block[index] = static_cast<int16_t>(recorded + index);
        }
        recorded += count;
        if (next_random(state) % 50 == 0) {
            microphone_ring_lose(ring, count);
        } else {
            microphone_ring_push(ring, block, count);
        }
        const uint32_t taken = microphone_ring_read(ring, block, next_random(state) % 40);
        for (uint32_t index = 0; index < taken; ++index) {
            CHECK(block[index] == static_cast<int16_t>(position + index));
        }
        const uint32_t gap = next_random(state) % 2 == 0 ? microphone_ring_take_lost(ring) : 0;
        position += taken + gap;
        lost += gap;
        CHECK(position <= recorded);
    }
    CHECK(lost > 100 && position - lost > 10000);
}

// Frame f holds f, f + 40, f + 80 in its three bands.
void patches_start_every_hop(uint32_t patch_frames, uint32_t hop_frames, PatchLayout layout) {
    constexpr uint32_t kBands = 3;
    int8_t storage[7 * kBands];
    int8_t patch[7 * kBands];
    PatchAssembler assembler = {storage, patch_frames, hop_frames, kBands, layout, 0, 0};
    for (int clip = 0; clip < 2; ++clip) {  // the second shows that nothing of the first is left
        patch_assembler_restart(assembler);
        uint32_t patches = 0;
        for (uint32_t frame = 0; frame < 30; ++frame) {
            int8_t* const row = patch_assembler_row(assembler);
            for (uint32_t band = 0; band < kBands; ++band) {
                row[band] = static_cast<int8_t>(frame + 40 * band);
            }
            const bool complete = patch_assembler_push(assembler);
            CHECK(complete == (frame + 1 >= patch_frames && (frame + 1 - patch_frames) % hop_frames == 0));
            if (!complete) {
                continue;
            }
            patch_assembler_copy(assembler, patch);
            for (uint32_t index = 0; index < patch_frames * kBands; ++index) {
                const bool frames_first = layout == PatchLayout::kFramesFirst;
                const uint32_t place = frames_first ? index / kBands : index % patch_frames;
                const uint32_t band = frames_first ? index % kBands : index / patch_frames;
                CHECK(patch[index] == static_cast<int8_t>(patches * hop_frames + place + 40 * band));
            }
            ++patches;
        }
        CHECK(patches == 1 + (30 - patch_frames) / hop_frames);
    }
}

void smoothing_adds_up_the_last_patches() {
    constexpr uint32_t kLabels = 3;
    constexpr uint32_t kWindow = 4;
    int8_t history[kWindow * kLabels];
    int8_t all[40][kLabels];
    int16_t sums[kLabels];
    ScoreSmoother smoother = {history, sums, kWindow, kLabels, 0, 0};
    uint8_t detected[label_set_bytes(kLabels)] = {0xFF};
    uint32_t state = 5;
    for (int clip = 0; clip < 2; ++clip) {
        score_smoother_restart(smoother);
        decide_labels(smoother, {nullptr, -128}, DecisionRule::kEvery, detected);
        CHECK(detected[0] == 0);  // nothing before the first patch
        for (uint32_t patch = 0; patch < 40; ++patch) {
            for (uint32_t label = 0; label < kLabels; ++label) {
                all[patch][label] = static_cast<int8_t>(next_random(state));
            }
            score_smoother_push(smoother, all[patch]);
            const uint32_t first = patch + 1 < kWindow ? 0 : patch + 1 - kWindow;
            CHECK(smoother.count == patch + 1 - first);
            for (uint32_t label = 0; label < kLabels; ++label) {
                int32_t sum = 0;
                for (uint32_t index = first; index <= patch; ++index) {
                    sum += all[index][label];
                }
                CHECK(smoother.sums[label] == sum);
            }
        }
    }
}

// 255 patches of -128 and of 127 are the extremes of an int16 sum.
void smoothing_holds_its_extremes() {
    int8_t history[kMaxSmoothingPatches * 2];
    int16_t sums[2];
    ScoreSmoother smoother = {history, sums, kMaxSmoothingPatches, 2, 0, 0};
    score_smoother_restart(smoother);
    const int8_t scores[] = {-128, 127};
    for (uint32_t patch = 0; patch < 600; ++patch) {
        score_smoother_push(smoother, scores);
    }
    CHECK(smoother.sums[0] == -128 * 255 && smoother.sums[1] == 127 * 255);
    const int16_t thresholds[] = {-128, 128};  // always, never
    uint8_t detected[1];
    decide_labels(smoother, {thresholds, 0}, DecisionRule::kEvery, detected);
    CHECK(detected[0] == 1);
    decide_labels(smoother, {nullptr, 127}, DecisionRule::kEvery, detected);
    CHECK(detected[0] == 2);
}

void a_label_must_reach_the_threshold() {
    int8_t history[2 * 3];
    int16_t sums[3];
    ScoreSmoother smoother = {history, sums, 2, 3, 0, 0};
    score_smoother_restart(smoother);
    const auto best_of = [&](int32_t threshold) {
        uint8_t detected[1];
        decide_labels(smoother, {nullptr, threshold}, DecisionRule::kBest, detected);
        return detected[0];
    };
    const int8_t first[] = {10, 21, 21};
    const int8_t second[] = {30, 18, 18};
    score_smoother_push(smoother, first);
    CHECK(best_of(21) == 1U << 1);  // the first of equals
    CHECK(best_of(22) == 0);
    score_smoother_push(smoother, second);  // 40, 39, 39 over two patches
    CHECK(best_of(20) == 1U << 0);
    CHECK(best_of(21) == 0);
}

void each_label_has_a_threshold_of_its_own() {
    int8_t history[2 * 3];
    int16_t sums[3];
    ScoreSmoother smoother = {history, sums, 2, 3, 0, 0};
    score_smoother_restart(smoother);
    const int8_t scores[] = {40, 39, 39};
    score_smoother_push(smoother, scores);
    score_smoother_push(smoother, scores);
    const auto detected_by = [&](int16_t a, int16_t b, int16_t c, DecisionRule rule) {
        const int16_t thresholds[] = {a, b, c};
        uint8_t detected[1];
        decide_labels(smoother, {thresholds, -128}, rule, detected);
        return detected[0];
    };
    CHECK(detected_by(40, -128, -128, DecisionRule::kBest) == 1);
    CHECK(detected_by(41, -128, -128, DecisionRule::kBest) == 0);  // the second best does not stand in for the best
    CHECK(detected_by(40, 39, 40, DecisionRule::kEvery) == 3);
    CHECK(detected_by(41, 40, 39, DecisionRule::kEvery) == 4);
    CHECK(detected_by(128, 128, 128, DecisionRule::kEvery) == 0);
    CHECK(detected_by(-128, -128, -128, DecisionRule::kEvery) == 7);
}

void a_clip_is_the_sum_of_its_patches() {
    int32_t sums[3];
    uint8_t in_clip[label_set_bytes(3)];
    ClipScores scores = {sums, in_clip, 3, 0};
    clip_scores_restart(scores);
    CHECK(clip_scores_label(scores) == kNoLabel);
    const int8_t patch[] = {-128, 5, 5};
    const uint8_t detected[][1] = {{2}, {4}};
    clip_scores_push(scores, patch, detected[0]);
    clip_scores_push(scores, patch, detected[1]);
    CHECK(in_clip[0] == 6 && has_label(in_clip, 2) && !has_label(in_clip, 0));
    CHECK(scores.patches == 2 && scores.sums[0] == -256 && scores.sums[2] == 10);
    CHECK(clip_scores_label(scores) == 1);
    clip_scores_restart(scores);
    CHECK(scores.patches == 0 && scores.sums[2] == 0 && in_clip[0] == 0);
}

}  // namespace

int main() {
    ring_refuses_a_capacity_that_is_no_power_of_two();
    ring_takes_only_what_fits();
    ring_keeps_the_order();
    microphone_ring_tells_where_samples_were_lost();
    microphone_ring_knows_every_position();
    const PatchLayout layouts[] = {PatchLayout::kFramesFirst, PatchLayout::kBandsFirst};
    for (const PatchLayout layout : layouts) {
        patches_start_every_hop(7, 7, layout);
        patches_start_every_hop(7, 3, layout);
        patches_start_every_hop(7, 1, layout);
        patches_start_every_hop(1, 1, layout);
    }
    smoothing_adds_up_the_last_patches();
    smoothing_holds_its_extremes();
    a_label_must_reach_the_threshold();
    each_label_has_a_threshold_of_its_own();
    a_clip_is_the_sum_of_its_patches();
    puts("ok");
    return 0;
}
