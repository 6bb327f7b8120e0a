// The record of a fault, over a reset.
#ifndef TINYAUDIO_STM32H7_LAST_WORDS_H_
#define TINYAUDIO_STM32H7_LAST_WORDS_H_

#include "cortex_m/fault_record.h"

namespace tinyaudio {
namespace stm32h7 {

// In the backup RAM, which a reset of the system leaves alone.
volatile cortex_m::FaultRecord& stored_fault();

// Takes what the run before this one left, so that it is told until the next reset and no longer.
void take_last_words();

// A reset of the whole system (RM0433 8.4).
[[noreturn]] void reset_chip();

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_LAST_WORDS_H_
