#include "tinyaudio/patch_score.h"

#include <string.h>

namespace tinyaudio {

PatchScore score_patch(const Autoencoder& autoencoder, const ResidualScale& scale, const int8_t* patch) {
    memcpy(autoencoder.input(), patch, scale.elements);
    autoencoder.invoke();
    const uint32_t mean_square = residual_mean_square(scale, patch, autoencoder.output());
    PatchScore result;
    result.score = residual_score(mean_square);
    static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "told as it lies in memory");
    memcpy(result.mean_square_bytes, &mean_square, sizeof(mean_square));
    return result;
}

}  // namespace tinyaudio
