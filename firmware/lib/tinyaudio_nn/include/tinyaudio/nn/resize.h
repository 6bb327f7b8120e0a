// Images in another size, channels last. Which input rows and columns an output pixel takes was worked out while compiling.
#pragma once

#include <stdint.h>

namespace tinyaudio {
namespace nn {

struct ResizePositions {
    const int16_t* rows;     // nearest: [output_height]; bilinear: [output_height][3]: upper row, lower row, 1024 * distance from the upper one
    const int16_t* columns;  // the same for columns
};

struct ResizeSizes {
    int32_t input_width;
    int32_t channels;
    int32_t output_height;
    int32_t output_width;
};

void resize_nearest(const int8_t* input, int8_t* output, const ResizePositions& positions, const ResizeSizes& sizes);
void resize_bilinear(const int8_t* input, int8_t* output, const ResizePositions& positions, const ResizeSizes& sizes);

}  // namespace nn
}  // namespace tinyaudio
