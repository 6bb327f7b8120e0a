// An autoencoder and the residual behind it, as one model that has a score for its output.
#ifndef TINYAUDIO_PATCH_SCORE_H_
#define TINYAUDIO_PATCH_SCORE_H_

#include <stdint.h>

#include "tinyaudio/residual.h"

namespace tinyaudio {

// A compiled autoencoder. invoke() may overwrite what input() points to.
struct Autoencoder {
    int8_t* (*input)();
    void (*invoke)();
    const int8_t* (*output)();
};

struct PatchScore {
    int8_t score;
    int8_t value_bytes[4];  // what the score is the logarithm of: uint32, little-endian, Q16; of a residual neper^2
};

// Returns both together.
PatchScore told(uint32_t value, int8_t score);

// Runs `autoencoder` on `patch` [scale.elements], which stays as it is.
PatchScore score_patch(const Autoencoder& autoencoder, const ResidualScale& scale, const int8_t* patch);

}  // namespace tinyaudio

#endif  // TINYAUDIO_PATCH_SCORE_H_
