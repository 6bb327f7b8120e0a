// The kernel `portable_q31`: a real FFT on 32-bit values, the same integers on every target.
//
// A complex FFT of L = N / 2 points (even samples real, odd samples imaginary), decimated in time: a first stage without
// twiddles that takes the samples through the window and writes digit-reversed, stages of radix 4 with twiddles in Q30,
// and the split into the bins of the real FFT. docs/front_end.md derives the formats and bounds noted here.
#ifndef TINYAUDIO_PORTABLE_Q31_H_
#define TINYAUDIO_PORTABLE_Q31_H_

#include <stdint.h>
#include <string.h>

#include "tinyaudio/arithmetic.h"
#include "tinyaudio/energy.h"
#include "tinyaudio/frontend.h"
#include "tinyaudio/portable_q31_butterflies.h"
#include "tinyaudio/portable_q31_first_stage.h"
#include "tinyaudio/portable_q31_split.h"

namespace tinyaudio {

struct PortableQ31Tables {
    const int32_t* window;      // the samples' factors, pair by pair as the first stage reads them
    const uint16_t* positions;  // [kPoints / radix], where the first stage writes
    const int32_t* twiddles;    // [..][6], w^2, w, w^3 of each butterfly but the first, stage by stage, Q30
    const int32_t* split;       // [kPoints / 2 - 1][2], cos and sin of bins 1 on, Q30
};

template <uint32_t kFftSamples, Spectrum kSpectrum>
struct PortableQ31 {
    static_assert(kFftSamples >= 64 && kFftSamples <= 4096 && (kFftSamples & (kFftSamples - 1)) == 0, "no such FFT");
    static constexpr uint32_t kPoints = kFftSamples / 2;
    static constexpr uint32_t kFirstRadix = __builtin_ctz(kPoints) % 2 == 0 ? 4 : 2;

    static const int32_t* compute_energies(const FrontendTables& tables, const FrontendScratch& scratch,
                                           const int16_t* samples, const StageObserver* observer) {
        const PortableQ31Tables& own = *static_cast<const PortableQ31Tables*>(tables.kernel_tables);
        int32_t* spectrum = scratch.spectrum;
        const FirstStage<kPoints, kFirstRadix> first = {own.window, own.positions, samples, tables.window_samples};
        if (observer != nullptr) {
            first.write_window(spectrum);
            report_stage(observer, Stage::kWindow, spectrum, kFftSamples * 4);
        }
        first.transform(spectrum);  // |re|, |im| <= 2^30, the same behind every stage
        transform_groups<kFirstRadix>(own.twiddles, spectrum);
        if (observer != nullptr) {
            split<kPoints>(own.split, spectrum);
            report_stage(observer, Stage::kFft, spectrum, (kFftSamples + 2) * 4);
            compute_energies_in_place<kSpectrum>(tables, spectrum);
            return spectrum;
        }
        split_to_powers<kPoints>(own.split, tables.first_bin, tables.energy_bins, spectrum);
        if constexpr (kSpectrum == Spectrum::kMagnitude) {
            compute_magnitudes_of_powers(tables, spectrum);
            return spectrum;
        }
        return spectrum + 2 * tables.first_bin;
    }

    // The stages that find transforms of kQuarter points and leave transforms of 4 kQuarter, until there is one.
    template <uint32_t kQuarter>
    static void transform_groups(const int32_t* twiddles, int32_t* data) {
        if constexpr (kQuarter < kPoints) {
            radix4_stage<kPoints, kQuarter>(twiddles, data);
            transform_groups<4 * kQuarter>(twiddles + 6 * (kQuarter - 1), data);
        }
    }
};

}  // namespace tinyaudio

#endif  // TINYAUDIO_PORTABLE_Q31_H_
