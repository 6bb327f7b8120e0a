// Rows of an image as int16, with their padding.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/dsp.h"

namespace tinyaudio {
namespace nn {

// Where a row comes from: the padding on the left, the image, the padding on the right; in values.
struct PaddedRow {
    int32_t left;
    int32_t image_end;
    int32_t end;
    int32_t zero_point;
};

// Four values as two pairs (`target` is aligned to 4), in the order in which SXTB16 unpacks them: the inner two change places.
inline void spread_four(const int8_t* source, int16_t* target) {
    const uint32_t word = load_word(source);
    store_two_words(target, sxtb16(word), sxtb16_ror8(word));
}

// `count`, even, values of padding.
inline int16_t* fill_padding(int16_t* target, int32_t count, uint32_t padding) {
    for (; count > 0; count -= 2) {
        store_word(target, padding);
        target += 2;
    }
    return target;
}

// A row in groups of four; all counts are multiples of four. One function for all shapes.
__attribute__((noinline)) inline void load_row_of_pairs(const int8_t* source, int16_t* target, const PaddedRow& parts) {
    const uint32_t half = static_cast<uint32_t>(parts.zero_point) & 0xffffu;
    const uint32_t padding = half | half << 16;
    const int32_t behind = parts.end - parts.image_end;
    int32_t count = parts.image_end - parts.left;
    target = fill_padding(target, parts.left, padding);
    for (; count >= 16; count -= 16) {
        spread_four(source, target);
        spread_four(source + 4, target + 4);
        spread_four(source + 8, target + 8);
        spread_four(source + 12, target + 12);
        source += 16;
        target += 16;
    }
    for (; count > 0; count -= 4) {
        spread_four(source, target);
        source += 4;
        target += 4;
    }
    fill_padding(target, behind, padding);
}

// The values in their order.
inline void load_plain_row(const int8_t* source, int16_t* target, const PaddedRow& parts) {
    int32_t index = 0;
    for (; index < parts.left; ++index) {
        target[index] = static_cast<int16_t>(parts.zero_point);
    }
    for (; index < parts.image_end; ++index) {
        target[index] = *source++;
    }
    for (; index < parts.end; ++index) {
        target[index] = static_cast<int16_t>(parts.zero_point);
    }
}

}  // namespace nn
}  // namespace tinyaudio
