#include "tinyaudio/patch_score.h"

#include <string.h>

namespace tinyaudio {

PatchScore told(uint32_t value, int8_t score) {
    PatchScore result;
    result.score = score;
    static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "told as it lies in memory");
    memcpy(result.value_bytes, &value, sizeof(value));
    return result;
}

PatchScore score_patch(const Autoencoder& autoencoder, const ResidualScale& scale, const int8_t* patch) {
    memcpy(autoencoder.input(), patch, scale.elements);
    autoencoder.invoke();
    const uint32_t mean_square = residual_mean_square(scale, patch, autoencoder.output());
    return told(mean_square, residual_score(mean_square));
}

}  // namespace tinyaudio
