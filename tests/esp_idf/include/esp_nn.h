// ESP-NN, as far as it is called: the functions of its public header, which there are names for those of one chip.
#pragma once

#include <stdint.h>

extern "C" {

typedef struct data_dims {
    int32_t width;
    int32_t height;
    int32_t channels;
    int32_t extra;
} data_dims_t;

typedef struct data_2d {
    int32_t width;
    int32_t height;
} data_2d_t;

typedef struct act_params {
    int32_t min;
    int32_t max;
} act_params_t;

typedef struct quant_data {
    int32_t* shift;
    int32_t* mult;
} quant_data_t;

typedef struct conv_params {
    int32_t in_offset;
    int32_t out_offset;
    data_2d_t stride;
    data_2d_t padding;
    data_2d_t dilation;
    act_params_t activation;
} conv_params_t;

typedef struct dw_conv_params {
    int32_t in_offset;
    int32_t out_offset;
    int32_t ch_mult;
    data_2d_t stride;
    data_2d_t padding;
    data_2d_t dilation;
    act_params_t activation;
} dw_conv_params_t;

int esp_nn_get_conv_scratch_size(const data_dims_t* input_dims, const data_dims_t* filter_dims, const data_dims_t* output_dims,
                                 const conv_params_t* conv_params);
void esp_nn_set_conv_scratch_buf(void* buf);
void esp_nn_conv_s8(const data_dims_t* input_dims, const int8_t* input_data, const data_dims_t* filter_dims, const int8_t* filter_data,
                    const int32_t* bias, const data_dims_t* output_dims, int8_t* output_data, const conv_params_t* conv_params,
                    const quant_data_t* quant_data);
void esp_nn_conv_s8_ansi(const data_dims_t* input_dims, const int8_t* input_data, const data_dims_t* filter_dims,
                         const int8_t* filter_data, const int32_t* bias, const data_dims_t* output_dims, int8_t* output_data,
                         const conv_params_t* conv_params, const quant_data_t* quant_data);

int esp_nn_get_depthwise_conv_scratch_size(const data_dims_t* input_dims, const data_dims_t* filter_dims, const data_dims_t* output_dims,
                                           const dw_conv_params_t* conv_params);
void esp_nn_set_depthwise_conv_scratch_buf(void* buf);
void esp_nn_depthwise_conv_s8(const data_dims_t* input_dims, const int8_t* input_data, const data_dims_t* filter_dims,
                              const int8_t* filter_data, const int32_t* bias, const data_dims_t* output_dims, int8_t* output_data,
                              const dw_conv_params_t* conv_params, const quant_data_t* quant_data);
void esp_nn_depthwise_conv_s8_ansi(const data_dims_t* input_dims, const int8_t* input_data, const data_dims_t* filter_dims,
                                   const int8_t* filter_data, const int32_t* bias, const data_dims_t* output_dims, int8_t* output_data,
                                   const dw_conv_params_t* conv_params, const quant_data_t* quant_data);

void esp_nn_fully_connected_s8(const int8_t* input_data, int32_t input_offset, uint16_t row_len, const int8_t* filter_data,
                               int32_t filter_offset, const int32_t* bias, int8_t* out_data, uint16_t out_channels, int32_t out_offset,
                               int32_t out_shift, int32_t out_mult, int32_t activation_min, int32_t activation_max);
void esp_nn_fully_connected_per_ch_s8(const int8_t* input_data, int32_t input_offset, uint16_t row_len, const int8_t* filter_data,
                                      int32_t filter_offset, const int32_t* bias, int8_t* out_data, uint16_t out_channels,
                                      int32_t out_offset, const int32_t* out_shift, const int32_t* out_mult, int32_t activation_min,
                                      int32_t activation_max);

void esp_nn_avg_pool_s8(const int8_t* input, uint16_t input_wd, uint16_t input_ht, int8_t* output, uint16_t output_wd, uint16_t output_ht,
                        uint16_t stride_wd, uint16_t stride_ht, uint16_t filter_wd, uint16_t filter_ht, uint16_t pad_wd, uint16_t pad_ht,
                        int32_t activation_min, int32_t activation_max, uint16_t channels);
void esp_nn_max_pool_s8(const int8_t* input, uint16_t input_wd, uint16_t input_ht, int8_t* output, uint16_t output_wd, uint16_t output_ht,
                        uint16_t stride_wd, uint16_t stride_ht, uint16_t filter_wd, uint16_t filter_ht, uint16_t pad_wd, uint16_t pad_ht,
                        int32_t activation_min, int32_t activation_max, uint16_t channels);

void esp_nn_add_elementwise_s8(const int8_t* input1_data, const int8_t* input2_data, int32_t input1_offset, int32_t input2_offset,
                               int32_t input1_mult, int32_t input2_mult, int32_t input1_shift, int32_t input2_shift, int32_t left_shift,
                               int8_t* output, int32_t out_offset, int32_t out_mult, int32_t out_shift, int32_t activation_min,
                               int32_t activation_max, int32_t size);
void esp_nn_mul_elementwise_s8(const int8_t* input1_data, const int8_t* input2_data, int32_t input1_offset, int32_t input2_offset,
                               int8_t* output, int32_t out_offset, int32_t out_mult, int32_t out_shift, int32_t activation_min,
                               int32_t activation_max, int32_t size);
}
