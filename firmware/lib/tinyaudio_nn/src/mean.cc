#include "tinyaudio/nn/mean.h"

#include "tinyaudio/nn/dsp.h"
#include "tinyaudio/nn/requantize.h"

namespace tinyaudio {
namespace nn {
namespace {

int8_t clamp(int32_t value) { return static_cast<int8_t>(value < -128 ? -128 : (value > 127 ? 127 : value)); }

// `sum`: in the upper half.
int8_t short_mean(uint32_t sum, const Mean& parameters) {
    const int32_t scaled = smmla(static_cast<int32_t>(sum), parameters.short_multiplier, parameters.short_addend);
    return static_cast<int8_t>(ssat8(scaled >> parameters.short_shift));
}

// Call add(place) for all values of a mean.
template <typename Add>
void for_each_averaged(const int8_t* input, const Mean& parameters, const Add& add) {
    const int32_t* const sizes = parameters.averaged_sizes;
    const int32_t* const strides = parameters.averaged_strides;
    for (int32_t a = 0; a < sizes[0]; ++a) {
        for (int32_t b = 0; b < sizes[1]; ++b) {
            const int8_t* source = input + a * strides[0] + b * strides[1];
            for (int32_t c = 0; c < sizes[2]; ++c, source += strides[2]) {
                add(source);
            }
        }
    }
}

// Four neighbouring means at once: sums of at most 255 values fit 16 bits.
void four_means(const int8_t* input, int8_t* output, const Mean& parameters) {
    uint32_t even = 0;
    uint32_t odd = 0;
    for_each_averaged(input, parameters, [&even, &odd](const int8_t* source) {
        const uint32_t word = load_word(source);
        even = sadd16(even, sxtb16(word));
        odd = sadd16(odd, sxtb16_ror8(word));
    });
    output[0] = short_mean(even << 16, parameters);
    output[1] = short_mean(odd << 16, parameters);
    output[2] = short_mean(even & 0xffff0000u, parameters);
    output[3] = short_mean(odd & 0xffff0000u, parameters);
}

int8_t one_mean(const int8_t* input, const Mean& parameters) {
    int32_t sum = parameters.sum_offset;
    for_each_averaged(input, parameters, [&sum](const int8_t* source) { sum += *source; });
    const int32_t scaled = multiply_by_quantized_multiplier(sum, parameters.multiplier, parameters.right_shift);
    return clamp(scaled + parameters.output_zero_point);
}

}  // namespace

void mean(const int8_t* input, int8_t* output, const Mean& parameters) {
    const int32_t* const sizes = parameters.kept_sizes;
    const int32_t* const strides = parameters.kept_strides;
    const int32_t by_four = parameters.short_multiplier != 0 && strides[2] == 1 ? sizes[2] / 4 * 4 : 0;
    for (int32_t a = 0; a < sizes[0]; ++a) {
        for (int32_t b = 0; b < sizes[1]; ++b) {
            const int8_t* const source = input + a * strides[0] + b * strides[1];
            int32_t c = 0;
            for (; c < by_four; c += 4) {
                four_means(source + c, output + c, parameters);
            }
            for (; c < sizes[2]; ++c) {
                output[c] = one_mean(source + c * strides[2], parameters);
            }
            output += sizes[2];
        }
    }
}

}  // namespace nn
}  // namespace tinyaudio
