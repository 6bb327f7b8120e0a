// The face of the library cmsis_dsp. Include it from C: under C++ CMSIS-DSP's headers ask for <cstdint> and more of
// the C++ library, which an embedded compiler need not have.
#ifndef TINYAUDIO_CMSIS_DSP_H_
#define TINYAUDIO_CMSIS_DSP_H_

#include "dsp/transform_functions.h"

#endif  // TINYAUDIO_CMSIS_DSP_H_
