#include "tinyaudio/frontend.h"

#include <string.h>

#include "conditioning.h"
#include "power_sums.h"
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
        if (bins == 0) {
            return {0, 0};
        }
        const PowerSums sums = sum_power_segment(power, weight, bins);
        const uint64_t rising = (sums.high << (32 - kWeightFractionBits)) + (sums.low >> kWeightFractionBits);
        return {rising, sums.total - rising};
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

// With the gain g of a bin in its weights, r g and g, g <= 1: the falling weight is their difference. The bounds are those above.
struct WeightedSums {
    uint64_t rising;
    uint64_t total;
};

struct CorrectedPowerSegment {
    static WeightedSums sum(const int32_t*& power, const uint32_t*& rising, const uint32_t*& gain, uint32_t bins) {
        uint64_t low[2] = {0, 0};
        uint64_t high[2] = {0, 0};
        for (const uint32_t* end = rising + bins; rising != end; ++rising, ++gain, power += 2) {
            uint64_t energy;
            memcpy(&energy, power, sizeof energy);
            const uint32_t weights[2] = {*rising, *gain};
            for (uint32_t n = 0; n < 2; ++n) {
                low[n] = multiply_accumulate(low[n], weights[n], static_cast<uint32_t>(energy));
                high[n] = multiply_accumulate(high[n], weights[n], static_cast<uint32_t>(energy >> 32));
            }
        }
        return {(high[0] << (32 - kWeightFractionBits)) + (low[0] >> kWeightFractionBits),
                (high[1] << (32 - kWeightFractionBits)) + (low[1] >> kWeightFractionBits)};
    }
};

struct CorrectedMagnitudeSegment {
    static WeightedSums sum(const int32_t*& magnitude, const uint32_t*& rising, const uint32_t*& gain, uint32_t bins) {
        WeightedSums sums = {0, 0};
        for (const uint32_t* end = rising + bins; rising != end; ++rising, ++gain, ++magnitude) {
            sums.rising = multiply_accumulate(sums.rising, *rising, static_cast<uint32_t>(*magnitude));
            sums.total = multiply_accumulate(sums.total, *gain, static_cast<uint32_t>(*magnitude));
        }
        return sums;
    }
};

// As `accumulate`, with a gain for each bin.
template <typename Segment>
TINYAUDIO_STAGE void accumulate_corrected(const FrontendTables& tables, const int32_t* spectrum, uint64_t* mel) {
    const uint32_t* weight = tables.rising_weights;
    const uint32_t* gain = tables.options.bin_weights;
    const uint16_t* bins = tables.segment_bins;
    uint64_t rising = Segment::sum(spectrum, weight, gain, *bins++).rising;
    for (const uint64_t* end = mel + tables.mel_bands; mel != end; ++mel) {
        const WeightedSums sums = Segment::sum(spectrum, weight, gain, *bins++);
        *mel = rising + (sums.total - sums.rising);
        rising = sums.rising;
    }
}

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
// A band's norm n is an offset and a bias: ln(n mel + o) = ln(mel + o / n) + ln n.
template <bool kHasNorms>
TINYAUDIO_STAGE void compute_logarithms(const FrontendTables& tables, const uint64_t* mel, int32_t* log_mel) {
    constexpr int32_t kDrop = kLogTableFractionBits - kLogFractionBits;
    const int32_t* table = tables.log_table_q24;
    const uint64_t offset = tables.log_offset;
    const uint64_t* band_offset = tables.options.band_offsets;
    const int32_t* bias = tables.options.band_biases_q24;
    // Of a value whose highest bit is set, with the rounding: |.| < 2^30.
    const int32_t highest = (63 - tables.accumulator_fraction_bits) * kLn2Q24 + (1 << (kDrop - 1));
    for (uint32_t bands = tables.mel_bands; bands != 0; --bands) {
        const Normalized x = normalize(*mel++ + (kHasNorms ? *band_offset++ : offset), 1);
        const int32_t* node = table + ((x.high << 1) >> (32 - kLogSegmentBits));
        const uint32_t fraction = x.high << (1 + kLogSegmentBits);       // Q32 of the segment
        const uint32_t rise = static_cast<uint32_t>(node[1] - node[0]);  // < 2^18
        const int32_t chord = node[0] + static_cast<int32_t>((static_cast<uint64_t>(rise) * fraction) >> 32);
        const int32_t lower = highest - static_cast<int32_t>(x.shift) * kLn2Q24;
        *log_mel++ = (chord + lower + (kHasNorms ? *bias++ : 0)) >> kDrop;  // Q24: 7 integer bits
    }
}

}  // namespace

// What the options refer to is there, and fits.
static bool has_options(const FrontendTables& tables, const FrontendScratch& scratch) {
    const FrontendOptions& options = tables.options;
    const bool is_conditioned = options.gain_q24 != 0;
    return options.gain_q24 >= 0 && (is_conditioned || !options.removes_mean) &&
           (!is_conditioned || (scratch.conditioned != nullptr && scratch.conditioned_samples >= tables.window_samples)) &&
           (options.band_offsets != nullptr) == (options.band_biases_q24 != nullptr) && options.level_shift <= 12 &&
           options.cepstral_coefficients <= tables.mel_bands && options.cepstral_coefficients <= scratch.spectrum_words &&
           (options.cepstral_coefficients != 0) == (options.cosines_q30 != nullptr);
}

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
    return bins == tables.energy_bins && has_options(tables, scratch) && scratch.spectrum != nullptr && scratch.mel != nullptr &&
           scratch.spectrum_words >= n + 2 && scratch.mel_bands >= tables.mel_bands &&
           (tables.prepare_kernel == nullptr || tables.prepare_kernel(tables));
}

void frontend_compute_frame(const FrontendTables& tables, const FrontendScratch& scratch, const int16_t* samples,
                            int32_t* log_mel, const StageObserver* observer) {
    if (tables.options.gain_q24 != 0) {
        condition_samples(tables.options.removes_mean, tables.options.gain_q24, samples, tables.window_samples,
                          scratch.conditioned);
        samples = scratch.conditioned;
    }
    const int32_t* spectrum = tables.compute_energies(tables, scratch, samples, observer);
    const bool is_corrected = tables.options.bin_weights != nullptr;
    if (tables.spectrum == Spectrum::kPower) {
        report_stage(observer, Stage::kEnergy, spectrum, tables.energy_bins * 8);
        (is_corrected ? accumulate_corrected<CorrectedPowerSegment> : accumulate<PowerSegment>)(tables, spectrum, scratch.mel);
    } else {
        report_stage(observer, Stage::kEnergy, spectrum, tables.energy_bins * 4);
        (is_corrected ? accumulate_corrected<CorrectedMagnitudeSegment> : accumulate<MagnitudeSegment>)(tables, spectrum,
                                                                                                       scratch.mel);
    }
    report_stage(observer, Stage::kMel, scratch.mel, tables.mel_bands * 8);
    (tables.options.band_offsets != nullptr ? compute_logarithms<true> : compute_logarithms<false>)(tables, scratch.mel,
                                                                                                    log_mel);
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
