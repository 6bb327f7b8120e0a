// Runs the generated front end over int16 PCM from standard input; writes every stage of every frame, and the features,
// as they lie in memory, to standard output. On an emulated board: from pcm.bin to stages.bin.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend_tables.h"

using namespace tinyaudio_generated;

static void write_stage(void* context, tinyaudio::Stage stage, const void* data, uint32_t bytes) {
    uint32_t* expected = static_cast<uint32_t*>(context);
    if (static_cast<uint32_t>(stage) != (*expected)++) {
        abort();  // a stage is missing or out of order
    }
    fwrite(data, 1, bytes, stdout);
}

int main() {
#if defined(__arm__)  // behind semihosting, whose standard streams are a console
    if (freopen("pcm.bin", "rb", stdin) == nullptr || freopen("stages.bin", "wb", stdout) == nullptr) {
        return 3;
    }
#endif
    static tinyaudio::FrontendBuffers<kFftSamples, kMelBands, kConditionedSamples> buffers;
    const tinyaudio::FrontendScratch scratch = buffers.scratch();
    if (!tinyaudio::frontend_init(kFrontendTables, scratch)) {
        fprintf(stderr, "frontend_init refused\n");
        return 1;
    }
    static int16_t samples[kWindowSamples];
    static int32_t log_mel[kMelBands];
    static int32_t unobserved_log_mel[kMelBands];
    int8_t features[kFeatureBands];
    tinyaudio::LevelState level = {};
    size_t filled = fread(samples, 2, kWindowSamples, stdin);
    while (filled == kWindowSamples) {
        uint32_t stage = 0;
        const tinyaudio::StageObserver observer = {&stage, write_stage};
        tinyaudio::frontend_compute_frame(kFrontendTables, scratch, samples, unobserved_log_mel, nullptr);
        tinyaudio::frontend_compute_frame(kFrontendTables, scratch, samples, log_mel, &observer);
        if (memcmp(log_mel, unobserved_log_mel, sizeof log_mel) != 0) {
            fprintf(stderr, "the frame differs when nobody observes it\n");
            return 2;
        }
        const int32_t* post =
            tinyaudio::frontend_post_process(kFrontendTables, scratch, level, log_mel, &observer);
        tinyaudio::quantize_features(kFeatureQuantization, post, kFeatureBands, features);
        write_stage(&stage, tinyaudio::Stage::kFeatures, features, sizeof features);
        memmove(samples, samples + kHopSamples, (kWindowSamples - kHopSamples) * 2);
        filled = kWindowSamples - kHopSamples;
        filled += fread(samples + filled, 2, kHopSamples, stdin);
    }
    return 0;
}
