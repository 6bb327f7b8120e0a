// Recordings of the microphone: the phases of a clip, with another source of samples, which may lose some.
#ifndef TINYAUDIO_LIVE_H_
#define TINYAUDIO_LIVE_H_

#include "tinyaudio/application.h"

namespace tinyaudio {

void begin_live(Application& application, const wire::MessageView& view);

// Ends the recording with the last sample taken in; what the microphone holds beyond is no part of it.
void end_live(Application& application, const wire::MessageView& view);

// Phase::kSamples of a recording: takes what the next frame lacks. A step; see application_step.
bool record_samples(Application& application);

// Phase::kGap: tells of lost samples. Behind them everything starts afresh but indices, sums and the decision.
bool tell_gap(Application& application);

}  // namespace tinyaudio

#endif  // TINYAUDIO_LIVE_H_
