// Kernels of ESP-NN with the interface of ours. tinyaudio/deploy/compiler/vendor_esp_nn.py chooses them.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/elementwise.h"
#include "tinyaudio/nn/vendor.h"

namespace tinyaudio {
namespace nn {
namespace esp_nn {

void convolve(const VendorWindow& window, const int8_t* input, int8_t* output, const VendorChannels& channels, VendorScratch scratch);
void depthwise(const VendorWindow& window, const int8_t* input, int8_t* output, const VendorChannels& channels, VendorScratch scratch);
void fully_connected(const VendorDense& dense, const int8_t* input, int8_t* output, const VendorChannels& channels);
void average_pool(const VendorWindow& window, const int8_t* input, int8_t* output);
void max_pool(const VendorWindow& window, const int8_t* input, int8_t* output);

}  // namespace esp_nn

template <typename Shape>
void esp_nn_convolve(const int8_t* input, int8_t* output, const VendorChannels& channels, int8_t* scratch) {
    static constexpr VendorWindow kWindow = vendor_window<Shape>();
    esp_nn::convolve(kWindow, input, output, channels, {scratch, Shape::kScratchBytes});
}

template <typename Shape>
void esp_nn_depthwise(const int8_t* input, int8_t* output, const VendorChannels& channels, int8_t* scratch) {
    static constexpr VendorWindow kWindow = vendor_window<Shape>();
    esp_nn::depthwise(kWindow, input, output, channels, {scratch, Shape::kScratchBytes});
}

template <typename Shape>
void esp_nn_fully_connected(const int8_t* input, int8_t* output, const VendorChannels& channels) {
    static constexpr VendorDense kDense = vendor_dense<Shape>();
    esp_nn::fully_connected(kDense, input, output, channels);
}

template <typename Shape>
void esp_nn_average_pool(const int8_t* input, int8_t* output) {
    static constexpr VendorWindow kWindow = vendor_window<Shape>();
    esp_nn::average_pool(kWindow, input, output);
}

template <typename Shape>
void esp_nn_max_pool(const int8_t* input, int8_t* output) {
    static constexpr VendorWindow kWindow = vendor_window<Shape>();
    esp_nn::max_pool(kWindow, input, output);
}

void esp_nn_add(const int8_t* first, const int8_t* second, int8_t* output, const Sum& sum);
void esp_nn_multiply(const int8_t* first, const int8_t* second, int8_t* output, const Product& product);

}  // namespace nn
}  // namespace tinyaudio
