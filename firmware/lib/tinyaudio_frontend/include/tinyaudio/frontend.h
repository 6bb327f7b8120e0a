// The log-mel front end in integers: int16 PCM in, Q16 nepers and int8 features out.
//
// It computes the very integers of the NumPy twin (tinyaudio/dsp/frontend/twin.py); docs/front_end.md derives every
// shift and Q format. Tables come from generated code, memory from the caller; nothing is allocated.
#ifndef TINYAUDIO_FRONTEND_H_
#define TINYAUDIO_FRONTEND_H_

#include <stddef.h>
#include <stdint.h>

namespace tinyaudio {

// Stages in their order; the numbers are those of the wire protocol.
enum class Stage : uint8_t { kWindow = 0, kFft = 1, kEnergy = 2, kMel = 3, kLog = 4, kPost = 5, kFeatures = 6 };

enum class Spectrum : uint8_t { kMagnitude, kPower };

// Fraction bits of the log-mel.
constexpr int32_t kLogFractionBits = 16;

// One function a stage: inlined into one another they run out of registers.
#define TINYAUDIO_STAGE __attribute__((noinline))

struct FrontendScratch;
struct FrontendTables;
struct StageObserver;

// What an FFT kernel does for a frame, called once: window, FFT and the energies of the bins that mel bands use.
// It reports the stages kWindow and kFft, and returns where in scratch.spectrum the energies lie: uint64 powers in
// Q(62 - 2 log2 fft_samples) or uint32 magnitudes in Q(32 - log2 fft_samples), whatever the kernel's own formats are.
// Without an observer it may fuse what an observer would have to see apart; the energies are the same.
using ComputeEnergies = const int32_t* (*)(const FrontendTables& tables, const FrontendScratch& scratch,
                                           const int16_t* samples, const StageObserver* observer);

// What a front end may do beyond a plain log-mel. All of it is off in a value-initialized struct.
struct FrontendOptions {
    bool removes_mean;                // of each window
    int32_t gain_q24;                 // of the samples; 0: they are taken as they are, and removes_mean is off
    const uint32_t* bin_weights;      // null, or [energy_bins], Q21: gain of each bin; rising_weights have it in them
    const uint64_t* band_offsets;     // null, or [mel_bands]: in place of log_offset
    const int32_t* band_biases_q24;   // [mel_bands] with band_offsets: added to each logarithm
    bool normalizes_level;
    uint32_t level_shift;             // time constant of the running mean: 2^level_shift frames, 0 to 12
    uint32_t cepstral_coefficients;   // 0: the features are the log-mel
    const int32_t* cosines_q30;       // [cepstral_coefficients][mel_bands]
};

// The tables of one front end, generated from its specification. All of it is constant and may lie in flash.
struct FrontendTables {
    uint8_t fingerprint[32];  // of the specification, the kernel and the version of the tables
    uint32_t window_samples;
    uint32_t fft_samples;  // power of two
    uint32_t mel_bands;
    uint32_t first_bin;    // first bin that a mel band uses
    uint32_t energy_bins;  // number of bins that mel bands use
    Spectrum spectrum;
    int32_t accumulator_fraction_bits;  // of the mel stage, spectrum at full scale 1.0
    uint64_t log_offset;                // Q(accumulator_fraction_bits), at least 1
    ComputeEnergies compute_energies;   // of the kernel, for this length and spectrum: what is not named here is not linked
    const void* kernel_tables;          // of the kernel's own type
    bool (*prepare_kernel)(const FrontendTables& tables);  // called once by frontend_init; null: nothing to do
    const uint16_t* segment_bins;    // [mel_bands + 1], bins between neighbouring edges of the mel triangles
    const uint32_t* rising_weights;  // [energy_bins], Q21
    const int32_t* log_table_q24;    // [129], ln(1 + i / 128)
    FrontendOptions options;
};

// Number of features of a frame.
inline uint32_t feature_bands(const FrontendTables& tables) {
    return tables.options.cepstral_coefficients != 0 ? tables.options.cepstral_coefficients : tables.mel_bands;
}

// The running level of a clip; a value-initialized one starts a clip.
struct LevelState {
    int32_t mean_q24;  // of the frames' mean log-mel, nepers
    bool is_started;
};

// The affine step to a model's int8 input.
struct FeatureQuantization {
    int32_t multiplier;  // 2^30 to 2^31 - 1
    int32_t shift;       // 32 to 62
    int32_t zero_point;
};

// Told of every stage of a frame, in order. `data` is valid during the call; its layout is `stage_dtypes` of the twin.
struct StageObserver {
    void* context;
    void (*on_stage)(void* context, Stage stage, const void* data, uint32_t bytes);
};

inline void report_stage(const StageObserver* observer, Stage stage, const void* data, uint32_t bytes) {
    if (observer != nullptr) {
        observer->on_stage(observer->context, stage, data, bytes);
    }
}

// Where the front end works. The stages overwrite one another in `spectrum`.
struct FrontendScratch {
    int32_t* spectrum;  // [spectrum_words]
    uint32_t spectrum_words;
    uint64_t* mel;  // [mel_bands]
    uint32_t mel_bands;
    int16_t* conditioned;  // [conditioned_samples]: the window behind mean and gain; unused where options.gain_q24 is 0
    uint32_t conditioned_samples;
};

// Memory for a FrontendScratch, sized by the constants of the generated header:
//     static tinyaudio::FrontendBuffers<kFftSamples, kMelBands, kConditionedSamples> buffers;
//     static tinyaudio::FrontendScratch scratch = buffers.scratch();
template <uint32_t kFftSamples, uint32_t kMelBands, uint32_t kConditionedSamples = 0>
struct FrontendBuffers {
    alignas(8) int32_t spectrum[kFftSamples + 2];
    uint64_t mel[kMelBands];
    int16_t conditioned[kConditionedSamples + 1];  // at least one: C++ has no empty arrays

    FrontendScratch scratch() {
        return {spectrum, kFftSamples + 2, mel, kMelBands, conditioned, kConditionedSamples};
    }
};

// Check the tables and the scratch once. The other functions check nothing.
bool frontend_init(const FrontendTables& tables, const FrontendScratch& scratch);

// Compute the log-mel of one frame.
//   samples   [window_samples]
//   log_mel   [mel_bands], nepers, Q16
//   observer  null, or told of the stages kWindow to kLog
void frontend_compute_frame(const FrontendTables& tables, const FrontendScratch& scratch, const int16_t* samples,
                            int32_t* log_mel, const StageObserver* observer);

// Level normalization, in place, and cosine transform of the log-mel that frontend_compute_frame just left, where they
// are on. Returns what quantize_features is to take: feature_bands(tables) values in nepers, Q16, valid until the next
// frame. `level` goes on by one frame: who computes a frame again starts from the same level again.
//   observer  null, or told of the stage kPost
const int32_t* frontend_post_process(const FrontendTables& tables, const FrontendScratch& scratch, LevelState& level,
                                     int32_t* log_mel, const StageObserver* observer);

// features = saturate(zero_point + floor(log_mel * multiplier / 2^shift + 1/2)) for `count` values.
void quantize_features(const FeatureQuantization& quantization, const int32_t* log_mel, uint32_t count,
                       int8_t* features);

}  // namespace tinyaudio

#endif  // TINYAUDIO_FRONTEND_H_
