// Reads one case from standard input (four integers of the scale, patches, features, reconstructions) and writes the mean
// square and the score of each patch; without a case, the scores of mean squares that stand on standard input.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tinyaudio/residual.h"

namespace {

template <typename Value>
bool read_values(Value* values, uint32_t count) {
    return fread(values, sizeof(Value), count, stdin) == count;
}

int score_all() {
    uint32_t mean_square = 0;
    while (read_values(&mean_square, 1)) {
        const int8_t score = tinyaudio::residual_score(mean_square);
        fwrite(&score, 1, 1, stdout);
    }
    return 0;
}

}  // namespace

int main(int argument_count, char** arguments) {
    if (argument_count == 2 && strcmp(arguments[1], "scores") == 0) {
        return score_all();
    }
    tinyaudio::ResidualScale scale;
    uint32_t patches = 0;
    if (!read_values(&scale, 1) || !read_values(&patches, 1)) {
        return 1;
    }
    const uint32_t bytes = patches * scale.elements;
    int8_t* const features = static_cast<int8_t*>(malloc(bytes));
    int8_t* const reconstructions = static_cast<int8_t*>(malloc(bytes));
    if (!read_values(features, bytes) || !read_values(reconstructions, bytes)) {
        return 1;
    }
    for (uint32_t patch = 0; patch < patches; ++patch) {
        const uint32_t start = patch * scale.elements;
        const uint32_t mean_square = tinyaudio::residual_mean_square(scale, features + start, reconstructions + start);
        fwrite(&mean_square, sizeof(mean_square), 1, stdout);
    }
    free(features);
    free(reconstructions);
    return 0;
}
