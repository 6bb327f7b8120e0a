// How the run before this one ended.
#ifndef TINYAUDIO_ESP32S3_LAST_WORDS_H_
#define TINYAUDIO_ESP32S3_LAST_WORDS_H_

namespace tinyaudio {
namespace esp32s3 {

// Takes what the run before left, so that it is told until the next reset and no longer.
void take_last_words();

}  // namespace esp32s3
}  // namespace tinyaudio

#endif  // TINYAUDIO_ESP32S3_LAST_WORDS_H_
