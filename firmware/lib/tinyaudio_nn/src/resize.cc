#include "tinyaudio/nn/resize.h"

#include <string.h>

namespace tinyaudio {
namespace nn {
namespace {

constexpr int32_t kOne = 1 << 10;  // of a weight; products of two have 20 fraction bits

// round(value / 2^20), ties away from zero; |value| stays below 2^30, for the four weights add up to 2^20
int32_t rounded(int32_t value) { return (value + (value > 0 ? kOne * kOne / 2 : -kOne * kOne / 2)) / (kOne * kOne); }

}  // namespace

void resize_nearest(const int8_t* input, int8_t* output, const ResizePositions& positions, const ResizeSizes& sizes) {
    for (int32_t y = 0; y < sizes.output_height; ++y) {
        const int8_t* const row = input + positions.rows[y] * sizes.input_width * sizes.channels;
        for (int32_t x = 0; x < sizes.output_width; ++x) {
            memcpy(output, row + positions.columns[x] * sizes.channels, static_cast<size_t>(sizes.channels));
            output += sizes.channels;
        }
    }
}

void resize_bilinear(const int8_t* input, int8_t* output, const ResizePositions& positions, const ResizeSizes& sizes) {
    for (int32_t y = 0; y < sizes.output_height; ++y) {
        const int16_t* const rows = positions.rows + 3 * y;
        const int8_t* const upper = input + rows[0] * sizes.input_width * sizes.channels;
        const int8_t* const lower = input + rows[1] * sizes.input_width * sizes.channels;
        for (int32_t x = 0; x < sizes.output_width; ++x) {
            const int16_t* const columns = positions.columns + 3 * x;
            const int32_t left = columns[0] * sizes.channels;
            const int32_t right = columns[1] * sizes.channels;
            for (int32_t channel = 0; channel < sizes.channels; ++channel) {
                const int32_t above = upper[left + channel] * (kOne - columns[2]) + upper[right + channel] * columns[2];
                const int32_t below = lower[left + channel] * (kOne - columns[2]) + lower[right + channel] * columns[2];
                *output++ = static_cast<int8_t>(rounded(above * (kOne - rows[2]) + below * rows[2]));
            }
        }
    }
}

}  // namespace nn
}  // namespace tinyaudio
