// Stop mode: the lowest consumption that keeps memory and registers (RM0433 6.7).
#ifndef TINYAUDIO_STM32H7_STOP_MODE_H_
#define TINYAUDIO_STM32H7_STOP_MODE_H_

#include <stdint.h>

namespace tinyaudio {

// Stops all clocks but the low-power timer's for `milliseconds`, as exactly as the internal oscillator of 32 kHz is (it
// may be off by some percent), then brings the clocks back. What the host sends meanwhile is lost, and the cycle counter
// stands; the microphone must not run. False: something else ended it early.
//
// For duty cycles. The live application listens without a pause, so that it only sleeps until the next samples.
bool port_stop_for(uint32_t milliseconds);

}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_STOP_MODE_H_
