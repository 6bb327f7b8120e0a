#include "tinyaudio/esp_sc16.h"

#include <string.h>

#if defined(ESP_PLATFORM)
#include "dsps_fft2r.h"
#else
#include "dsps_fft2r_sc16.h"
#endif

namespace tinyaudio {
namespace {

// A quarter's magnitude is brought to at most this; rounding to 16 bits may add 1/2 to either part.
constexpr uint32_t kMagnitude = 32766;

// (32768 / 32767) ^ log2 points in Q46, for 8 to 512 points: undoes the gain of ESP-DSP's stages.
constexpr uint64_t kUnitsQ46[7] = {
    70375187021844, 70377334767656, 70379482579014, 70381630455920,
    70383778398376, 70385926406384, 70388074479946,
};

// (x + j y) (cosine - j sine) / 2
inline void rotate(int32_t x, int32_t y, const int32_t* rotation, int32_t* out) {
    out[0] = add_product(multiply_rounded(x, rotation[0]), y, rotation[1]);
    out[1] = subtract_product(multiply_rounded(y, rotation[0]), x, rotation[1]);
}

// The first stage, decimating in frequency, divided by 8. Leaves the quarters whose FFTs are the bins 4 k, 4 k + 2,
// 4 k + 1 and 4 k + 3: their order is that of reversed bits.
TINYAUDIO_STAGE void first_stage(const int32_t* rotations, int32_t* data, uint32_t quarter) {
    int32_t* a = data;
    int32_t* b = a + 2 * quarter;
    int32_t* c = b + 2 * quarter;
    int32_t* d = c + 2 * quarter;
    for (const int32_t* end = b; a != end; a += 2, b += 2, c += 2, d += 2, rotations += 6) {
        // The magnitudes of all four sum to less than 2^31.
        const int32_t a_x = a[0] >> 2, a_y = a[1] >> 2, b_x = b[0] >> 2, b_y = b[1] >> 2;
        const int32_t c_x = c[0] >> 2, c_y = c[1] >> 2, d_x = d[0] >> 2, d_y = d[1] >> 2;
        const int32_t x_sum = a_x + c_x, x_difference = a_x - c_x;
        const int32_t y_sum = a_y + c_y, y_difference = a_y - c_y;
        const int32_t x_sum_odd = b_x + d_x, x_difference_odd = b_x - d_x;
        const int32_t y_sum_odd = b_y + d_y, y_difference_odd = b_y - d_y;
        a[0] = (x_sum + x_sum_odd) >> 1;
        a[1] = (y_sum + y_sum_odd) >> 1;
        rotate(x_sum - x_sum_odd, y_sum - y_sum_odd, rotations + 2, b);
        rotate(x_difference + y_difference_odd, y_difference - x_difference_odd, rotations, c);
        rotate(x_difference - y_difference_odd, y_difference + x_difference_odd, rotations + 4, d);
    }
}

TINYAUDIO_STAGE uint64_t greatest_power(const int32_t* data, uint32_t points) {
    uint64_t greatest = 0;
    for (const int32_t* end = data + 2 * points; data != end; data += 2) {
        const uint64_t power = power_of(data[0], data[1]);
        greatest = power > greatest ? power : greatest;
    }
    return greatest;
}

inline int32_t shifted_up(int32_t value, uint32_t shift) {
    return static_cast<int32_t>(static_cast<uint32_t>(value) << shift);
}

// In place, pairs of int32 to pairs of int16 at the front.
TINYAUDIO_STAGE void narrow(int32_t* data, uint32_t points, uint32_t shift, int32_t gain) {
    const int32_t* in = data;
    for (int32_t* out = data; out != data + points; ++out, in += 2) {
        const int32_t x = multiply_rounded(shifted_up(in[0], shift), gain);
        const int32_t y = multiply_rounded(shifted_up(in[1], shift), gain);
        *out = static_cast<int32_t>((static_cast<uint32_t>(x) & 0xFFFFu) | (static_cast<uint32_t>(y) << 16));
    }
}

// 16 bits x inverse <= 2^30 + 2^17, >> 13
inline int32_t widened(int32_t value, int32_t inverse) {
    return static_cast<int32_t>((static_cast<int64_t>(value) * inverse + (1 << 12)) >> 13);
}

// In place, from the last one down: pairs of int16 at the front to pairs of int32.
TINYAUDIO_STAGE void widen(int32_t* data, uint32_t points, int32_t inverse) {
    int32_t* out = data + 2 * points;
    for (const int32_t* in = data + points; in != data;) {
        const int32_t pair = *--in;
        out -= 2;
        out[0] = widened(static_cast<int16_t>(pair & 0xFFFF), inverse);
        out[1] = widened(pair >> 16, inverse);
    }
}

// Twice the FFT of a quarter divided by its length, in reversed order.
void block_fft(int32_t* data, uint32_t points, uint64_t unit_q46) {
    const uint64_t power = greatest_power(data, points);
    if (power == 0) {
        return;  // zeros, as their FFT
    }
    const uint32_t bound = floor_square_root_of_four_times(power) + 1;  // above twice the greatest magnitude
    const uint32_t shift = static_cast<uint32_t>(__builtin_clz(bound));
    const uint32_t gain = (kMagnitude << 17) / (((bound << shift) >> 16) + 1);  // 2^16 to 2^17
    narrow(data, points, shift, static_cast<int32_t>(gain));
    dsps_fft2r_sc16_ansi(reinterpret_cast<int16_t*>(data), static_cast<int>(points));
    widen(data, points, static_cast<int32_t>(((unit_q46 >> shift) + gain / 2) / gain));
}

TINYAUDIO_STAGE void reverse_order(int32_t* data, uint32_t points) {
    uint32_t reversed = 0;
    for (uint32_t n = 0; n < points; ++n) {
        if (n < reversed) {
            int32_t* low = data + 2 * n;
            int32_t* high = data + 2 * reversed;
            const int32_t x = low[0], y = low[1];
            low[0] = high[0];
            low[1] = high[1];
            high[0] = x;
            high[1] = y;
        }
        uint32_t bit = points >> 1;
        for (; (reversed & bit) != 0; bit >>= 1) {
            reversed ^= bit;
        }
        reversed |= bit;
    }
}

}  // namespace

bool esp_sc16_prepare(const int16_t* twiddles, int16_t* memory, uint32_t points) {
    return dsps_fft2r_init_sc16(memory, static_cast<int>(points)) == 0 &&
           dsps_fft_w_table_sc16_size >= static_cast<int>(points) &&
           memcmp(dsps_fft_w_table_sc16, twiddles, points * sizeof *twiddles) == 0;
}

void esp_sc16_complex_fft(const int32_t* rotations, int32_t* data, uint32_t points) {
    const uint32_t quarter = points / 4;
    const uint64_t unit_q46 = kUnitsQ46[28 - __builtin_clz(quarter)];
    first_stage(rotations, data, quarter);
    for (uint32_t block = 0; block < 4; ++block) {
        block_fft(data + 2 * quarter * block, quarter, unit_q46);
    }
    reverse_order(data, points);
}

}  // namespace tinyaudio
