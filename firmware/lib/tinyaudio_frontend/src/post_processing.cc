// What follows the logarithm: level normalization and cosine transform.
#include "conditioning.h"
#include "tinyaudio/frontend.h"

namespace tinyaudio {
namespace {

constexpr int32_t kLevelExtraBits = 24 - kLogFractionBits;

// The exponential mean of the frames' means, this frame included, is subtracted. |log| < 55 nepers < 2^6, so that the
// difference of two levels stays below 2^31 in Q24.
void normalize_level(const FrontendTables& tables, LevelState& level, int32_t* log_mel) {
    int32_t sum = 0;  // at most 2^8 values below 2^22
    for (uint32_t band = 0; band < tables.mel_bands; ++band) {
        sum += log_mel[band];
    }
    const int32_t mean_q24 = rounded_mean(sum, tables.mel_bands) * (1 << kLevelExtraBits);
    if (level.is_started) {
        const uint32_t shift = tables.options.level_shift;
        level.mean_q24 += (mean_q24 - level.mean_q24 + ((1 << shift) >> 1)) >> shift;
    } else {
        level = {mean_q24, true};
    }
    const int32_t mean = (level.mean_q24 + (1 << (kLevelExtraBits - 1))) >> kLevelExtraBits;
    for (uint32_t band = 0; band < tables.mel_bands; ++band) {
        log_mel[band] -= mean;
    }
}

// 2^8 products of 23 bits and 31 bits: below 2^62.
void transform_cosine(const FrontendTables& tables, const int32_t* log_mel, int32_t* cepstrum) {
    const int32_t* cosine = tables.options.cosines_q30;
    for (uint32_t index = 0; index < tables.options.cepstral_coefficients; ++index) {
        int64_t sum = 1 << 29;
        for (uint32_t band = 0; band < tables.mel_bands; ++band) {
            sum += static_cast<int64_t>(*cosine++) * log_mel[band];
        }
        cepstrum[index] = static_cast<int32_t>(sum >> 30);
    }
}

}  // namespace

const int32_t* frontend_post_process(const FrontendTables& tables, const FrontendScratch& scratch, LevelState& level,
                                     int32_t* log_mel, const StageObserver* observer) {
    const int32_t* features = log_mel;
    if (tables.options.normalizes_level) {
        normalize_level(tables, level, log_mel);
    }
    if (tables.options.cepstral_coefficients != 0) {
        transform_cosine(tables, log_mel, scratch.spectrum);  // free behind the mel stage
        features = scratch.spectrum;
    }
    if (observer != nullptr) {
        observer->on_stage(observer->context, Stage::kPost, features, feature_bands(tables) * 4);
    }
    return features;
}

}  // namespace tinyaudio
