// The scalar product of two rows of bytes.
#pragma once

#include "tinyaudio/nn/dsp.h"

namespace tinyaudio {
namespace nn {

// sum + the products of `count` values and weights, four at a time.
inline int32_t dot_product(const int8_t* values, const int8_t* weights, int32_t count, int32_t sum) {
    int32_t index = 0;
#if TINYAUDIO_NN_DSP
    for (; index + 4 <= count; index += 4) {
        const uint32_t four = load_word(values + index);
        const uint32_t factors = load_word(weights + index);
        sum = smlad(sxtb16(four), sxtb16(factors), sum);
        sum = smlad(sxtb16_ror8(four), sxtb16_ror8(factors), sum);
    }
#endif
    for (; index < count; ++index) {
        sum += values[index] * weights[index];
    }
    return sum;
}

}  // namespace nn
}  // namespace tinyaudio
