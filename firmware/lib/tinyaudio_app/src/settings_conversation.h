// What the host reads and writes of the settings, and what they mean to the application.
#ifndef TINYAUDIO_SETTINGS_CONVERSATION_H_
#define TINYAUDIO_SETTINGS_CONVERSATION_H_

#include "tinyaudio/application.h"

namespace tinyaudio {

// Takes the settings over into the application.
void obey_settings(Application& application);

// What the host is to be told where a threshold is stored that does not hold; null: there is nothing to tell.
const char* calibration_note(const Application& application);

// Each answers; the caller made sure that there is room.
void write_setting(Application& application, const wire::MessageView& view);
void read_setting(Application& application, const wire::MessageView& view);
void list_settings(Application& application, const wire::MessageView& view);

}  // namespace tinyaudio

#endif  // TINYAUDIO_SETTINGS_CONVERSATION_H_
