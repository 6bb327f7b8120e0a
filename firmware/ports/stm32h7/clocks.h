// The clock tree of the board.
#ifndef TINYAUDIO_STM32H7_CLOCKS_H_
#define TINYAUDIO_STM32H7_CLOCKS_H_

#include "board_settings.h"

namespace tinyaudio {
namespace stm32h7 {

// Brings the chip from the internal oscillator, on which it comes out of reset and of Stop, to the board's clocks. Uses no
// memory but the stack. Stays where it is if the silicon is too old for the board's voltage scale. Where an external
// oscillator does not run, the internal one stands in: the same clocks, less exactly.
void start_clocks();

// Whether it does.
bool is_on_spare_oscillator();

// Back to the internal oscillator and out of voltage scale 0, from which there is no way to Stop mode.
void stop_clocks();

// Switches a clock gate on, for good.
void open_gate(const ClockGate& gate);

// Puts a pin at the disposal of its peripheral, with a pull-up if wanted.
void connect_pin(const PinSettings& pin, bool pull_up);

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_CLOCKS_H_
