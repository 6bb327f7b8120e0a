// Puts feature frames together to the model's inputs.
#ifndef TINYAUDIO_PATCH_ASSEMBLER_H_
#define TINYAUDIO_PATCH_ASSEMBLER_H_

#include <stdint.h>

namespace tinyaudio {

// How the model wants a patch.
enum class PatchLayout : uint8_t {
    kFramesFirst,  // [patch_frames][feature_bands]
    kBandsFirst,   // [feature_bands][patch_frames]
};

// A ring of the last `patch_frames` feature frames. Patch p spans the frames from p * patch_hop_frames on.
struct PatchAssembler {
    int8_t* features;  // [patch_frames][feature_bands]
    uint32_t patch_frames;
    uint32_t patch_hop_frames;  // 1 to patch_frames
    uint32_t feature_bands;
    PatchLayout layout;
    uint32_t next_row;            // where the next frame goes: the oldest frame, once the ring is full
    uint32_t frames_until_patch;  // frames still to come for the next patch
};

// Forgets all frames: the next one is frame 0.
void patch_assembler_restart(PatchAssembler& assembler);

// Where the next feature frame, `feature_bands` values, is to be written before patch_assembler_push.
int8_t* patch_assembler_row(PatchAssembler& assembler);

// Takes the frame written to patch_assembler_row. Returns whether it completes a patch.
bool patch_assembler_push(PatchAssembler& assembler);

// Copies the last patch_frames frames, the oldest first, in the model's layout; call it when patch_assembler_push
// returned true.
void patch_assembler_copy(const PatchAssembler& assembler, int8_t* patch);

}  // namespace tinyaudio

#endif  // TINYAUDIO_PATCH_ASSEMBLER_H_
