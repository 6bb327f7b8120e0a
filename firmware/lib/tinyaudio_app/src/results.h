// What is told of inferences and of whole clips, piece by piece as the link has room.
#ifndef TINYAUDIO_RESULTS_H_
#define TINYAUDIO_RESULTS_H_

#include "tinyaudio/application.h"

namespace tinyaudio {

// Room that there must be before a patch is computed: what cannot be told is not computed.
constexpr uint32_t kPatchPieceBytes = wire::PatchResult::kMaxBytes;
static_assert(wire::DeviceFault::kMaxBytes <= kPatchPieceBytes, "an inference that fails must be told of");

// What decides the clip or the recording under way.
Thresholds thresholds_of(const Application& application);

// Each tells one piece. False if there is no room for it.
bool tell_scores(Application& application);
bool tell_detections(Application& application);
bool tell_clip_result(Application& application);

}  // namespace tinyaudio

#endif  // TINYAUDIO_RESULTS_H_
