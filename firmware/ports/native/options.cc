#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace tinyaudio {
namespace native {

namespace {

bool take_gap(const char* text, Options* options) {
    unsigned position = 0;
    unsigned samples = 0;
    char rest = 0;
    if (options->gap_count == kMaxGaps || sscanf(text, "%u:%u%c", &position, &samples, &rest) != 2 || samples == 0) {
        return false;
    }
    if (options->gap_count > 0) {
        const Gap& before = options->gaps[options->gap_count - 1];
        if (position < before.position_samples + before.samples) {
            return false;
        }
    }
    options->gaps[options->gap_count++] = {position, samples};
    return true;
}

bool take_option(const char* name, const char* value, Options* options) {
    if (strcmp(name, "--microphone") == 0) {
        options->microphone = value;
        return true;
    }
    if (strcmp(name, "--settings") == 0) {
        options->settings = value;
        return true;
    }
    if (strcmp(name, "--microphone-speed") == 0) {
        options->microphone_speed = atof(value);
        return options->microphone_speed > 0;
    }
    return strcmp(name, "--lose") == 0 && take_gap(value, options);
}

}  // namespace

bool read_options(int argument_count, char** arguments, Options* options) {
    *options = {};
    for (int index = 1; index < argument_count; index += 2) {
        if (index + 1 == argument_count || !take_option(arguments[index], arguments[index + 1], options)) {
            fprintf(stderr, "not understood: %s\n", arguments[index]);
            return false;
        }
    }
    if (options->gap_count > 0 && options->microphone_speed > 0) {
        fprintf(stderr, "--lose does not go with --microphone-speed, which loses samples by itself\n");
        return false;
    }
    return true;
}

}  // namespace native
}  // namespace tinyaudio
