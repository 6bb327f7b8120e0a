// What the host says to the application, and the answers that are no results.
#ifndef TINYAUDIO_CONVERSATION_H_
#define TINYAUDIO_CONVERSATION_H_

#include "tinyaudio/application.h"

namespace tinyaudio {

// Takes the next message of the host and obeys. False if there is none, or no room for the answer it may need.
bool take_message(Application& application);

// Gives up the clip or the recording, without a word, and goes on with `phase`.
void forget_clip(Application& application, Phase phase);

// Starts a clip, or a recording, of which application.clip.request and .is_live are set.
void start_clip(Application& application, const PcmSource& source);

// Forgets the samples so far, for what comes behind them is no continuation: level, patch, smoothing, the model's state.
void restart_computation(Application& application);

// Gives up the clip and says why. The caller made sure that a DeviceFault can be sent.
void refuse(Application& application, wire::FaultCode code, const char* text);

}  // namespace tinyaudio

#endif  // TINYAUDIO_CONVERSATION_H_
