// Runs the generated front end over int16 PCM from standard input; writes every stage of every frame, and the features,
// as they lie in memory, to standard output.
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
    static tinyaudio::FrontendBuffers<kFftSamples, kMelBands, kConditionedSamples> buffers;
    const tinyaudio::FrontendScratch scratch = buffers.scratch();
    if (!tinyaudio::frontend_init(kFrontendTables, scratch)) {
        fprintf(stderr, "frontend_init refused\n");
        return 1;
    }
    static int16_t samples[kWindowSamples];
    int32_t log_mel[kMelBands];
    int8_t features[kFeatureBands];
    tinyaudio::LevelState level = {};
    size_t filled = fread(samples, 2, kWindowSamples, stdin);
    while (filled == kWindowSamples) {
        uint32_t stage = 0;
        const tinyaudio::StageObserver observer = {&stage, write_stage};
        tinyaudio::frontend_compute_frame(kFrontendTables, scratch, samples, log_mel, &observer);
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
