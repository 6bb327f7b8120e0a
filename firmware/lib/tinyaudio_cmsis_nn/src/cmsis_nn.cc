#include "tinyaudio/nn/cmsis_nn.h"

extern "C" {
#include "arm_nnfunctions.h"
}

// Library and version, as "CMSIS-NN 99f736a63036"; the build knows it.
#if !defined(TINYAUDIO_VENDOR_VERSION)
#define TINYAUDIO_VENDOR_VERSION "CMSIS-NN"
#endif

namespace tinyaudio {
namespace nn {
namespace {

constexpr int32_t kSumLeftShift = 20;  // of both inputs, as TensorFlow Lite's ADD

const char* fault = nullptr;

void refuse(const char* text) {
    if (fault == nullptr) {
        fault = text;
    }
}

void check(arm_cmsis_nn_status status, const char* text) {
    if (status != ARM_CMSIS_NN_SUCCESS) {
        refuse(text);
    }
}

// Whether the library works in what was planned for it; another version may want more.
bool fits(int32_t needed_bytes, VendorScratch scratch) {
    if (needed_bytes > scratch.bytes) {
        refuse("this CMSIS-NN wants more scratch memory than was planned");
    }
    return needed_bytes <= scratch.bytes;
}

cmsis_nn_context context_of(VendorScratch scratch) { return {scratch.memory, scratch.bytes}; }

cmsis_nn_dims input_of(const VendorWindow& window) { return {1, window.input_height, window.input_width, window.input_channels}; }

cmsis_nn_dims output_of(const VendorWindow& window) { return {1, window.output_height, window.output_width, window.output_channels}; }

cmsis_nn_activation activation_of(const VendorWindow& window) { return {window.activation_min, window.activation_max}; }

// CMSIS-NN reads them only.
cmsis_nn_per_channel_quant_params rescaling_of(const VendorChannels& channels) {
    return {const_cast<int32_t*>(channels.multipliers), const_cast<int32_t*>(channels.shifts)};
}

}  // namespace

const char* vendor_fault() { return fault; }

const char* vendor_kernels() {
#if defined(TINYAUDIO_WEIGHTS_FOR_SPEED)
    return "tinyaudio, weights for speed + " TINYAUDIO_VENDOR_VERSION;
#else
    return "tinyaudio + " TINYAUDIO_VENDOR_VERSION;
#endif
}

namespace cmsis_nn {

void convolve(const VendorWindow& window, const int8_t* input, int8_t* output, const VendorChannels& channels, VendorScratch scratch) {
    const cmsis_nn_dims input_dims = input_of(window);
    const cmsis_nn_dims output_dims = output_of(window);
    const cmsis_nn_dims filter_dims = {window.output_channels, window.kernel_height, window.kernel_width, window.input_channels};
    const cmsis_nn_dims bias_dims = {1, 1, 1, window.output_channels};
    const cmsis_nn_conv_params parameters = {-window.input_zero_point,
                                             window.output_zero_point,
                                             {window.stride_width, window.stride_height},
                                             {window.padding_left, window.padding_top},
                                             {window.dilation_width, window.dilation_height},
                                             activation_of(window)};
    if (!fits(arm_convolve_wrapper_s8_get_buffer_size(&parameters, &input_dims, &filter_dims, &output_dims), scratch)) {
        return;
    }
    const cmsis_nn_context context = context_of(scratch);
    const cmsis_nn_per_channel_quant_params rescaling = rescaling_of(channels);
    check(arm_convolve_wrapper_s8(&context, &parameters, &rescaling, &input_dims, input, &filter_dims, channels.weights, &bias_dims,
                                  channels.bias, &output_dims, output),
          "CMSIS-NN refused a convolution");
}

void depthwise(const VendorWindow& window, const int8_t* input, int8_t* output, const VendorChannels& channels, VendorScratch scratch) {
    const cmsis_nn_dims input_dims = input_of(window);
    const cmsis_nn_dims output_dims = output_of(window);
    const cmsis_nn_dims filter_dims = {1, window.kernel_height, window.kernel_width, window.output_channels};
    const cmsis_nn_dims bias_dims = {1, 1, 1, window.output_channels};
    const cmsis_nn_dw_conv_params parameters = {-window.input_zero_point,
                                                window.output_zero_point,
                                                window.output_channels / window.input_channels,
                                                {window.stride_width, window.stride_height},
                                                {window.padding_left, window.padding_top},
                                                {window.dilation_width, window.dilation_height},
                                                activation_of(window)};
    if (!fits(arm_depthwise_conv_wrapper_s8_get_buffer_size(&parameters, &input_dims, &filter_dims, &output_dims), scratch)) {
        return;
    }
    const cmsis_nn_context context = context_of(scratch);
    const cmsis_nn_per_channel_quant_params rescaling = rescaling_of(channels);
    check(arm_depthwise_conv_wrapper_s8(&context, &parameters, &rescaling, &input_dims, input, &filter_dims, channels.weights, &bias_dims,
                                        channels.bias, &output_dims, output),
          "CMSIS-NN refused a depthwise convolution");
}

void transpose_convolve(const VendorWindow& window, const int8_t* input, int8_t* output, const VendorChannels& channels,
                        VendorScratch scratch) {
    const cmsis_nn_dims input_dims = input_of(window);
    const cmsis_nn_dims output_dims = output_of(window);
    const cmsis_nn_dims filter_dims = {window.output_channels, window.kernel_height, window.kernel_width, window.input_channels};
    const cmsis_nn_dims bias_dims = {1, 1, 1, window.output_channels};
    const cmsis_nn_transpose_conv_params parameters = {-window.input_zero_point,
                                                       window.output_zero_point,
                                                       {window.stride_width, window.stride_height},
                                                       {window.padding_left, window.padding_top},
                                                       {window.padding_right, window.padding_bottom},
                                                       {1, 1},
                                                       activation_of(window)};
    // The sums or columns, and behind them the weights in reverse, if they are wanted so.
    const int32_t sums_bytes = (arm_transpose_conv_s8_get_buffer_size(&parameters, &input_dims, &filter_dims, &output_dims) + 3) & ~3;
    const int32_t reversed_bytes = arm_transpose_conv_s8_get_reverse_conv_buffer_size(&parameters, &input_dims, &filter_dims);
    if (!fits(sums_bytes + reversed_bytes, scratch)) {
        return;
    }
    const cmsis_nn_context context = {scratch.memory, sums_bytes};
    const cmsis_nn_context reversed = {scratch.memory + sums_bytes, reversed_bytes};
    const cmsis_nn_per_channel_quant_params rescaling = rescaling_of(channels);
    check(arm_transpose_conv_wrapper_s8(&context, &reversed, &parameters, &rescaling, &input_dims, input, &filter_dims, channels.weights,
                                        &bias_dims, channels.bias, &output_dims, output),
          "CMSIS-NN refused a transposed convolution");
}

void fully_connected(const VendorDense& dense, const int8_t* input, int8_t* output, const VendorChannels& channels) {
    const cmsis_nn_dims input_dims = {dense.rows, 1, 1, dense.inputs};
    const cmsis_nn_dims filter_dims = {dense.inputs, 1, 1, dense.outputs};
    const cmsis_nn_dims bias_dims = {1, 1, 1, dense.outputs};
    const cmsis_nn_dims output_dims = {dense.rows, 1, 1, dense.outputs};
    const cmsis_nn_fc_params parameters = {
        -dense.input_zero_point, 0, dense.output_zero_point, {dense.activation_min, dense.activation_max}};
    const cmsis_nn_context context = {nullptr, 0};
    if (!fits(arm_fully_connected_s8_get_buffer_size(&filter_dims), {nullptr, 0})) {
        return;
    }
    if (dense.is_per_channel) {
        const cmsis_nn_per_channel_quant_params rescaling = rescaling_of(channels);
        check(arm_fully_connected_per_channel_s8(&context, &parameters, &rescaling, &input_dims, input, &filter_dims, channels.weights,
                                                 &bias_dims, channels.bias, &output_dims, output),
              "CMSIS-NN refused a fully connected layer");
        return;
    }
    const cmsis_nn_per_tensor_quant_params rescaling = {channels.multipliers[0], channels.shifts[0]};
    check(arm_fully_connected_s8(&context, &parameters, &rescaling, &input_dims, input, &filter_dims, channels.weights, &bias_dims,
                                 channels.bias, &output_dims, output),
          "CMSIS-NN refused a fully connected layer");
}

void average_pool(const VendorWindow& window, const int8_t* input, int8_t* output, VendorScratch scratch) {
    const cmsis_nn_dims input_dims = input_of(window);
    const cmsis_nn_dims output_dims = output_of(window);
    const cmsis_nn_dims filter_dims = {1, window.kernel_height, window.kernel_width, 1};
    const cmsis_nn_pool_params parameters = {
        {window.stride_width, window.stride_height}, {window.padding_left, window.padding_top}, activation_of(window)};
    if (!fits(arm_avgpool_s8_get_buffer_size(window.output_width, window.input_channels), scratch)) {
        return;
    }
    const cmsis_nn_context context = context_of(scratch);
    check(arm_avgpool_s8(&context, &parameters, &input_dims, input, &filter_dims, &output_dims, output), "CMSIS-NN refused a mean");
}

void max_pool(const VendorWindow& window, const int8_t* input, int8_t* output) {
    const cmsis_nn_dims input_dims = input_of(window);
    const cmsis_nn_dims output_dims = output_of(window);
    const cmsis_nn_dims filter_dims = {1, window.kernel_height, window.kernel_width, 1};
    const cmsis_nn_pool_params parameters = {
        {window.stride_width, window.stride_height}, {window.padding_left, window.padding_top}, activation_of(window)};
    const cmsis_nn_context context = {nullptr, 0};
    check(arm_max_pool_s8(&context, &parameters, &input_dims, input, &filter_dims, &output_dims, output), "CMSIS-NN refused a maximum");
}

}  // namespace cmsis_nn

namespace {

// Both inputs have the shape of the output.
int32_t values_of(const Grid& grid) {
    int32_t values = 1;
    for (int32_t size : grid.sizes) {
        values *= size;
    }
    return values;
}

}  // namespace

void cmsis_nn_add(const int8_t* first, const int8_t* second, int8_t* output, const Sum& sum) {
    check(arm_elementwise_add_s8(first, second, -sum.first.zero_point, sum.first.multiplier, -sum.first.right_shift,
                                 -sum.second.zero_point, sum.second.multiplier, -sum.second.right_shift, kSumLeftShift, output,
                                 sum.output.zero_point, sum.output.multiplier, -sum.output.right_shift, sum.bounds.low, sum.bounds.high,
                                 values_of(sum.grid)),
          "CMSIS-NN refused a sum");
}

void cmsis_nn_multiply(const int8_t* first, const int8_t* second, int8_t* output, const Product& product) {
    check(arm_elementwise_mul_s8(first, second, -product.first_zero_point, -product.second_zero_point, output,
                                 product.output.zero_point, product.output.multiplier, -product.output.right_shift, product.bounds.low,
                                 product.bounds.high, values_of(product.grid)),
          "CMSIS-NN refused a product");
}

void cmsis_nn_softmax(const int8_t* input, int8_t* output, const SoftmaxParameters& parameters) {
    arm_softmax_s8(input, parameters.rows, parameters.depth, parameters.input_multiplier, parameters.input_left_shift,
                   parameters.smallest_difference, output);
}

}  // namespace nn
}  // namespace tinyaudio
