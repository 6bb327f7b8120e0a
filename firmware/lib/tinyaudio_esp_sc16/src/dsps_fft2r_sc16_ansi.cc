// What ESP-DSP's C version of the 16-bit FFT computes (1.2.0 to 1.8.2), for builds without ESP-DSP. ESP-IDF's builds
// link the original instead. In each stage, with the values a and b of a pair and the twiddle w:
//     a' = (32767 a + w b + 32767) >> 16,  b' = (32767 a - w b + 32767) >> 16
#if !defined(ESP_PLATFORM)

#include "dsps_fft2r_sc16.h"

#include <math.h>
#include <stddef.h>

int16_t* dsps_fft_w_table_sc16 = nullptr;
int dsps_fft_w_table_sc16_size = 0;

namespace {

constexpr esp_err_t kOk = 0;
constexpr esp_err_t kInvalidLength = 0x70001;
constexpr esp_err_t kUninitialized = 0x70005;
constexpr int32_t kOne = 32767;
constexpr double kTurn = 6.283185307179586;

bool is_power_of_two(int value) { return value > 0 && (value & (value - 1)) == 0; }

int reversed_bits(int value, int count) {
    int result = 0;
    for (int bit = 1; bit < count; bit <<= 1) {
        result = (result << 1) | ((value & bit) != 0 ? 1 : 0);
    }
    return result;
}

int16_t halved(int32_t sum) { return static_cast<int16_t>((sum + kOne) >> 16); }

}  // namespace

extern "C" esp_err_t dsps_fft2r_init_sc16(int16_t* fft_table_buff, int table_size) {
    if (dsps_fft_w_table_sc16 != nullptr) {
        return kOk;
    }
    if (!is_power_of_two(table_size) || fft_table_buff == nullptr) {
        return kInvalidLength;
    }
    const float step = static_cast<float>(kTurn / table_size);
    for (int k = 0; k < table_size / 2; ++k) {
        int16_t* twiddle = fft_table_buff + 2 * reversed_bits(k, table_size / 2);
        const float angle = static_cast<float>(k) * step;
        twiddle[0] = static_cast<int16_t>(32767.0f * cosf(angle));  // towards 0
        twiddle[1] = static_cast<int16_t>(32767.0f * sinf(angle));
    }
    dsps_fft_w_table_sc16 = fft_table_buff;
    dsps_fft_w_table_sc16_size = table_size;
    return kOk;
}

extern "C" esp_err_t dsps_fft2r_sc16_ansi_(int16_t* data, int N, int16_t* w) {
    if (!is_power_of_two(N)) {
        return kInvalidLength;
    }
    if (dsps_fft_w_table_sc16 == nullptr) {
        return kUninitialized;
    }
    for (int span = N; span > 1; span /= 2) {
        const int16_t* twiddle = w;
        for (int16_t* group = data; group != data + 2 * N; group += 2 * span, twiddle += 2) {
            for (int16_t* a = group; a != group + span; a += 2) {
                int16_t* b = a + span;
                const int32_t x = twiddle[0] * b[0] + twiddle[1] * b[1];
                const int32_t y = twiddle[0] * b[1] - twiddle[1] * b[0];
                const int32_t a_x = a[0] * kOne;
                const int32_t a_y = a[1] * kOne;
                a[0] = halved(a_x + x);
                a[1] = halved(a_y + y);
                b[0] = halved(a_x - x);
                b[1] = halved(a_y - y);
            }
        }
    }
    return kOk;
}

#endif  // !defined(ESP_PLATFORM)
