// Reads tables and embeddings from standard input, writes the value (uint32) and the score (int8) of each embedding.
// First argument: "distance", "forest", or "parts" for the base-2 functions alone, each of a file of uint32.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tinyaudio/one_class.h"
#include "tinyaudio/residual.h"

namespace {

// Never given back: the program ends behind its one case.
template <typename Value>
Value* read_values(uint32_t count) {
    Value* const values = static_cast<Value*>(malloc(count * sizeof(Value)));
    if (fread(values, sizeof(Value), count, stdin) != count) {
        exit(1);
    }
    return values;
}

void tell(uint32_t value, int8_t score) {
    fwrite(&value, sizeof(value), 1, stdout);
    fwrite(&score, sizeof(score), 1, stdout);
}

int score_distances() {
    const auto* const header = read_values<uint32_t>(7);  // channels, components, points, is mixed, multiplier, shift, patches
    const auto* const center = read_values<int16_t>(header[0]);
    const auto* const gain = read_values<uint16_t>(header[0]);
    const auto* const basis = read_values<int16_t>(header[0] * header[1]);
    const auto* const stretch = read_values<uint16_t>(header[1]);
    const auto* const points = read_values<int16_t>(header[2] * header[1]);
    const auto* const weights = read_values<uint16_t>(header[3] ? header[2] : 0);
    const tinyaudio::DistanceTables tables = {center, gain, basis, stretch, points,
                                              header[3] ? weights : nullptr, header[0], header[1], header[2],
                                              header[4], header[5]};
    for (uint32_t patch = 0; patch < header[6]; ++patch) {
        const auto* const embedding = read_values<int8_t>(header[0]);
        const uint32_t value = tinyaudio::distance_value(tables, embedding);
        tell(value, tinyaudio::residual_score(value));
    }
    return 0;
}

int score_forest() {
    const auto* const header = read_values<uint32_t>(6);  // channels, trees, nodes, multiplier, shift, patches
    const auto* const roots = read_values<uint16_t>(header[1]);
    const auto* const channel = read_values<int16_t>(header[2]);
    const auto* const value_of_node = read_values<int16_t>(header[2]);
    const auto* const right = read_values<uint16_t>(header[2]);
    const tinyaudio::ForestTables tables = {roots, channel, value_of_node, right,
                                            header[1],    header[3],      header[4]};
    for (uint32_t patch = 0; patch < header[5]; ++patch) {
        const auto* const embedding = read_values<int8_t>(header[0]);
        const uint32_t value = tinyaudio::forest_value(tables, embedding);
        tell(value, tinyaudio::forest_score(value));
    }
    return 0;
}

int tell_parts() {
    uint32_t value = 0;
    while (fread(&value, sizeof(value), 1, stdin) == 1) {
        const uint32_t told[2] = {tinyaudio::power_of_half(value), tinyaudio::negative_log2(value == 0 ? 1 : value)};
        fwrite(told, sizeof(told), 1, stdout);
    }
    return 0;
}

}  // namespace

int main(int argument_count, char** arguments) {
    const char* const what = argument_count == 2 ? arguments[1] : "";
    if (strcmp(what, "parts") == 0) {
        return tell_parts();
    }
    return strcmp(what, "forest") == 0 ? score_forest() : score_distances();
}
