// Explicit padding of up to four dimensions with the zero point.
#pragma once

#include <stdint.h>
#include <string.h>

namespace tinyaudio {
namespace nn {

// Shape: kInputBatch/Height/Width/Channels, kOutputHeight/Width/Channels and kPaddingBatch/Top/Left/Channel (in front),
// kOutputElements, kZeroPoint.
template <typename Shape>
void pad(const int8_t* input, int8_t* output) {
    memset(output, Shape::kZeroPoint, Shape::kOutputElements);
    for (int32_t batch = 0; batch < Shape::kInputBatch; ++batch) {
        for (int32_t y = 0; y < Shape::kInputHeight; ++y) {
            for (int32_t x = 0; x < Shape::kInputWidth; ++x) {
                const int32_t row = (batch + Shape::kPaddingBatch) * Shape::kOutputHeight + y + Shape::kPaddingTop;
                const int32_t pixel = row * Shape::kOutputWidth + x + Shape::kPaddingLeft;
                memcpy(output + pixel * Shape::kOutputChannels + Shape::kPaddingChannel, input, Shape::kInputChannels);
                input += Shape::kInputChannels;
            }
        }
    }
}

}  // namespace nn
}  // namespace tinyaudio
