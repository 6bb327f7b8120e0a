// The peripherals that make samples: both give a word with the sample in its upper bits, on request of the DMA controller.
#ifndef TINYAUDIO_STM32H7_PCM_PERIPHERALS_H_
#define TINYAUDIO_STM32H7_PCM_PERIPHERALS_H_

#include "board_settings.h"

namespace tinyaudio {
namespace stm32h7 {

struct PcmPeripheral {
    const volatile void* (*data)();  // the register that the DMA controller reads
    void (*start)(const SampleRateSettings& rate);
    void (*stop)();
    bool (*take_overrun)();  // whether it dropped samples since the last call
};

// RM0433 chapter 51: a SAI block as master receiver of I2S, left channel.
extern const PcmPeripheral kSaiPeripheral;

// RM0433 chapter 30: a DFSDM channel that clocks a PDM microphone, with filter 0.
extern const PcmPeripheral kDfsdmPeripheral;

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_PCM_PERIPHERALS_H_
