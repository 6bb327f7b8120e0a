// CMSIS-NN's functions by what its headers say that they compute, and with scratch that is really written, to the last byte.
#include "arm_nnfunctions.h"

#include <string.h>

#include "arithmetic.h"
#include "tinyaudio/nn/softmax.h"

#if !defined(FAKE_MORE_SCRATCH_BYTES)
#define FAKE_MORE_SCRATCH_BYTES 0
#endif

namespace {

int32_t columns_bytes(const cmsis_nn_dims* filter) { return 4 * ((filter->h * filter->w * filter->c + 3) / 4 * 4); }

bool is_single_point(const cmsis_nn_conv_params* parameters, const cmsis_nn_dims* filter) {
    return filter->h == 1 && filter->w == 1 && parameters->padding.h == 0 && parameters->padding.w == 0 && parameters->dilation.h == 1 &&
           parameters->dilation.w == 1;
}

fake::Size size_of(const cmsis_nn_dims* dims) { return {dims->h, dims->w, dims->c}; }

fake::Pair pair_of(const cmsis_nn_tile& tile) { return {tile.h, tile.w}; }

// Whoever hands over less memory than was asked for is found by the sanitizers.
void use(const cmsis_nn_context* context, int32_t bytes) { memset(context->buf, 0x5a, static_cast<size_t>(bytes)); }

}  // namespace

extern "C" {

int32_t arm_convolve_wrapper_s8_get_buffer_size(const cmsis_nn_conv_params* parameters, const cmsis_nn_dims*, const cmsis_nn_dims* filter,
                                                const cmsis_nn_dims*) {
    return (is_single_point(parameters, filter) ? 0 : columns_bytes(filter)) + FAKE_MORE_SCRATCH_BYTES;
}

arm_cmsis_nn_status arm_convolve_wrapper_s8(const cmsis_nn_context* context, const cmsis_nn_conv_params* parameters,
                                            const cmsis_nn_per_channel_quant_params* rescaling, const cmsis_nn_dims* input_dims,
                                            const int8_t* input, const cmsis_nn_dims* filter, const int8_t* weights, const cmsis_nn_dims*,
                                            const int32_t* bias, const cmsis_nn_dims* output_dims, int8_t* output) {
    if (!is_single_point(parameters, filter)) {
        if (context->buf == nullptr) {
            return ARM_CMSIS_NN_ARG_ERROR;
        }
        use(context, columns_bytes(filter));
    }
    const fake::Window window = {size_of(input_dims),           size_of(output_dims),         {filter->h, filter->w},
                                 pair_of(parameters->stride),   pair_of(parameters->padding), pair_of(parameters->dilation)};
    const fake::Finish finish = {parameters->output_offset, parameters->activation.min, parameters->activation.max, rescaling->multiplier,
                                 rescaling->shift};
    fake::convolve(window, input, parameters->input_offset, weights, bias, finish, output);
    return filter->n == output_dims->c && filter->c == input_dims->c ? ARM_CMSIS_NN_SUCCESS : ARM_CMSIS_NN_ARG_ERROR;
}

int32_t arm_depthwise_conv_wrapper_s8_get_buffer_size(const cmsis_nn_dw_conv_params* parameters, const cmsis_nn_dims* input_dims,
                                                      const cmsis_nn_dims* filter, const cmsis_nn_dims* output_dims) {
    const bool is_dense = input_dims->c == output_dims->c && parameters->dilation.h == 1 && parameters->dilation.w == 1;
    const bool is_small = filter->h == 3 && filter->w == 3 && parameters->padding.h <= 1 && parameters->padding.w <= 1;
    return is_dense && !is_small ? 2 * input_dims->c * filter->h * filter->w : 0;
}

arm_cmsis_nn_status arm_depthwise_conv_wrapper_s8(const cmsis_nn_context* context, const cmsis_nn_dw_conv_params* parameters,
                                                  const cmsis_nn_per_channel_quant_params* rescaling, const cmsis_nn_dims* input_dims,
                                                  const int8_t* input, const cmsis_nn_dims* filter, const int8_t* weights,
                                                  const cmsis_nn_dims*, const int32_t* bias, const cmsis_nn_dims* output_dims,
                                                  int8_t* output) {
    const int32_t bytes = arm_depthwise_conv_wrapper_s8_get_buffer_size(parameters, input_dims, filter, output_dims);
    if (bytes > 0) {
        use(context, bytes);
    }
    const fake::Window window = {size_of(input_dims),           size_of(output_dims),         {filter->h, filter->w},
                                 pair_of(parameters->stride),   pair_of(parameters->padding), pair_of(parameters->dilation)};
    const fake::Finish finish = {parameters->output_offset, parameters->activation.min, parameters->activation.max, rescaling->multiplier,
                                 rescaling->shift};
    fake::depthwise(window, input, parameters->input_offset, weights, bias, finish, output);
    const bool fits = filter->c == output_dims->c && parameters->ch_mult * input_dims->c == output_dims->c;
    return fits ? ARM_CMSIS_NN_SUCCESS : ARM_CMSIS_NN_ARG_ERROR;
}

int32_t arm_transpose_conv_s8_get_buffer_size(const cmsis_nn_transpose_conv_params* parameters, const cmsis_nn_dims* input_dims,
                                              const cmsis_nn_dims* filter, const cmsis_nn_dims* output_dims) {
    if (parameters->stride.h <= 2 && parameters->stride.w <= 2 && input_dims->c > 16) {
        return columns_bytes(filter);
    }
    const int32_t columns = (input_dims->w - 1) * parameters->stride.w + (filter->w > parameters->stride.w ? filter->w : parameters->stride.w);
    return 4 * columns * output_dims->c * (filter->h > parameters->stride.h ? filter->h : parameters->stride.h);
}

int32_t arm_transpose_conv_s8_get_reverse_conv_buffer_size(const cmsis_nn_transpose_conv_params* parameters,
                                                           const cmsis_nn_dims* input_dims, const cmsis_nn_dims* filter) {
    const bool is_reversed = parameters->stride.h <= 2 && parameters->stride.w <= 2 && input_dims->c > 16;
    return is_reversed ? input_dims->c * filter->h * filter->w * filter->n : 0;
}

arm_cmsis_nn_status arm_transpose_conv_wrapper_s8(const cmsis_nn_context* context, const cmsis_nn_context* reversed,
                                                  const cmsis_nn_transpose_conv_params* parameters,
                                                  const cmsis_nn_per_channel_quant_params* rescaling, const cmsis_nn_dims* input_dims,
                                                  const int8_t* input, const cmsis_nn_dims* filter, const int8_t* weights,
                                                  const cmsis_nn_dims*, const int32_t* bias, const cmsis_nn_dims* output_dims,
                                                  int8_t* output) {
    use(context, arm_transpose_conv_s8_get_buffer_size(parameters, input_dims, filter, output_dims));
    const int32_t reversed_bytes = arm_transpose_conv_s8_get_reverse_conv_buffer_size(parameters, input_dims, filter);
    if (reversed_bytes > 0) {
        use(reversed, reversed_bytes);
    }
    const fake::Finish finish = {parameters->output_offset, parameters->activation.min, parameters->activation.max, rescaling->multiplier,
                                 rescaling->shift};
    const int32_t inputs = input_dims->c;
    fake::for_each_output(size_of(output_dims), output, [&](int32_t row, int32_t column, int32_t channel) {
        int32_t sum = bias[channel];
        for (int32_t y = 0; y < filter->h; ++y) {
            for (int32_t x = 0; x < filter->w; ++x) {
                const int32_t from_row = row + parameters->padding.h - y;
                const int32_t from_column = column + parameters->padding.w - x;
                const int32_t image_row = from_row / parameters->stride.h;
                const int32_t image_column = from_column / parameters->stride.w;
                if (from_row < 0 || from_column < 0 || from_row % parameters->stride.h != 0 || from_column % parameters->stride.w != 0 ||
                    image_row >= input_dims->h || image_column >= input_dims->w) {
                    continue;
                }
                const int8_t* const values = input + (image_row * input_dims->w + image_column) * inputs;
                const int8_t* const own = weights + ((channel * filter->h + y) * filter->w + x) * inputs;
                for (int32_t index = 0; index < inputs; ++index) {
                    sum += (values[index] + parameters->input_offset) * own[index];
                }
            }
        }
        return finish(sum, channel);
    });
    return filter->n == output_dims->c ? ARM_CMSIS_NN_SUCCESS : ARM_CMSIS_NN_ARG_ERROR;
}

int32_t arm_fully_connected_s8_get_buffer_size(const cmsis_nn_dims*) { return 0; }

arm_cmsis_nn_status arm_fully_connected_per_channel_s8(const cmsis_nn_context*, const cmsis_nn_fc_params* parameters,
                                                       const cmsis_nn_per_channel_quant_params* rescaling, const cmsis_nn_dims* input_dims,
                                                       const int8_t* input, const cmsis_nn_dims* filter, const int8_t* weights,
                                                       const cmsis_nn_dims*, const int32_t* bias, const cmsis_nn_dims* output_dims,
                                                       int8_t* output) {
    const fake::Finish finish = {parameters->output_offset, parameters->activation.min, parameters->activation.max, rescaling->multiplier,
                                 rescaling->shift};
    for (int32_t row = 0; row < input_dims->n; ++row) {
        fake::dense(filter->n, output_dims->c, input + row * filter->n, parameters->input_offset, weights, bias, finish,
                    output + row * output_dims->c);
    }
    return filter->c == output_dims->c && parameters->filter_offset == 0 ? ARM_CMSIS_NN_SUCCESS : ARM_CMSIS_NN_ARG_ERROR;
}

arm_cmsis_nn_status arm_fully_connected_s8(const cmsis_nn_context* context, const cmsis_nn_fc_params* parameters,
                                           const cmsis_nn_per_tensor_quant_params* rescaling, const cmsis_nn_dims* input_dims,
                                           const int8_t* input, const cmsis_nn_dims* filter, const int8_t* weights,
                                           const cmsis_nn_dims* bias_dims, const int32_t* bias, const cmsis_nn_dims* output_dims,
                                           int8_t* output) {
    static int32_t multipliers[1024];
    static int32_t shifts[1024];
    for (int32_t channel = 0; channel < output_dims->c; ++channel) {
        multipliers[channel] = rescaling->multiplier;
        shifts[channel] = rescaling->shift;
    }
    const cmsis_nn_per_channel_quant_params same = {multipliers, shifts};
    return arm_fully_connected_per_channel_s8(context, parameters, &same, input_dims, input, filter, weights, bias_dims, bias, output_dims,
                                              output);
}

int32_t arm_avgpool_s8_get_buffer_size(int, int channels) { return 4 * channels; }

arm_cmsis_nn_status arm_avgpool_s8(const cmsis_nn_context* context, const cmsis_nn_pool_params* parameters, const cmsis_nn_dims* input_dims,
                                   const int8_t* input, const cmsis_nn_dims* filter, const cmsis_nn_dims* output_dims, int8_t* output) {
    use(context, 4 * input_dims->c);
    const fake::Window window = {size_of(input_dims),         size_of(output_dims),         {filter->h, filter->w},
                                 pair_of(parameters->stride), pair_of(parameters->padding), {1, 1}};
    fake::average(window, input, parameters->activation.min, parameters->activation.max, output);
    return ARM_CMSIS_NN_SUCCESS;
}

arm_cmsis_nn_status arm_max_pool_s8(const cmsis_nn_context*, const cmsis_nn_pool_params* parameters, const cmsis_nn_dims* input_dims,
                                    const int8_t* input, const cmsis_nn_dims* filter, const cmsis_nn_dims* output_dims, int8_t* output) {
    const fake::Window window = {size_of(input_dims),         size_of(output_dims),         {filter->h, filter->w},
                                 pair_of(parameters->stride), pair_of(parameters->padding), {1, 1}};
    fake::maximum(window, input, parameters->activation.min, parameters->activation.max, output);
    return ARM_CMSIS_NN_SUCCESS;
}

arm_cmsis_nn_status arm_elementwise_add_s8(const int8_t* first, const int8_t* second, int32_t first_offset, int32_t first_multiplier,
                                           int32_t first_shift, int32_t second_offset, int32_t second_multiplier, int32_t second_shift,
                                           int32_t left_shift, int8_t* output, int32_t offset, int32_t multiplier, int32_t shift,
                                           int32_t low, int32_t high, int32_t count) {
    for (int32_t index = 0; index < count; ++index) {
        const int32_t one = fake::rescaled((first[index] + first_offset) * (1 << left_shift), first_multiplier, first_shift);
        const int32_t other = fake::rescaled((second[index] + second_offset) * (1 << left_shift), second_multiplier, second_shift);
        output[index] = static_cast<int8_t>(fake::clamped(fake::rescaled(one + other, multiplier, shift) + offset, low, high));
    }
    return ARM_CMSIS_NN_SUCCESS;
}

arm_cmsis_nn_status arm_elementwise_mul_s8(const int8_t* first, const int8_t* second, int32_t first_offset, int32_t second_offset,
                                           int8_t* output, int32_t offset, int32_t multiplier, int32_t shift, int32_t low, int32_t high,
                                           int32_t count) {
    for (int32_t index = 0; index < count; ++index) {
        const int32_t product = (first[index] + first_offset) * (second[index] + second_offset);
        output[index] = static_cast<int8_t>(fake::clamped(fake::rescaled(product, multiplier, shift) + offset, low, high));
    }
    return ARM_CMSIS_NN_SUCCESS;
}

void arm_softmax_s8(const int8_t* input, int32_t rows, int32_t depth, int32_t multiplier, int32_t shift, int32_t smallest, int8_t* output) {
    tinyaudio::nn::softmax(input, output, {rows, depth, multiplier, shift, smallest});
}
}
