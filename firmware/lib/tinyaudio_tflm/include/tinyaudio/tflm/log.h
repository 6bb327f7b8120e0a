// What TFLite Micro has to say when something fails: its first line is kept for the host.
#ifndef TINYAUDIO_TFLM_LOG_H_
#define TINYAUDIO_TFLM_LOG_H_

#include <stdarg.h>
#include <stdint.h>

namespace tinyaudio {
namespace tflm {

// Forgets what was said.
void log_clear();

// The first line since log_clear, without an end of line; empty if there was none.
const char* log_first_line();

// The number behind `key` in the first line; 0 if it has none.
uint32_t log_number(const char* key);

// Writes a printf format: %s %c %d %i %u %x %p and their lengths h, l, ll, z, t; of %f only the whole part. Always ends with
// '\0'. Returns the characters written, without it.
uint32_t format_text(char* text, uint32_t capacity, const char* format, va_list arguments);

}  // namespace tflm
}  // namespace tinyaudio

#endif  // TINYAUDIO_TFLM_LOG_H_
