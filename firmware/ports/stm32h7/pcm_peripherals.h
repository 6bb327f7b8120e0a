// The peripherals that make samples: each gives a word with the sample in its upper bits, on request of the DMA controller.
#ifndef TINYAUDIO_STM32H7_PCM_PERIPHERALS_H_
#define TINYAUDIO_STM32H7_PCM_PERIPHERALS_H_

#include "board_settings.h"

namespace tinyaudio {
namespace stm32h7 {

// RM0433 chapter 51: a SAI block as master receiver of I2S, left channel.
const volatile void* sai_data();  // the register that the DMA controller reads
void sai_start(const SampleRateSettings& rate);
void sai_stop();
bool sai_take_overrun();  // whether it dropped samples since the last call

// RM0433 chapter 30: a DFSDM channel that clocks a PDM microphone, with filter 0. The same four.
const volatile void* dfsdm_data();
void dfsdm_start(const SampleRateSettings& rate);
void dfsdm_stop();
bool dfsdm_take_overrun();

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_PCM_PERIPHERALS_H_
