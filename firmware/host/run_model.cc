// A compiled model as a program of this computer: inferences in one file, what comes of them in another.
//
// run_model INPUTS OUTPUTS
// INPUTS: for each inference a byte, not 0 if the model is to forget all that came before, and the input.
// OUTPUTS: for each inference the logits and the output, as tinyaudio_model declares them.
#include <stdio.h>

#include "generated/model.h"

namespace {

template <typename T>
bool take(FILE* file, T* values, uint32_t count) {
    return fread(values, sizeof(T), count, file) == count;
}

template <typename T>
bool give(FILE* file, const T* values, uint32_t count) {
    return fwrite(values, sizeof(T), count, file) == count;
}

bool run(FILE* inputs, FILE* outputs) {
    for (int forget = fgetc(inputs); forget != EOF; forget = fgetc(inputs)) {
        if (forget != 0) {
            tinyaudio_model::reset();
        }
        if (!take(inputs, tinyaudio_model::input(), tinyaudio_model::kInputElements)) {
            return false;
        }
        tinyaudio_model::invoke();
        if (!give(outputs, tinyaudio_model::logits(), tinyaudio_model::kLogitsElements) ||
            !give(outputs, tinyaudio_model::output(), tinyaudio_model::kOutputElements)) {
            return false;
        }
    }
    return true;
}

}  // namespace

int main(int argument_count, char** arguments) {
    FILE* const inputs = argument_count == 3 ? fopen(arguments[1], "rb") : nullptr;
    FILE* const outputs = inputs != nullptr ? fopen(arguments[2], "wb") : nullptr;
    if (outputs == nullptr) {
        fputs("run_model INPUTS OUTPUTS: cannot open them\n", stderr);
        return 2;
    }
    const bool is_whole = run(inputs, outputs);
    return fclose(outputs) == 0 && is_whole ? 0 : 1;
}
