#include "tinyaudio/frontend.h"

#include <string.h>

#include "tinyaudio/arithmetic.h"

namespace tinyaudio {
namespace {

constexpr uint32_t kWeightFractionBits = 21;
constexpr uint32_t kLogSegmentBits = 7;  // 128 segments an octave
constexpr int32_t kLogTableFractionBits = 24;
constexpr int32_t kLn2Q24 = 11629080;

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
    if (tables.compute_energies == nullptr || tables.kernel_tables == nullptr || tables.segment_bins == nullptr ||
        tables.rising_weights == nullptr || tables.log_table_q24 == nullptr) {
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
    const int32_t* spectrum = scratch.spectrum;
    tables.compute_energies(tables, scratch, samples, observer);
    if (tables.spectrum == Spectrum::kPower) {
        report_stage(observer, Stage::kEnergy, spectrum, tables.energy_bins * 8);
        accumulate<PowerSegment>(tables, spectrum, scratch.mel);
    } else {
        report_stage(observer, Stage::kEnergy, spectrum, tables.energy_bins * 4);
        accumulate<MagnitudeSegment>(tables, spectrum, scratch.mel);
    }
    report_stage(observer, Stage::kMel, scratch.mel, tables.mel_bands * 8);
    compute_logarithms(tables, scratch.mel, log_mel);
    report_stage(observer, Stage::kLog, log_mel, tables.mel_bands * 4);
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
