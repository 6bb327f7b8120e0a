// The parts of the kernel esp_sc16, over standard input to standard output; arguments: mode, points.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsps_fft2r_sc16.h"
#include "tinyaudio/esp_sc16.h"

static int16_t table[4096];
static int16_t narrow[2 * 4096];
static int32_t rotations[6 * 512];
static int32_t wide[2 * 2048];

int main(int argument_count, char** arguments) {
    if (argument_count != 3) {
        return 2;
    }
    const char* mode = arguments[1];
    const int points = atoi(arguments[2]);
    if (strcmp(mode, "uninitialized") == 0) {
        return dsps_fft2r_sc16_ansi(narrow, points) != 0 ? 0 : 1;
    }
    if (strcmp(mode, "prepare") == 0) {  // of the expected twiddles from standard input: exits with 1 if refused
        const size_t count = static_cast<size_t>(points);
        int16_t* expected = narrow;
        return fread(expected, 2, count, stdin) == count &&
                       tinyaudio::esp_sc16_prepare(expected, table, static_cast<uint32_t>(points))
                   ? 0
                   : 1;
    }
    if (strcmp(mode, "complex") == 0) {  // the rotations, then frames
        const size_t quarter = static_cast<size_t>(points) / 4;
        if (dsps_fft2r_init_sc16(table, points / 4) != 0 || fread(rotations, 4, 6 * quarter, stdin) != 6 * quarter) {
            return 3;
        }
        while (fread(wide, 8, static_cast<size_t>(points), stdin) == static_cast<size_t>(points)) {
            tinyaudio::esp_sc16_complex_fft(rotations, wide, static_cast<uint32_t>(points));
            fwrite(wide, 8, static_cast<size_t>(points), stdout);
        }
        return 0;
    }
    if (dsps_fft2r_init_sc16(table, points) != 0) {
        return 3;
    }
    if (strcmp(mode, "table") == 0) {
        fwrite(table, 2, static_cast<size_t>(points), stdout);
        return 0;
    }
    while (fread(narrow, 4, static_cast<size_t>(points), stdin) == static_cast<size_t>(points)) {
        if (dsps_fft2r_sc16_ansi(narrow, points) != 0) {
            return 4;
        }
        fwrite(narrow, 4, static_cast<size_t>(points), stdout);
    }
    return 0;
}
