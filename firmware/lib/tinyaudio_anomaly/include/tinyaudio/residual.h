// The anomaly score of a patch: how far an autoencoder's output is from its input. Integers only; bit for bit that of
// tinyaudio/core/residual.py, where the formats are told.
#ifndef TINYAUDIO_RESIDUAL_H_
#define TINYAUDIO_RESIDUAL_H_

#include <stdint.h>

namespace tinyaudio {

// The two ends of the model, in nepers. Generated; |multiplier * int8| and the offset stay below 2^29, elements below 2^19.
struct ResidualScale {
    int32_t input_multiplier;   // Q20, an int8 step of the input
    int32_t output_multiplier;  // Q20, an int8 step of the output
    int32_t offset;             // Q20, of the zero points
    uint32_t elements;          // of a patch
};

// Mean square of the residual, neper^2, Q16, saturated.
uint32_t residual_mean_square(const ResidualScale& scale, const int8_t* features, const int8_t* reconstruction);

// 16 * log2(mean square) to the nearest step; -128 for 0.
int8_t residual_score(uint32_t mean_square);

}  // namespace tinyaudio

#endif  // TINYAUDIO_RESIDUAL_H_
