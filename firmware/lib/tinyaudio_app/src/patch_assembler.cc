#include "tinyaudio/patch_assembler.h"

#include <string.h>

namespace tinyaudio {

void patch_assembler_restart(PatchAssembler& assembler) {
    assembler.next_row = 0;
    assembler.frames_until_patch = assembler.patch_frames;
}

int8_t* patch_assembler_row(PatchAssembler& assembler) {
    return assembler.features + assembler.next_row * assembler.feature_bands;
}

bool patch_assembler_push(PatchAssembler& assembler) {
    ++assembler.next_row;
    if (assembler.next_row == assembler.patch_frames) {
        assembler.next_row = 0;
    }
    --assembler.frames_until_patch;
    if (assembler.frames_until_patch > 0) {
        return false;
    }
    assembler.frames_until_patch = assembler.patch_hop_frames;
    return true;
}

static void copy_bands_first(const PatchAssembler& assembler, int8_t* patch) {
    uint32_t row = assembler.next_row;
    for (uint32_t frame = 0; frame < assembler.patch_frames; ++frame) {
        const int8_t* const features = assembler.features + row * assembler.feature_bands;
        for (uint32_t band = 0; band < assembler.feature_bands; ++band) {
            patch[band * assembler.patch_frames + frame] = features[band];
        }
        row = row + 1 == assembler.patch_frames ? 0 : row + 1;
    }
}

void patch_assembler_copy(const PatchAssembler& assembler, int8_t* patch) {
    if (assembler.layout == PatchLayout::kBandsFirst) {
        copy_bands_first(assembler, patch);
        return;
    }
    const uint32_t newer_bytes = assembler.next_row * assembler.feature_bands;
    const uint32_t older_bytes = (assembler.patch_frames - assembler.next_row) * assembler.feature_bands;
    memcpy(patch, assembler.features + newer_bytes, older_bytes);
    memcpy(patch + older_bytes, assembler.features, newer_bytes);
}

}  // namespace tinyaudio
