#include "tinyaudio/nn/esp_nn.h"

#include <esp_nn.h>

#include "generated/vendor_version.h"

namespace tinyaudio {
namespace nn {
namespace {

constexpr int32_t kSumLeftShift = 20;  // of both inputs, as TensorFlow Lite's ADD

data_dims_t input_of(const VendorWindow& window) { return {window.input_width, window.input_height, window.input_channels, 1}; }

data_dims_t output_of(const VendorWindow& window) { return {window.output_width, window.output_height, window.output_channels, 1}; }

// ESP-NN reads them only.
quant_data_t rescaling_of(const VendorChannels& channels) {
    return {const_cast<int32_t*>(channels.shifts), const_cast<int32_t*>(channels.multipliers)};
}

// Both inputs have the shape of the output.
int32_t values_of(const Grid& grid) {
    int32_t values = 1;
    for (int32_t size : grid.sizes) {
        values *= size;
    }
    return values;
}

}  // namespace

// Nothing of it reports errors, and what wants more scratch than was planned is computed by its version in C.
const char* vendor_fault() { return nullptr; }

const char* vendor_kernels() {
#if defined(TINYAUDIO_WEIGHTS_FOR_SPEED)
    return "tinyaudio, weights for speed + " TINYAUDIO_VENDOR_VERSION;
#else
    return "tinyaudio + " TINYAUDIO_VENDOR_VERSION;
#endif
}

namespace esp_nn {

void convolve(const VendorWindow& window, const int8_t* input, int8_t* output, const VendorChannels& channels, VendorScratch scratch) {
    const data_dims_t input_dims = input_of(window);
    const data_dims_t output_dims = output_of(window);
    const data_dims_t filter_dims = {window.kernel_width, window.kernel_height, window.input_channels, 0};
    const conv_params_t parameters = {-window.input_zero_point,
                                      window.output_zero_point,
                                      {window.stride_width, window.stride_height},
                                      {window.padding_left, window.padding_top},
                                      {0, 0},
                                      {window.activation_min, window.activation_max}};
    const quant_data_t rescaling = rescaling_of(channels);
    if (esp_nn_get_conv_scratch_size(&input_dims, &filter_dims, &output_dims, &parameters) > scratch.bytes) {
        esp_nn_conv_s8_ansi(&input_dims, input, &filter_dims, channels.weights, channels.bias, &output_dims, output, &parameters, &rescaling);
        return;
    }
    esp_nn_set_conv_scratch_buf(scratch.memory);
    esp_nn_conv_s8(&input_dims, input, &filter_dims, channels.weights, channels.bias, &output_dims, output, &parameters, &rescaling);
}

void depthwise(const VendorWindow& window, const int8_t* input, int8_t* output, const VendorChannels& channels, VendorScratch scratch) {
    const data_dims_t input_dims = input_of(window);
    const data_dims_t output_dims = output_of(window);
    const data_dims_t filter_dims = {window.kernel_width, window.kernel_height, 0, 0};
    const dw_conv_params_t parameters = {-window.input_zero_point,
                                         window.output_zero_point,
                                         window.output_channels / window.input_channels,
                                         {window.stride_width, window.stride_height},
                                         {window.padding_left, window.padding_top},
                                         {0, 0},
                                         {window.activation_min, window.activation_max}};
    const quant_data_t rescaling = rescaling_of(channels);
    if (esp_nn_get_depthwise_conv_scratch_size(&input_dims, &filter_dims, &output_dims, &parameters) > scratch.bytes) {
        esp_nn_depthwise_conv_s8_ansi(&input_dims, input, &filter_dims, channels.weights, channels.bias, &output_dims, output, &parameters,
                                      &rescaling);
        return;
    }
    esp_nn_set_depthwise_conv_scratch_buf(scratch.memory);
    esp_nn_depthwise_conv_s8(&input_dims, input, &filter_dims, channels.weights, channels.bias, &output_dims, output, &parameters,
                             &rescaling);
}

void fully_connected(const VendorDense& dense, const int8_t* input, int8_t* output, const VendorChannels& channels) {
    const uint16_t inputs = static_cast<uint16_t>(dense.inputs);
    const uint16_t outputs = static_cast<uint16_t>(dense.outputs);
    for (int32_t row = 0; row < dense.rows; ++row, input += dense.inputs, output += dense.outputs) {
        if (dense.is_per_channel) {
            esp_nn_fully_connected_per_ch_s8(input, -dense.input_zero_point, inputs, channels.weights, 0, channels.bias, output, outputs,
                                             dense.output_zero_point, channels.shifts, channels.multipliers, dense.activation_min,
                                             dense.activation_max);
        } else {
            esp_nn_fully_connected_s8(input, -dense.input_zero_point, inputs, channels.weights, 0, channels.bias, output, outputs,
                                      dense.output_zero_point, channels.shifts[0], channels.multipliers[0], dense.activation_min,
                                      dense.activation_max);
        }
    }
}

void average_pool(const VendorWindow& window, const int8_t* input, int8_t* output) {
    esp_nn_avg_pool_s8(input, static_cast<uint16_t>(window.input_width), static_cast<uint16_t>(window.input_height), output,
                       static_cast<uint16_t>(window.output_width), static_cast<uint16_t>(window.output_height),
                       static_cast<uint16_t>(window.stride_width), static_cast<uint16_t>(window.stride_height),
                       static_cast<uint16_t>(window.kernel_width), static_cast<uint16_t>(window.kernel_height),
                       static_cast<uint16_t>(window.padding_left), static_cast<uint16_t>(window.padding_top), window.activation_min,
                       window.activation_max, static_cast<uint16_t>(window.input_channels));
}

void max_pool(const VendorWindow& window, const int8_t* input, int8_t* output) {
    esp_nn_max_pool_s8(input, static_cast<uint16_t>(window.input_width), static_cast<uint16_t>(window.input_height), output,
                       static_cast<uint16_t>(window.output_width), static_cast<uint16_t>(window.output_height),
                       static_cast<uint16_t>(window.stride_width), static_cast<uint16_t>(window.stride_height),
                       static_cast<uint16_t>(window.kernel_width), static_cast<uint16_t>(window.kernel_height),
                       static_cast<uint16_t>(window.padding_left), static_cast<uint16_t>(window.padding_top), window.activation_min,
                       window.activation_max, static_cast<uint16_t>(window.input_channels));
}

}  // namespace esp_nn

void esp_nn_add(const int8_t* first, const int8_t* second, int8_t* output, const Sum& sum) {
    esp_nn_add_elementwise_s8(first, second, -sum.first.zero_point, -sum.second.zero_point, sum.first.multiplier, sum.second.multiplier,
                              -sum.first.right_shift, -sum.second.right_shift, kSumLeftShift, output, sum.output.zero_point,
                              sum.output.multiplier, -sum.output.right_shift, sum.bounds.low, sum.bounds.high, values_of(sum.grid));
}

void esp_nn_multiply(const int8_t* first, const int8_t* second, int8_t* output, const Product& product) {
    esp_nn_mul_elementwise_s8(first, second, -product.first_zero_point, -product.second_zero_point, output, product.output.zero_point,
                              product.output.multiplier, -product.output.right_shift, product.bounds.low, product.bounds.high,
                              values_of(product.grid));
}

}  // namespace nn
}  // namespace tinyaudio
