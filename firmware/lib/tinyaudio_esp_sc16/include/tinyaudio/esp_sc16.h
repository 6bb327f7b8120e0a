// The kernel `esp_sc16`: ESP-DSP's 16-bit complex FFT in block floating point, for chips that bring ESP-DSP.
//
// Window, split and all formats are those of the kernel `cmsis_q31`; docs/front_end.md derives the bounds.
#ifndef TINYAUDIO_ESP_SC16_H_
#define TINYAUDIO_ESP_SC16_H_

#include <stdint.h>

#include "tinyaudio/real_fft.h"

namespace tinyaudio {

struct EspSc16Tables {
    const int32_t* window;     // [window_samples], Q31
    const int32_t* split;      // [fft_samples / 4][3], as in RealFftTables, Q31
    const int32_t* rotations;  // [fft_samples / 8][3][2], cosine and sine of 4 pi n r / fft_samples, r = 1, 2, 3, Q31
    const int16_t* twiddles;   // [fft_samples / 8], what ESP-DSP's table begins with
};

// Initialize ESP-DSP's FFT of `points` with its table in `memory` [points], 16-byte aligned, unless somebody else did
// before. False if it refuses, or if its table does not begin with `twiddles` [points].
bool esp_sc16_prepare(const int16_t* twiddles, int16_t* memory, uint32_t points);

// The complex FFT of `points` pairs (real, imaginary) of Q31 values in place, into natural order, divided by `points`,
// a power of two from 32 to 2048. The magnitudes of four pairs spaced evenly must sum to less than 2^33.
void esp_sc16_complex_fft(const int32_t* rotations, int32_t* data, uint32_t points);

template <uint32_t kFftSamples, Spectrum kSpectrum>
struct EspSc16 {
    using Real = RealFft<kFftSamples, kSpectrum, void>;  // for its window and split

    static bool prepare(const FrontendTables& tables) {
        alignas(16) static int16_t memory[kFftSamples / 8];
        const EspSc16Tables& own = *static_cast<const EspSc16Tables*>(tables.kernel_tables);
        return esp_sc16_prepare(own.twiddles, memory, kFftSamples / 8);
    }

    static const int32_t* compute_energies(const FrontendTables& tables, const FrontendScratch& scratch,
                                           const int16_t* samples, const StageObserver* observer) {
        const EspSc16Tables& own = *static_cast<const EspSc16Tables*>(tables.kernel_tables);
        int32_t* spectrum = scratch.spectrum;
        Real::apply_window(own.window, tables.window_samples, samples, spectrum);
        report_stage(observer, Stage::kWindow, spectrum, kFftSamples * 4);
        esp_sc16_complex_fft(own.rotations, spectrum, kFftSamples / 2);
        Real::split(own.split, spectrum);
        report_stage(observer, Stage::kFft, spectrum, (kFftSamples + 2) * 4);
        compute_energies_in_place<kSpectrum>(tables, spectrum);
        return spectrum;
    }
};

}  // namespace tinyaudio

#endif  // TINYAUDIO_ESP_SC16_H_
