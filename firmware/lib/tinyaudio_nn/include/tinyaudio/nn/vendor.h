// What the adapters of vendors' kernels share: tinyaudio_cmsis_nn and tinyaudio_esp_nn, of which an image has one at most.
#pragma once

#include <stdint.h>

namespace tinyaudio {
namespace nn {

// Weights in the file's order; biases, multipliers (Q31) and shifts (positive: left), one each a channel.
struct VendorChannels {
    const int8_t* weights;
    const int32_t* bias;
    const int32_t* multipliers;
    const int32_t* shifts;
};

// A window that slides over an image, and what happens to the sums. Of a transposed convolution the window slides over the output.
struct VendorWindow {
    int32_t input_height;
    int32_t input_width;
    int32_t input_channels;
    int32_t output_height;
    int32_t output_width;
    int32_t output_channels;
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t dilation_height;
    int32_t dilation_width;
    int32_t padding_top;
    int32_t padding_left;
    int32_t padding_bottom;
    int32_t padding_right;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t activation_min;
    int32_t activation_max;
};

template <typename Shape>
constexpr VendorWindow vendor_window() {
    return {Shape::kInputHeight,    Shape::kInputWidth,      Shape::kInputChannels, Shape::kOutputHeight,   Shape::kOutputWidth,
            Shape::kOutputChannels, Shape::kKernelHeight,    Shape::kKernelWidth,   Shape::kStrideHeight,   Shape::kStrideWidth,
            Shape::kDilationHeight, Shape::kDilationWidth,   Shape::kPaddingTop,    Shape::kPaddingLeft,    Shape::kPaddingBottom,
            Shape::kPaddingRight,   Shape::kInputZeroPoint,  Shape::kOutputZeroPoint, Shape::kActivationMin, Shape::kActivationMax};
}

// A dense layer over the rows of its input.
struct VendorDense {
    int32_t rows;
    int32_t inputs;
    int32_t outputs;
    bool is_per_channel;  // a scale for each output
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t activation_min;
    int32_t activation_max;
};

template <typename Shape>
constexpr VendorDense vendor_dense() {
    return {Shape::kRows,           Shape::kInputChannels,   Shape::kOutputChannels, Shape::kPerChannel != 0,
            Shape::kInputZeroPoint, Shape::kOutputZeroPoint, Shape::kActivationMin,  Shape::kActivationMax};
}

// What the planner gave a kernel to work in.
struct VendorScratch {
    int8_t* memory;  // null if there is none
    int32_t bytes;
};

// Null while the vendor's kernels did what they were asked; otherwise what they refused, for good.
const char* vendor_fault();

// Whose kernels compute, and in which version: "tinyaudio + CMSIS-NN 99f736a63036", at most 64 characters.
const char* vendor_kernels();

}  // namespace nn
}  // namespace tinyaudio
