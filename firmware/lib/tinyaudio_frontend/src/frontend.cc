#include "tinyaudio/frontend.h"

#include <string.h>

#include "arithmetic.h"
#include "square_root.h"

namespace tinyaudio {
namespace {

constexpr uint32_t kWeightFractionBits = 21;
constexpr uint32_t kLogSegmentBits = 7;  // 128 segments an octave
constexpr int32_t kLogTableFractionBits = 24;
constexpr int32_t kLn2Q24 = 11629080;

// One function a stage: inlined into one another they run out of registers.
#define TINYAUDIO_STAGE __attribute__((noinline))

void report(const StageObserver* observer, Stage stage, const void* data, uint32_t bytes) {
    if (observer != nullptr) {
        observer->on_stage(observer->context, stage, data, bytes);
    }
}

// Q15 samples x Q31 window, zeros behind.
TINYAUDIO_STAGE void apply_window(const FrontendTables& tables, const int16_t* samples, int32_t* out) {
    const int32_t* window = tables.window_q31;
    for (uint32_t pairs = tables.window_samples / 2; pairs != 0; --pairs, samples += 2, window += 2, out += 2) {
        uint32_t pair;
        memcpy(&pair, samples, sizeof pair);
        const int32_t even = multiply_lower(window[0], pair);  // Q15 x Q31 = Q46; >> 16 = Q30, |.| <= 2^30
        const int32_t odd = multiply_upper(window[1], pair);
        out[0] = even * 2;  // Q31
        out[1] = odd * 2;
    }
    const uint32_t zeros = tables.fft_samples - tables.window_samples;
    if (tables.window_samples % 2 != 0) {
        *out++ = multiply_lower(*window, static_cast<uint16_t>(*samples)) * 2;
    }
    memset(out, 0, zeros * sizeof *out);
}

// From the complex FFT Z of L = fft_samples / 2 points, in place, to bins 0 to L of the real FFT X, divided by 2:
//     X[k] = A Z[k] + B conj(Z[L - k])
// Bins k and L - k share their coefficients but for the sign of A2, so a pair is computed at once. Products round one by
// one, in any order, as in CMSIS's arm_split_rfft_q31: the result is that of arm_rfft_q31, bit for bit, without its second
// buffer and its 64 KB of tables. |Z| <= 2^30, |A|, |B| <= 1 and their sum is X: no step exceeds 2^31.
TINYAUDIO_STAGE void split(const FrontendTables& tables, int32_t* spectrum) {
    const uint32_t points = tables.fft_samples / 2;
    const int32_t* coefficients = tables.split_q31;
    for (uint32_t k = 1; k <= points / 2; ++k, coefficients += 3) {
        int32_t* lower = spectrum + 2 * k;
        int32_t* upper = spectrum + 2 * (points - k);
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
    const int32_t even = spectrum[0];
    const int32_t odd = spectrum[1];
    spectrum[0] = (even + odd) >> 1;  // |even|, |odd| < 2^30: the window's mean is below 1/2
    spectrum[1] = 0;
    spectrum[2 * points] = (even - odd) >> 1;
    spectrum[2 * points + 1] = 0;
}

// re^2 + im^2 < 2^61 for |re + j im| <= 2^30.
inline uint64_t energy_of(const int32_t* bin) {
    return static_cast<uint64_t>(static_cast<int64_t>(bin[0]) * bin[0] + static_cast<int64_t>(bin[1]) * bin[1]);
}

// In place: uint64 where the bin's real and imaginary parts were, moved to the front.
TINYAUDIO_STAGE void compute_power(const FrontendTables& tables, int32_t* spectrum) {
    const int32_t* bin = spectrum + 2 * tables.first_bin;
    const int32_t* end = bin + 2 * tables.energy_bins;
    for (int32_t* out = spectrum; bin != end; bin += 2, out += 2) {
        const uint64_t energy = energy_of(bin);
        memcpy(out, &energy, sizeof energy);
    }
}

// In place: uint32, Q one bit finer than the FFT's; sqrt(4 * 2^61) < 2^32.
TINYAUDIO_STAGE void compute_magnitude(const FrontendTables& tables, int32_t* spectrum) {
    const int32_t* bin = spectrum + 2 * tables.first_bin;
    int32_t* out = spectrum;
    for (uint32_t n = tables.energy_bins; n != 0; --n, bin += 2, ++out) {
        const uint64_t energy = energy_of(bin);
        *out = static_cast<int32_t>(energy == 0 ? 0 : floor_square_root_of_four_times(energy));
    }
}

// The sums over one segment of the spectrum, between two neighbouring edges of the mel triangles.
struct SegmentSums {
    uint64_t rising;   // of weight x spectrum
    uint64_t falling;  // of (1 - weight) x spectrum
};

// The power of all bins together is below 2^61 (Parseval), and so is every sum of it under weights up to 1.
struct PowerSegment {
    static SegmentSums sum(const int32_t*& power, const uint32_t*& weight, uint32_t bins) {
        uint64_t rising_low = 0;
        uint64_t rising_high = 0;
        uint64_t total = 0;
        for (const uint32_t* end = weight + bins; weight != end; ++weight, power += 2) {
            uint64_t energy;
            memcpy(&energy, power, sizeof energy);
            total += energy;
            // Q21 x 32 bits, at most 2^11 bins: < 2^64
            rising_low = multiply_accumulate(rising_low, *weight, static_cast<uint32_t>(energy));
            rising_high = multiply_accumulate(rising_high, *weight, static_cast<uint32_t>(energy >> 32));
        }
        const uint64_t rising = (rising_high << (32 - kWeightFractionBits)) + (rising_low >> kWeightFractionBits);
        return {rising, total - rising};
    }
};

// Q21 x magnitudes < 2^32, at most 2^11 bins: < 2^64.
struct MagnitudeSegment {
    static SegmentSums sum(const int32_t*& magnitude, const uint32_t*& weight, uint32_t bins) {
        uint64_t rising = 0;
        uint64_t total = 0;
        for (const uint32_t* end = weight + bins; weight != end; ++weight, ++magnitude) {
            total += static_cast<uint32_t>(*magnitude);
            rising = multiply_accumulate(rising, *weight, static_cast<uint32_t>(*magnitude));
        }
        return {rising, (total << kWeightFractionBits) - rising};
    }
};

// Band b rises over segment b and falls over segment b + 1.
template <typename Segment>
TINYAUDIO_STAGE void accumulate(const FrontendTables& tables, const int32_t* spectrum, uint64_t* mel) {
    const uint32_t* weight = tables.rising_weights;
    const uint16_t* bins = tables.segment_bins;
    uint64_t rising = Segment::sum(spectrum, weight, *bins++).rising;
    for (const uint64_t* end = mel + tables.mel_bands; mel != end; ++mel) {
        const SegmentSums sums = Segment::sum(spectrum, weight, *bins++);
        *mel = rising + sums.falling;
        rising = sums.rising;
    }
}

// ln((mel + offset) / 2^accumulator_fraction_bits) in Q16: exponent x ln 2 and a chord of the table. |ln| < 45 < 2^6.
TINYAUDIO_STAGE void compute_logarithms(const FrontendTables& tables, const uint64_t* mel, int32_t* log_mel) {
    constexpr int32_t kDrop = kLogTableFractionBits - kLogFractionBits;
    const int32_t* table = tables.log_table_q24;
    const uint64_t offset = tables.log_offset;
    const int32_t highest_exponent = 63 - tables.accumulator_fraction_bits;
    for (uint32_t bands = tables.mel_bands; bands != 0; --bands) {
        const Normalized x = normalize(*mel++ + offset, 1);
        const int32_t* node = table + ((x.high << 1) >> (32 - kLogSegmentBits));
        const uint32_t fraction = x.high << (1 + kLogSegmentBits);       // Q32 of the segment
        const uint32_t rise = static_cast<uint32_t>(node[1] - node[0]);  // < 2^18
        const int32_t chord = node[0] + static_cast<int32_t>((static_cast<uint64_t>(rise) * fraction) >> 32);
        const int32_t exponent = highest_exponent - static_cast<int32_t>(x.shift);
        const int32_t result = chord + exponent * kLn2Q24;  // Q24: 6 integer bits and the sign fit
        *log_mel++ = (result + (1 << (kDrop - 1))) >> kDrop;
    }
}

}  // namespace

bool frontend_init(const FrontendTables& tables, const FrontendScratch& scratch) {
    const uint32_t n = tables.fft_samples;
    if (n < 64 || n > 4096 || (n & (n - 1)) != 0 || tables.window_samples < 2 || tables.window_samples > n) {
        return false;
    }
    if (tables.complex_fft == nullptr || tables.window_q31 == nullptr || tables.split_q31 == nullptr ||
        tables.segment_bins == nullptr || tables.rising_weights == nullptr || tables.log_table_q24 == nullptr) {
        return false;
    }
    if (tables.spectrum != Spectrum::kMagnitude && tables.spectrum != Spectrum::kPower) {
        return false;
    }
    if (tables.mel_bands == 0 || tables.log_offset == 0 || tables.first_bin + tables.energy_bins > n / 2 + 1) {
        return false;
    }
    uint32_t bins = 0;
    for (uint32_t segment = 0; segment <= tables.mel_bands; ++segment) {
        bins += tables.segment_bins[segment];
    }
    return bins == tables.energy_bins && scratch.spectrum != nullptr && scratch.mel != nullptr &&
           scratch.spectrum_words >= n + 2 && scratch.mel_bands >= tables.mel_bands;
}

void frontend_compute_frame(const FrontendTables& tables, const FrontendScratch& scratch, const int16_t* samples,
                            int32_t* log_mel, const StageObserver* observer) {
    int32_t* spectrum = scratch.spectrum;
    apply_window(tables, samples, spectrum);
    report(observer, Stage::kWindow, spectrum, tables.fft_samples * 4);
    tables.complex_fft(spectrum);  // Q31, divided by fft_samples / 2
    split(tables, spectrum);       // divided by 2 more: Q(31 - log2 fft_samples), fft_samples / 2 + 1 bins
    report(observer, Stage::kFft, spectrum, (tables.fft_samples + 2) * 4);
    if (tables.spectrum == Spectrum::kPower) {
        compute_power(tables, spectrum);
        report(observer, Stage::kEnergy, spectrum, tables.energy_bins * 8);
        accumulate<PowerSegment>(tables, spectrum, scratch.mel);
    } else {
        compute_magnitude(tables, spectrum);
        report(observer, Stage::kEnergy, spectrum, tables.energy_bins * 4);
        accumulate<MagnitudeSegment>(tables, spectrum, scratch.mel);
    }
    report(observer, Stage::kMel, scratch.mel, tables.mel_bands * 8);
    compute_logarithms(tables, scratch.mel, log_mel);
    report(observer, Stage::kLog, log_mel, tables.mel_bands * 4);
}

void quantize_features(const FeatureQuantization& quantization, const int32_t* log_mel, uint32_t count,
                       int8_t* features) {
    const int64_t half = static_cast<int64_t>(1) << (quantization.shift - 1);
    for (uint32_t n = 0; n < count; ++n) {
        const int64_t product = half + static_cast<int64_t>(log_mel[n]) * quantization.multiplier;  // |.| < 2^62 + 2^61
        // The shift is at least 32, so the lower half is dropped first: one SMLAL and one shift.
        const int32_t rounded = static_cast<int32_t>(product >> 32) >> (quantization.shift - 32);
        const int32_t value = rounded + quantization.zero_point;  // |rounded| <= 2^30
        features[n] = static_cast<int8_t>(value < -128 ? -128 : (value > 127 ? 127 : value));
    }
}

}  // namespace tinyaudio
