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
enum class Stage : uint8_t { kWindow = 0, kFft = 1, kEnergy = 2, kMel = 3, kLog = 4, kFeatures = 5 };

enum class Spectrum : uint8_t { kMagnitude, kPower };

// Fraction bits of the log-mel.
constexpr int32_t kLogFractionBits = 16;

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
    // The kernel: complex FFT of fft_samples / 2 points in place, natural order, divided by the number of points.
    void (*complex_fft)(int32_t* data);
    const int32_t* window_q31;       // [window_samples]
    const int32_t* split_q31;        // [fft_samples / 4][3], A1, A2, B1 of bins 1 to fft_samples / 4
    const uint16_t* segment_bins;    // [mel_bands + 1], bins between neighbouring edges of the mel triangles
    const uint32_t* rising_weights;  // [energy_bins], Q21
    const int32_t* log_table_q24;    // [129], ln(1 + i / 128)
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

// Where the front end works. The stages overwrite one another in `spectrum`.
struct FrontendScratch {
    int32_t* spectrum;  // [spectrum_words]
    uint32_t spectrum_words;
    uint64_t* mel;  // [mel_bands]
    uint32_t mel_bands;
};

// Memory for a FrontendScratch, sized by the constants of the generated header:
//     static tinyaudio::FrontendBuffers<kFftSamples, kMelBands> buffers;
//     static tinyaudio::FrontendScratch scratch = buffers.scratch();
template <uint32_t kFftSamples, uint32_t kMelBands>
struct FrontendBuffers {
    alignas(8) int32_t spectrum[kFftSamples + 2];
    uint64_t mel[kMelBands];

    FrontendScratch scratch() { return {spectrum, kFftSamples + 2, mel, kMelBands}; }
};

// Check the tables and the scratch once. The other functions check nothing.
bool frontend_init(const FrontendTables& tables, const FrontendScratch& scratch);

// Compute the log-mel of one frame.
//   samples   [window_samples]
//   log_mel   [mel_bands], nepers, Q16
//   observer  null, or told of the stages kWindow to kLog
void frontend_compute_frame(const FrontendTables& tables, const FrontendScratch& scratch, const int16_t* samples,
                            int32_t* log_mel, const StageObserver* observer);

// features = saturate(zero_point + floor(log_mel * multiplier / 2^shift + 1/2)) for `count` values.
void quantize_features(const FeatureQuantization& quantization, const int32_t* log_mel, uint32_t count,
                       int8_t* features);

}  // namespace tinyaudio

#endif  // TINYAUDIO_FRONTEND_H_
