// The part of ESP-DSP's dsps_fft2r.h that the kernel `esp_sc16` calls, for builds without ESP-DSP.
#ifndef TINYAUDIO_DSPS_FFT2R_SC16_H_
#define TINYAUDIO_DSPS_FFT2R_SC16_H_

#include <stdint.h>

extern "C" {

typedef int esp_err_t;  // 0 where all went well

extern int16_t* dsps_fft_w_table_sc16;
extern int dsps_fft_w_table_sc16_size;  // int16 elements

// Fill `fft_table_buff` [table_size] for FFTs of up to `table_size` points. Does nothing once there is a table.
esp_err_t dsps_fft2r_init_sc16(int16_t* fft_table_buff, int table_size);

// Transform N pairs (real, imaginary) in place, into bit-reversed order. The table is `w`.
esp_err_t dsps_fft2r_sc16_ansi_(int16_t* data, int N, int16_t* w);

#define dsps_fft2r_sc16_ansi(data, N) dsps_fft2r_sc16_ansi_(data, N, dsps_fft_w_table_sc16)

}  // extern "C"

#endif  // TINYAUDIO_DSPS_FFT2R_SC16_H_
