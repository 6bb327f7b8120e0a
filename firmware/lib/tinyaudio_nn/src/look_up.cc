#include "tinyaudio/nn/look_up.h"

namespace tinyaudio {
namespace nn {

void look_up(const int8_t* input, int8_t* output, const int8_t* table, int32_t count) {
    for (int32_t index = 0; index < count; ++index) {
        output[index] = table[static_cast<uint8_t>(input[index])];
    }
}

}  // namespace nn
}  // namespace tinyaudio
