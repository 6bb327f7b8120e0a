// What every firmware says, whatever it computes: texts, faults, and what ended the run before.
#ifndef TINYAUDIO_SESSION_H_
#define TINYAUDIO_SESSION_H_

#include <stdint.h>

#include "tinyaudio/link.h"

namespace tinyaudio {

// Copies a text into a bounded array of a message; what does not fit is cut off.
void put_text(const char* text, uint32_t capacity, char* field, uint16_t* count);

// Tells a line of the log; null says nothing.
void tell_log(wire::Link& link, wire::LogLevel level, const char* text);

// Tells a fault that ended the run before, for the host of this run is the one to be told, and what the port found at boot.
void tell_notes(wire::Link& link);

// What keeps firmware from starting anything whose runs ended in faults again and again; null: nothing does.
const char* only_talks_fault();

// Says why the device does not go on. The caller made sure that a DeviceFault can be sent.
void tell_fault(wire::Link& link, wire::FaultCode code, const char* text);

// Obeys a ResetRequest.
[[noreturn]] void reset_on_request(const wire::MessageView& view, uint32_t counter_frequency_hz);

}  // namespace tinyaudio

#endif  // TINYAUDIO_SESSION_H_
