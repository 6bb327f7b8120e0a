// The microphone: a SAI block as I2S receiver, or the DFSDM behind a PDM microphone, through DMA.
#ifndef TINYAUDIO_STM32H7_MICROPHONE_H_
#define TINYAUDIO_STM32H7_MICROPHONE_H_

namespace tinyaudio {
namespace stm32h7 {

// Whether there are samples to read or lost ones to tell of.
bool microphone_has_news();

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_MICROPHONE_H_
