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
    static const int32_t words[1] = {0};
    tinyaudio::FrontendTables broken[20];
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
    broken[12].options.gain_q24 = 1 << 24;  // the scratch has no room for conditioned samples
    broken[13].options.gain_q24 = -1;
    broken[14].options.removes_mean = true;  // without a gain
    broken[15].options.band_biases_q24 = words;  // without offsets
    broken[16].options.level_shift = 13;
    broken[17].options.cepstral_coefficients = 1;  // without cosines
    broken[18].options.cosines_q30 = words;        // without coefficients
    broken[19].options.cepstral_coefficients = kMelBands + 1;
    broken[19].options.cosines_q30 = words;
    for (int index = 0; index < 20; ++index) {
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
