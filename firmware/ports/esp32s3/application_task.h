// The task that the application is: whoever has news for it wakes it.
#ifndef TINYAUDIO_ESP32S3_APPLICATION_TASK_H_
#define TINYAUDIO_ESP32S3_APPLICATION_TASK_H_

#include <stdint.h>

namespace tinyaudio {
namespace esp32s3 {

// Wakes the application, from another task.
void wake_application();

// Wakes the application, from an interrupt. Returns whether the interrupt should end with a switch to it.
bool wake_application_from_interrupt();

// Sleeps until somebody wakes the application, or `milliseconds` have passed. Feeds the watchdog. Application only.
void wait_for_news(uint32_t milliseconds);

// Feeds the watchdog. Application only.
void feed_watchdog();

}  // namespace esp32s3
}  // namespace tinyaudio

#endif  // TINYAUDIO_ESP32S3_APPLICATION_TASK_H_
