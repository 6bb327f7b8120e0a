// The kernel `cmsis_q31`: CMSIS-DSP's complex FFT on Q31 values, and a split of our own.
#ifndef TINYAUDIO_CMSIS_Q31_H_
#define TINYAUDIO_CMSIS_Q31_H_

#include <stdint.h>

#include "tinyaudio/cmsis_complex_fft.h"
#include "tinyaudio/real_fft.h"

namespace tinyaudio {

struct CmsisComplexFft {
    template <uint32_t kPoints>
    static void transform(int32_t* data) {
        static_assert(kPoints >= 32 && kPoints <= 2048 && (kPoints & (kPoints - 1)) == 0, "CMSIS-DSP has no such FFT");
        if constexpr (kPoints == 32) {
            tinyaudio_cmsis_q31_complex_fft_32(data);
        } else if constexpr (kPoints == 64) {
            tinyaudio_cmsis_q31_complex_fft_64(data);
        } else if constexpr (kPoints == 128) {
            tinyaudio_cmsis_q31_complex_fft_128(data);
        } else if constexpr (kPoints == 256) {
            tinyaudio_cmsis_q31_complex_fft_256(data);
        } else if constexpr (kPoints == 512) {
            tinyaudio_cmsis_q31_complex_fft_512(data);
        } else if constexpr (kPoints == 1024) {
            tinyaudio_cmsis_q31_complex_fft_1024(data);
        } else {
            tinyaudio_cmsis_q31_complex_fft_2048(data);
        }
    }
};

using CmsisQ31Tables = RealFftTables;

template <uint32_t kFftSamples, Spectrum kSpectrum>
using CmsisQ31 = RealFft<kFftSamples, kSpectrum, CmsisComplexFft>;

}  // namespace tinyaudio

#endif  // TINYAUDIO_CMSIS_Q31_H_
