// frontend_init accepts the generated tables and refuses each broken copy; exits with the number of the failing case.
#include "frontend_tables.h"

using namespace tinyaudio_generated;

int main() {
    static tinyaudio::FrontendBuffers<kFftSamples, kMelBands, kConditionedSamples> buffers;
    const tinyaudio::FrontendScratch scratch = buffers.scratch();
    if (!tinyaudio::frontend_init(kFrontendTables, scratch)) {
        return 1;
    }
    static uint16_t wrong_segments[kMelBands + 1];
    tinyaudio::FrontendTables broken[12];
    for (tinyaudio::FrontendTables& tables : broken) {
        tables = kFrontendTables;
    }
    broken[0].fft_samples = 500;
    broken[1].fft_samples = 8192;
    broken[2].window_samples = kFftSamples + 1;
    broken[3].window_samples = 1;
    broken[4].compute_energies = nullptr;
    broken[5].kernel_tables = nullptr;
    broken[6].spectrum = static_cast<tinyaudio::Spectrum>(7);
    broken[7].mel_bands = 0;
    broken[8].log_offset = 0;
    broken[9].first_bin = kFftSamples;
    broken[10].segment_bins = wrong_segments;
    broken[11].rising_weights = nullptr;
    for (int index = 0; index < 12; ++index) {
        if (tinyaudio::frontend_init(broken[index], scratch)) {
            return 10 + index;
        }
    }
    tinyaudio::FrontendScratch small = scratch;
    small.spectrum_words -= 1;
    if (tinyaudio::frontend_init(kFrontendTables, small)) {
        return 2;
    }
    small = scratch;
    small.mel_bands -= 1;
    if (tinyaudio::frontend_init(kFrontendTables, small)) {
        return 3;
    }
    small = scratch;
    small.mel = nullptr;
    return tinyaudio::frontend_init(kFrontendTables, small) ? 4 : 0;
}
