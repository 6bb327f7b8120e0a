// Kernels of CMSIS-NN with the interface of ours. tinyaudio/deploy/compiler/vendor_cmsis_nn.py chooses them.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/elementwise.h"
#include "tinyaudio/nn/softmax.h"
#include "tinyaudio/nn/vendor.h"

namespace tinyaudio {
namespace nn {
namespace cmsis_nn {

void convolve(const VendorWindow& window, const int8_t* input, int8_t* output, const VendorChannels& channels, VendorScratch scratch);
void depthwise(const VendorWindow& window, const int8_t* input, int8_t* output, const VendorChannels& channels, VendorScratch scratch);
void transpose_convolve(const VendorWindow& window, const int8_t* input, int8_t* output, const VendorChannels& channels,
                        VendorScratch scratch);
void fully_connected(const VendorDense& dense, const int8_t* input, int8_t* output, const VendorChannels& channels);
void average_pool(const VendorWindow& window, const int8_t* input, int8_t* output, VendorScratch scratch);
void max_pool(const VendorWindow& window, const int8_t* input, int8_t* output);

}  // namespace cmsis_nn

template <typename Shape>
void cmsis_nn_convolve(const int8_t* input, int8_t* output, const VendorChannels& channels, int8_t* scratch = nullptr) {
    static constexpr VendorWindow kWindow = vendor_window<Shape>();
    cmsis_nn::convolve(kWindow, input, output, channels, {scratch, Shape::kScratchBytes});
}

template <typename Shape>
void cmsis_nn_depthwise(const int8_t* input, int8_t* output, const VendorChannels& channels, int8_t* scratch = nullptr) {
    static constexpr VendorWindow kWindow = vendor_window<Shape>();
    cmsis_nn::depthwise(kWindow, input, output, channels, {scratch, Shape::kScratchBytes});
}

template <typename Shape>
void cmsis_nn_transpose_convolve(const int8_t* input, int8_t* output, const VendorChannels& channels, int8_t* scratch) {
    static constexpr VendorWindow kWindow = vendor_window<Shape>();
    cmsis_nn::transpose_convolve(kWindow, input, output, channels, {scratch, Shape::kScratchBytes});
}

template <typename Shape>
void cmsis_nn_fully_connected(const int8_t* input, int8_t* output, const VendorChannels& channels) {
    static constexpr VendorDense kDense = vendor_dense<Shape>();
    cmsis_nn::fully_connected(kDense, input, output, channels);
}

template <typename Shape>
void cmsis_nn_average_pool(const int8_t* input, int8_t* output, int8_t* scratch) {
    static constexpr VendorWindow kWindow = vendor_window<Shape>();
    cmsis_nn::average_pool(kWindow, input, output, {scratch, Shape::kScratchBytes});
}

template <typename Shape>
void cmsis_nn_max_pool(const int8_t* input, int8_t* output) {
    static constexpr VendorWindow kWindow = vendor_window<Shape>();
    cmsis_nn::max_pool(kWindow, input, output);
}

void cmsis_nn_add(const int8_t* first, const int8_t* second, int8_t* output, const Sum& sum);
void cmsis_nn_multiply(const int8_t* first, const int8_t* second, int8_t* output, const Product& product);
void cmsis_nn_softmax(const int8_t* input, int8_t* output, const SoftmaxParameters& parameters);

}  // namespace nn
}  // namespace tinyaudio
