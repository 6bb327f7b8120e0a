// A real FFT from a complex one of half the length on Q31 values: for kernels that bring a complex FFT.
#ifndef TINYAUDIO_FRONTEND_REAL_FFT_H_
#define TINYAUDIO_FRONTEND_REAL_FFT_H_

#include <stdint.h>
#include <string.h>

#include "tinyaudio/arithmetic.h"
#include "tinyaudio/energy.h"
#include "tinyaudio/frontend.h"

namespace tinyaudio {

struct RealFftTables {
    const int32_t* window;  // [window_samples], Q31
    const int32_t* split;   // [fft_samples / 4][3], A1, A2, B1 of bins 1 to fft_samples / 4, Q31
};

// Complex::transform<kPoints>(int32_t* data) transforms kPoints pairs (real, imaginary) in place, into natural order,
// divided by kPoints.
template <uint32_t kFftSamples, Spectrum kSpectrum, typename Complex>
struct RealFft {
    static constexpr uint32_t kPoints = kFftSamples / 2;

    static const int32_t* compute_energies(const FrontendTables& tables, const FrontendScratch& scratch,
                                           const int16_t* samples, const StageObserver* observer) {
        const RealFftTables& own = *static_cast<const RealFftTables*>(tables.kernel_tables);
        int32_t* spectrum = scratch.spectrum;
        apply_window(own.window, tables.window_samples, samples, spectrum);
        report_stage(observer, Stage::kWindow, spectrum, kFftSamples * 4);
        Complex::template transform<kPoints>(spectrum);  // Q31, divided by kPoints
        split(own.split, spectrum);                      // divided by 2 more: Q(31 - log2 kFftSamples), kPoints + 1 bins
        report_stage(observer, Stage::kFft, spectrum, (kFftSamples + 2) * 4);
        compute_energies_in_place<kSpectrum>(tables, spectrum);
        return spectrum;
    }

    // Q15 samples x Q31 window, zeros behind.
    TINYAUDIO_STAGE static void apply_window(const int32_t* window, uint32_t window_samples, const int16_t* samples,
                                             int32_t* out) {
        for (uint32_t pairs = window_samples / 2; pairs != 0; --pairs, samples += 2, window += 2, out += 2) {
            uint32_t pair;
            memcpy(&pair, samples, sizeof pair);
            const int32_t even = multiply_lower(window[0], pair);  // Q15 x Q31 = Q46; >> 16 = Q30, |.| <= 2^30
            const int32_t odd = multiply_upper(window[1], pair);
            out[0] = even * 2;  // Q31
            out[1] = odd * 2;
        }
        const uint32_t zeros = kFftSamples - window_samples;
        if (window_samples % 2 != 0) {
            *out++ = multiply_lower(*window, static_cast<uint16_t>(*samples)) * 2;
        }
        memset(out, 0, zeros * sizeof *out);
    }

    // From the complex FFT Z of L = kPoints points, in place, to bins 0 to L of the real FFT X, divided by 2:
    //     X[k] = A Z[k] + B conj(Z[L - k])
    // Bins k and L - k share their coefficients but for the sign of A2, so a pair is computed at once. Products round
    // one by one, in any order, as in CMSIS's arm_split_rfft_q31: the result is that of arm_rfft_q31, bit for bit, without
    // its second buffer and its 64 KB of tables. |Z| <= 2^30, |A|, |B| <= 1 and their sum is X: no step exceeds 2^31.
    TINYAUDIO_STAGE static void split(const int32_t* coefficients, int32_t* spectrum) {
        for (uint32_t k = 1; k <= kPoints / 2; ++k, coefficients += 3) {
            int32_t* lower = spectrum + 2 * k;
            int32_t* upper = spectrum + 2 * (kPoints - k);
            const int32_t a1 = coefficients[0];
            const int32_t a2 = coefficients[1];
            const int32_t b1 = coefficients[2];
            const int32_t x = lower[0];
            const int32_t y = lower[1];
            const int32_t mirrored_x = upper[0];
            const int32_t mirrored_y = upper[1];
            upper[0] = add_product(
                add_product(add_product(multiply_rounded(mirrored_x, a1), mirrored_y, a2), y, a2), x, b1);
            upper[1] = add_product(
                subtract_product(subtract_product(multiply_rounded(mirrored_y, a1), mirrored_x, a2), y, b1), x, a2);
            lower[0] = add_product(
                subtract_product(subtract_product(multiply_rounded(x, a1), y, a2), mirrored_y, a2), mirrored_x, b1);
            lower[1] = subtract_product(
                subtract_product(add_product(multiply_rounded(y, a1), x, a2), mirrored_y, b1), mirrored_x, a2);
        }
        const int64_t even = spectrum[0];  // at most 2^30 by the window's mean, but for the rounding of 16-bit kernels
        const int64_t odd = spectrum[1];
        spectrum[0] = static_cast<int32_t>((even + odd) >> 1);
        spectrum[1] = 0;
        spectrum[2 * kPoints] = static_cast<int32_t>((even - odd) >> 1);
        spectrum[2 * kPoints + 1] = 0;
    }
};

}  // namespace tinyaudio

#endif  // TINYAUDIO_FRONTEND_REAL_FFT_H_
