// The self-test on request: one message of the host in, one message for each operator out.
#ifndef TINYAUDIO_SELF_TEST_CONVERSATION_H_
#define TINYAUDIO_SELF_TEST_CONVERSATION_H_

#include "tinyaudio/application.h"

namespace tinyaudio {

void begin_self_test(Application& application, const wire::MessageView& view);

// Runs and tells of some operators. Returns false if there is no room to tell of them.
bool run_self_test(Application& application);

}  // namespace tinyaudio

#endif  // TINYAUDIO_SELF_TEST_CONVERSATION_H_
