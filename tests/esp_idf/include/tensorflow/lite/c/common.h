#pragma once

#include <stdint.h>

typedef enum { kTfLiteOk = 0, kTfLiteError = 1 } TfLiteStatus;

typedef union {
    int8_t* int8;
    void* data;
} TfLitePtrUnion;

typedef struct {
    TfLitePtrUnion data;
} TfLiteTensor;

typedef struct {
    TfLitePtrUnion data;
} TfLiteEvalTensor;

typedef struct TfLiteContext {
    TfLiteEvalTensor* (*GetEvalTensor)(const struct TfLiteContext* context, int tensor_index);
} TfLiteContext;
