/* In C, since CMSIS-DSP's headers want a C++ standard library under C++. */
#include "tinyaudio/cmsis_complex_fft.h"

#include "cmsis_dsp.h" /* first: by this header PlatformIO finds the library with the others */

#include "arm_const_structs.h"

enum { FORWARD = 0, NATURAL_ORDER = 1 };

#define COMPLEX_FFT(points)                                                              \
    void tinyaudio_cmsis_q31_complex_fft_##points(int32_t* data) {                       \
        arm_cfft_q31(&arm_cfft_sR_q31_len##points, (q31_t*)data, FORWARD, NATURAL_ORDER); \
    }

COMPLEX_FFT(32)
COMPLEX_FFT(64)
COMPLEX_FFT(128)
COMPLEX_FFT(256)
COMPLEX_FFT(512)
COMPLEX_FFT(1024)
COMPLEX_FFT(2048)
