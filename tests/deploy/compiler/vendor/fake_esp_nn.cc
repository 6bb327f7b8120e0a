// ESP-NN's functions by what its headers say that they compute, with scratch that is really written, to the last byte, and inputs
// and weights that have to be aligned as the vector instructions want them.
#include <esp_nn.h>

#include <stdlib.h>
#include <string.h>

#include "arithmetic.h"

namespace {

#if defined(FAKE_SCRATCH_BYTES)
constexpr int kScratchBytes = FAKE_SCRATCH_BYTES;
#else
constexpr int kScratchBytes = 512;
#endif

void* scratch = nullptr;

void require(bool holds) {
    if (!holds) {
        abort();
    }
}

void require_aligned(const void* pointer) { require((reinterpret_cast<uintptr_t>(pointer) & 15) == 0); }

fake::Size size_of(const data_dims_t* dims) { return {dims->height, dims->width, dims->channels}; }

fake::Pair pair_of(const data_2d_t& pair) { return {pair.height, pair.width}; }

void work_in_scratch() {
    require_aligned(scratch);
    memset(scratch, 0x5a, kScratchBytes);
    scratch = nullptr;
}

fake::Window pool_window(uint16_t input_width, uint16_t input_height, uint16_t output_width, uint16_t output_height, uint16_t stride_width,
                         uint16_t stride_height, uint16_t width, uint16_t height, uint16_t padding_width, uint16_t padding_height,
                         uint16_t channels) {
    return {{input_height, input_width, channels},
            {output_height, output_width, channels},
            {height, width},
            {stride_height, stride_width},
            {padding_height, padding_width},
            {1, 1}};
}

}  // namespace

extern "C" {

int esp_nn_get_conv_scratch_size(const data_dims_t*, const data_dims_t*, const data_dims_t*, const conv_params_t*) { return kScratchBytes; }

void esp_nn_set_conv_scratch_buf(void* memory) { scratch = memory; }

void esp_nn_conv_s8_ansi(const data_dims_t* input_dims, const int8_t* input, const data_dims_t* filter, const int8_t* weights,
                         const int32_t* bias, const data_dims_t* output_dims, int8_t* output, const conv_params_t* parameters,
                         const quant_data_t* rescaling) {
    const fake::Window window = {size_of(input_dims),         size_of(output_dims),         {filter->height, filter->width},
                                 pair_of(parameters->stride), pair_of(parameters->padding), {1, 1}};
    const fake::Finish finish = {parameters->out_offset, parameters->activation.min, parameters->activation.max, rescaling->mult,
                                 rescaling->shift};
    require(filter->channels == input_dims->channels);
    fake::convolve(window, input, parameters->in_offset, weights, bias, finish, output);
}

void esp_nn_conv_s8(const data_dims_t* input_dims, const int8_t* input, const data_dims_t* filter, const int8_t* weights,
                    const int32_t* bias, const data_dims_t* output_dims, int8_t* output, const conv_params_t* parameters,
                    const quant_data_t* rescaling) {
    require_aligned(input);
    require_aligned(weights);
    work_in_scratch();
    esp_nn_conv_s8_ansi(input_dims, input, filter, weights, bias, output_dims, output, parameters, rescaling);
}

int esp_nn_get_depthwise_conv_scratch_size(const data_dims_t*, const data_dims_t*, const data_dims_t*, const dw_conv_params_t*) {
    return kScratchBytes;
}

void esp_nn_set_depthwise_conv_scratch_buf(void* memory) { scratch = memory; }

void esp_nn_depthwise_conv_s8_ansi(const data_dims_t* input_dims, const int8_t* input, const data_dims_t* filter, const int8_t* weights,
                                   const int32_t* bias, const data_dims_t* output_dims, int8_t* output, const dw_conv_params_t* parameters,
                                   const quant_data_t* rescaling) {
    const fake::Window window = {size_of(input_dims),         size_of(output_dims),         {filter->height, filter->width},
                                 pair_of(parameters->stride), pair_of(parameters->padding), {1, 1}};
    const fake::Finish finish = {parameters->out_offset, parameters->activation.min, parameters->activation.max, rescaling->mult,
                                 rescaling->shift};
    require(parameters->ch_mult * input_dims->channels == output_dims->channels);
    fake::depthwise(window, input, parameters->in_offset, weights, bias, finish, output);
}

void esp_nn_depthwise_conv_s8(const data_dims_t* input_dims, const int8_t* input, const data_dims_t* filter, const int8_t* weights,
                              const int32_t* bias, const data_dims_t* output_dims, int8_t* output, const dw_conv_params_t* parameters,
                              const quant_data_t* rescaling) {
    require_aligned(input);
    require_aligned(weights);
    work_in_scratch();
    esp_nn_depthwise_conv_s8_ansi(input_dims, input, filter, weights, bias, output_dims, output, parameters, rescaling);
}

void esp_nn_fully_connected_per_ch_s8(const int8_t* input, int32_t input_offset, uint16_t inputs, const int8_t* weights,
                                      int32_t filter_offset, const int32_t* bias, int8_t* output, uint16_t outputs, int32_t offset,
                                      const int32_t* shifts, const int32_t* multipliers, int32_t low, int32_t high) {
    require_aligned(input);
    require(filter_offset == 0);
    fake::dense(inputs, outputs, input, input_offset, weights, bias, {offset, low, high, multipliers, shifts}, output);
}

void esp_nn_fully_connected_s8(const int8_t* input, int32_t input_offset, uint16_t inputs, const int8_t* weights, int32_t filter_offset,
                               const int32_t* bias, int8_t* output, uint16_t outputs, int32_t offset, int32_t shift, int32_t multiplier,
                               int32_t low, int32_t high) {
    for (int32_t channel = 0; channel < outputs; ++channel) {  // each with the one scale that there is
        esp_nn_fully_connected_per_ch_s8(input, input_offset, inputs, weights + channel * inputs, filter_offset, bias + channel,
                                         output + channel, 1, offset, &shift, &multiplier, low, high);
    }
}

void esp_nn_avg_pool_s8(const int8_t* input, uint16_t input_width, uint16_t input_height, int8_t* output, uint16_t output_width,
                        uint16_t output_height, uint16_t stride_width, uint16_t stride_height, uint16_t width, uint16_t height,
                        uint16_t padding_width, uint16_t padding_height, int32_t low, int32_t high, uint16_t channels) {
    fake::average(pool_window(input_width, input_height, output_width, output_height, stride_width, stride_height, width, height,
                              padding_width, padding_height, channels),
                  input, low, high, output);
}

void esp_nn_max_pool_s8(const int8_t* input, uint16_t input_width, uint16_t input_height, int8_t* output, uint16_t output_width,
                        uint16_t output_height, uint16_t stride_width, uint16_t stride_height, uint16_t width, uint16_t height,
                        uint16_t padding_width, uint16_t padding_height, int32_t low, int32_t high, uint16_t channels) {
    fake::maximum(pool_window(input_width, input_height, output_width, output_height, stride_width, stride_height, width, height,
                              padding_width, padding_height, channels),
                  input, low, high, output);
}

void esp_nn_add_elementwise_s8(const int8_t* first, const int8_t* second, int32_t first_offset, int32_t second_offset,
                               int32_t first_multiplier, int32_t second_multiplier, int32_t first_shift, int32_t second_shift,
                               int32_t left_shift, int8_t* output, int32_t offset, int32_t multiplier, int32_t shift, int32_t low,
                               int32_t high, int32_t size) {
    require(first_shift <= 0 && second_shift <= 0 && shift <= 0);
    for (int32_t index = 0; index < size; ++index) {
        const int32_t one = fake::rescaled((first[index] + first_offset) * (1 << left_shift), first_multiplier, first_shift);
        const int32_t other = fake::rescaled((second[index] + second_offset) * (1 << left_shift), second_multiplier, second_shift);
        output[index] = static_cast<int8_t>(fake::clamped(fake::rescaled(one + other, multiplier, shift) + offset, low, high));
    }
}

void esp_nn_mul_elementwise_s8(const int8_t* first, const int8_t* second, int32_t first_offset, int32_t second_offset, int8_t* output,
                               int32_t offset, int32_t multiplier, int32_t shift, int32_t low, int32_t high, int32_t size) {
    require(shift <= 0);
    for (int32_t index = 0; index < size; ++index) {
        const int32_t product = (first[index] + first_offset) * (second[index] + second_offset);
        output[index] = static_cast<int8_t>(fake::clamped(fake::rescaled(product, multiplier, shift) + offset, low, high));
    }
}
}
