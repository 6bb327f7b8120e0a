#include "tinyaudio/patch_assembler.h"

#include <string.h>

namespace tinyaudio {

void patch_assembler_restart(PatchAssembler& assembler) {
    assembler.next_row = 0;
    assembler.frames_until_patch = assembler.patch_frames;
}

int8_t* patch_assembler_row(PatchAssembler& assembler) {
    return assembler.features + assembler.next_row * assembler.mel_bands;
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

void patch_assembler_copy(const PatchAssembler& assembler, int8_t* patch) {
    const uint32_t newer_bytes = assembler.next_row * assembler.mel_bands;
    const uint32_t older_bytes = (assembler.patch_frames - assembler.next_row) * assembler.mel_bands;
    memcpy(patch, assembler.features + newer_bytes, older_bytes);
    memcpy(patch + older_bytes, assembler.features, newer_bytes);
}

}  // namespace tinyaudio
