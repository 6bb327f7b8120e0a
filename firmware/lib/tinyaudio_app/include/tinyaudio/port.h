// What a board must offer. One folder of firmware/ports/ implements it for one board family.
#ifndef TINYAUDIO_PORT_H_
#define TINYAUDIO_PORT_H_

#include <stdint.h>

namespace tinyaudio {

// Opens the link to the host. Returns whether there is one. Called once, before any other function.
bool port_open(int argument_count, char** arguments);

// Waits for bytes of the host. Returns how many were read (1 to `capacity`), or 0 at the end of the stream.
uint32_t port_read(uint8_t* bytes, uint32_t capacity);

// Writes all of `bytes` to the host, waiting for room. Returns whether it could.
bool port_write(const uint8_t* bytes, uint32_t count);

// A counter that rises by board.counter_frequency_hz a second and wraps around at 2^32.
uint32_t port_counter_ticks();

// The counter, to start a measurement with. Where a tick is longer than an instruction this waits for a moment from
// which the same work always takes the same number of ticks.
uint32_t port_counter_start();

// Writes the unique id of this very chip. Returns its length, at most `capacity`; 0 if the chip has none.
uint32_t port_chip_id(uint8_t* bytes, uint32_t capacity);

// A number that differs from boot to boot where the port can tell boots apart, else 0.
uint32_t port_boot_id();

// Starts the firmware anew, as after power-on. What the host sends meanwhile may be lost.
[[noreturn]] void port_reset();

// Ends the program if the port can be left (an emulator, a process), otherwise stops. `code` 0 means fine.
[[noreturn]] void port_exit(int code);

}  // namespace tinyaudio

#endif  // TINYAUDIO_PORT_H_
