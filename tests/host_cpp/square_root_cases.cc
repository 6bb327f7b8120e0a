// Reads uint64 energies from standard input, writes floor(sqrt(4 * energy)) as uint32.
#include <stdio.h>

#include "tinyaudio/square_root.h"

int main() {
    uint64_t energy;
    while (fread(&energy, sizeof energy, 1, stdin) == 1) {
        const uint32_t root = tinyaudio::floor_square_root_of_four_times(energy);
        fwrite(&root, sizeof root, 1, stdout);
    }
    return 0;
}
