// Declarations of what firmware/lib/tinyaudio_esp_sc16 calls of ESP-DSP, from its public documentation; for compiling without it.
#pragma once

#include <stdint.h>

#include "esp_err.h"

extern "C" {

extern int16_t* dsps_fft_w_table_sc16;
extern int dsps_fft_w_table_sc16_size;

esp_err_t dsps_fft2r_init_sc16(int16_t* fft_table_buff, int table_size);
esp_err_t dsps_fft2r_sc16_ansi_(int16_t* data, int N, int16_t* w);

}

#define dsps_fft2r_sc16_ansi(data, N) dsps_fft2r_sc16_ansi_(data, N, dsps_fft_w_table_sc16)
