// A microphone that plays a file or a FIFO of int16 PCM, and silence behind its end.
//
// It records as fast as it is read, and then loses nothing but what Options::gaps says; or in multiples of real time, and
// then loses what is not read in time, as a real one.
#ifndef TINYAUDIO_NATIVE_MICROPHONE_H_
#define TINYAUDIO_NATIVE_MICROPHONE_H_

#include "options.h"

namespace tinyaudio {
namespace native {

// False, and a line on standard error, if the file cannot be read.
bool open_microphone(const Options& options);

// How long to wait for samples, and on which descriptor besides.
struct SampleWait {
    int timeout_ms;  // 0: there are samples, or a gap to tell; -1: no limit
    int descriptor;  // readable when there are; -1: none
};
SampleWait wait_for_samples();

}  // namespace native
}  // namespace tinyaudio

#endif  // TINYAUDIO_NATIVE_MICROPHONE_H_
