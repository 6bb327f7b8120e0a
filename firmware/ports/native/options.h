// What the command line says of the peripherals that a host lacks.
#ifndef TINYAUDIO_NATIVE_OPTIONS_H_
#define TINYAUDIO_NATIVE_OPTIONS_H_

#include <stdint.h>

namespace tinyaudio {
namespace native {

constexpr uint32_t kMaxGaps = 16;

// Samples that the microphone shall lose.
struct Gap {
    uint32_t position_samples;  // of the first one in the recording, lost ones counted
    uint32_t samples;
};

struct Options {
    const char* microphone;   // --microphone PATH: a file or FIFO with int16 PCM; null: there is none
    double microphone_speed;  // --microphone-speed X: X times real time; 0: as fast as it is read
    Gap gaps[kMaxGaps];       // --lose POSITION:SAMPLES, once for each gap, ascending; not with a speed
    uint32_t gap_count;
    const char* settings;  // --settings PATH: a file that stands for the flash, made if it is not there; null: there is none
};

// Reads the command line. False, and a line on standard error, if it is not understood.
bool read_options(int argument_count, char** arguments, Options* options);

}  // namespace native
}  // namespace tinyaudio

#endif  // TINYAUDIO_NATIVE_OPTIONS_H_
