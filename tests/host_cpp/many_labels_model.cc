#include "model.h"

namespace tinyaudio_model {
namespace {

int8_t patch[kInputElements];
int8_t scores[kOutputElements];

}  // namespace

int8_t* input() { return patch; }

void invoke() {
    for (uint32_t label = 0; label < kOutputElements; ++label) {
        const int32_t value = patch[label * 37 % kInputElements] * 3 + static_cast<int32_t>(label);
        scores[label] = static_cast<int8_t>((value & 0xFF) - 128);
    }
}

const int8_t* output() { return scores; }

const int8_t* logits() { return scores; }

}  // namespace tinyaudio_model
