// What a board must offer. One folder of firmware/ports/ implements it for one board family.
#ifndef TINYAUDIO_PORT_H_
#define TINYAUDIO_PORT_H_

#include <stdint.h>

namespace tinyaudio {

// Opens the link to the host. Returns whether there is one. Called once, before any other function.
bool port_open(int argument_count, char** arguments);

// What port_read waits for.
enum class PortWait : uint8_t {
    kBytes,           // bytes of the host
    kBytesOrSamples,  // those, or samples of the microphone, which runs
};

// Waits, asleep where the port can, and takes what has come of the host. Returns how many bytes were read (1 to
// `capacity`), 0 if it woke without any, -1 at the end of the stream. It returns at once if bytes (or samples) are there.
int32_t port_read(uint8_t* bytes, uint32_t capacity, PortWait wait);

// Writes all of `bytes` to the host, waiting for room. Returns whether it could.
bool port_write(const uint8_t* bytes, uint32_t count);

// Whether there is a microphone at all. The answer never changes.
bool port_has_microphone();

// Starts the microphone: the next sample read is the first of the new recording, and no sample was lost yet. False: there
// is none, or it cannot give this rate. Started again while it runs, it begins a new recording.
bool port_microphone_start(uint32_t sample_rate_hz);

// Stops it; what was not read is forgotten. Nothing to do if it does not run.
void port_microphone_stop();

// Copies the next samples, at most `capacity`; returns how many, 0 if there are none yet. Never waits, and never reads
// across a gap: samples before one are given first, then port_microphone_take_overruns tells of the gap, and only then do
// samples behind it come.
uint32_t port_microphone_read(int16_t* samples, uint32_t capacity);

// Samples lost, behind the last sample read, because nobody read them in time; 0 while samples before the gap are still
// to be read. The gap ends where it is told: until then whatever comes is lost as well. MicrophoneRing does all of this.
uint32_t port_microphone_take_overruns();

// Flash for settings: `sectors` that are erased one at a time, programmed in units of `program_bytes`, each of them once
// between two erasures. Erased bytes read 0xFF. All of it is 0 where there is none. The answer never changes.
struct PortStorage {
    uint32_t sector_bytes;
    uint32_t sectors;
    uint32_t program_bytes;
};
PortStorage port_storage();

// Reads `count` bytes, within one unit or across units, from `offset_bytes` of the first sector. False: something there
// cannot be read (an uncorrectable error, after a power loss in mid-write); never a fault.
bool port_storage_read(uint32_t offset_bytes, uint8_t* bytes, uint32_t count);

// Programs one erased unit (`program_bytes` bytes). Returns whether it worked.
bool port_storage_program(uint32_t offset_bytes, const uint8_t* unit);

// Erases one sector. Returns whether it worked. Takes up to seconds, in which code may stand still.
bool port_storage_erase(uint32_t sector);

// A counter that rises by board.counter_frequency_hz a second and wraps around at 2^32.
uint32_t port_counter_ticks();

// The counter, to start a measurement with. Where a tick is longer than an instruction this waits for a moment from
// which the same work always takes the same number of ticks.
uint32_t port_counter_start();

// Writes the unique id of this very chip. Returns its length, at most `capacity`; 0 if the chip has none.
uint32_t port_chip_id(uint8_t* bytes, uint32_t capacity);

// What ended the run before this one, if it was a fault: one line of text, the same until port_reset or power-off. Null if
// it ended well, or the port cannot tell.
const char* port_last_words();

// Whether the runs before this one ended in faults so often in a row that this one only talks: with nothing started that
// might fault again, so that a host learns what port_last_words says instead of a board that resets for ever. A host's
// port_reset, or power, tries again. The answer never changes.
bool port_only_talks();

// A host has been greeted: it will see a fault, and faults from here on are a new row.
void port_host_is_here();

// What a host should know of how this image lies in the chip: one line of text that never changes, or null.
const char* port_boot_note();

// A number that differs from boot to boot where the port can tell boots apart, else 0.
uint32_t port_boot_id();

// Starts the firmware anew, as after power-on. What the host sends meanwhile may be lost.
[[noreturn]] void port_reset();

// Ends the program if the port can be left (an emulator, a process), otherwise stops. `code` 0 means fine.
[[noreturn]] void port_exit(int code);

}  // namespace tinyaudio

#endif  // TINYAUDIO_PORT_H_
