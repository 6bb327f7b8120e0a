// ESP-DSP's function that makes the table of twiddles, without floating point, which this core has no library for: the table
// of the front end, which begins as ESP-DSP's does (tests/host_cpp/test_esp_sc16_cpp.py), is copied.
#include <string.h>

#include "dsps_fft2r_sc16.h"
#include "frontend_tables.h"
#include "tinyaudio/esp_sc16.h"

extern "C" esp_err_t dsps_fft2r_init_sc16(int16_t* fft_table_buff, int table_size) {
    using tinyaudio_generated::kFrontendTables;
    const auto& tables = *static_cast<const tinyaudio::EspSc16Tables*>(kFrontendTables.kernel_tables);
    memcpy(fft_table_buff, tables.twiddles, static_cast<size_t>(table_size) * sizeof(int16_t));
    dsps_fft_w_table_sc16 = fft_table_buff;
    dsps_fft_w_table_sc16_size = table_size;
    return 0;
}
