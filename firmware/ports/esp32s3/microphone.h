// An I2S MEMS microphone: 24 bits in slots of 32 bits, the left channel.
#ifndef TINYAUDIO_ESP32S3_MICROPHONE_H_
#define TINYAUDIO_ESP32S3_MICROPHONE_H_

namespace tinyaudio {
namespace esp32s3 {

// Whether there are samples to read or to be told lost.
bool microphone_has_news();

}  // namespace esp32s3
}  // namespace tinyaudio

#endif  // TINYAUDIO_ESP32S3_MICROPHONE_H_
