// From a spectrum of int32 pairs to the energies that the mel stage reads. Shared by the 32-bit kernels.
#ifndef TINYAUDIO_FRONTEND_ENERGY_H_
#define TINYAUDIO_FRONTEND_ENERGY_H_

#include <string.h>

#include "tinyaudio/frontend.h"
#include "tinyaudio/square_root.h"

namespace tinyaudio {

// re^2 + im^2 < 2^61 for |re + j im| <= 2^30.
inline uint64_t power_of(int32_t real, int32_t imaginary) {
    return static_cast<uint64_t>(static_cast<int64_t>(real) * real + static_cast<int64_t>(imaginary) * imaginary);
}

// uint32, one bit finer than the spectrum; sqrt(4 * 2^61) < 2^32.
inline uint32_t magnitude_of(uint64_t power) {
    return power == 0 ? 0 : floor_square_root_of_four_times(power);
}

// The energies of the bins that mel bands use, in place: from [bins][2] int32 to uint64 powers at the front.
inline void compute_powers(const FrontendTables& tables, int32_t* spectrum) {
    const int32_t* bin = spectrum + 2 * tables.first_bin;
    const int32_t* end = bin + 2 * tables.energy_bins;
    for (int32_t* out = spectrum; bin != end; bin += 2, out += 2) {
        const uint64_t power = power_of(bin[0], bin[1]);
        memcpy(out, &power, sizeof power);
    }
}

// The same, to uint32 magnitudes.
inline void compute_magnitudes(const FrontendTables& tables, int32_t* spectrum) {
    const int32_t* bin = spectrum + 2 * tables.first_bin;
    int32_t* out = spectrum;
    for (uint32_t n = tables.energy_bins; n != 0; --n, bin += 2, ++out) {
        *out = static_cast<int32_t>(magnitude_of(power_of(bin[0], bin[1])));
    }
}

template <Spectrum kSpectrum>
TINYAUDIO_STAGE void compute_energies_in_place(const FrontendTables& tables, int32_t* spectrum) {
    if constexpr (kSpectrum == Spectrum::kPower) {
        compute_powers(tables, spectrum);
    } else {
        compute_magnitudes(tables, spectrum);
    }
}

}  // namespace tinyaudio

#endif  // TINYAUDIO_FRONTEND_ENERGY_H_
