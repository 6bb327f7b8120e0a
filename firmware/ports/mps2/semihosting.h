// Arm semihosting: calls to the debugger or emulator that runs the program.
// Source: Arm, "Semihosting for AArch32 and AArch64", release 2.0.
#ifndef TINYAUDIO_SEMIHOSTING_H_
#define TINYAUDIO_SEMIHOSTING_H_

#include <stdint.h>

namespace tinyaudio {
namespace semihosting {

constexpr int32_t kNoHandle = -1;

enum class OpenMode : uint32_t { kReadBinary = 1, kWriteBinary = 5 };

// Opens a file or FIFO of the host; waits, as the host's open() does, for the other end of a FIFO.
int32_t open(const char* path, OpenMode mode);

// Returns how many bytes were read: at least one, or 0 at the end of the file.
uint32_t read(int32_t handle, uint8_t* bytes, uint32_t capacity);

// Returns how many bytes were written.
uint32_t write(int32_t handle, const uint8_t* bytes, uint32_t count);

// Copies the command line, NUL-terminated, into `text`. Returns whether there is one and it fits.
bool command_line(char* text, uint32_t capacity);

// Writes text to the host's console (QEMU: its standard error).
void console(const char* text);

// Ends the emulation with the host's return code `code`.
[[noreturn]] void exit(int32_t code);

}  // namespace semihosting
}  // namespace tinyaudio

#endif  // TINYAUDIO_SEMIHOSTING_H_
