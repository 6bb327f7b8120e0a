/* CMSIS-DSP's complex FFT, one function a length.
 *
 * Each transforms `points` pairs (real, imaginary) of Q31 values in place, into natural order, divided by `points`.
 * A function names its tables itself, so that the linker keeps those of the length in use and drops all others.
 */
#ifndef TINYAUDIO_CMSIS_COMPLEX_FFT_H_
#define TINYAUDIO_CMSIS_COMPLEX_FFT_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

void tinyaudio_cmsis_q31_complex_fft_32(int32_t* data);
void tinyaudio_cmsis_q31_complex_fft_64(int32_t* data);
void tinyaudio_cmsis_q31_complex_fft_128(int32_t* data);
void tinyaudio_cmsis_q31_complex_fft_256(int32_t* data);
void tinyaudio_cmsis_q31_complex_fft_512(int32_t* data);
void tinyaudio_cmsis_q31_complex_fft_1024(int32_t* data);
void tinyaudio_cmsis_q31_complex_fft_2048(int32_t* data);

#ifdef __cplusplus
}
#endif

#endif /* TINYAUDIO_CMSIS_COMPLEX_FFT_H_ */
