#pragma once

#include <stddef.h>

#include "freertos/FreeRTOS.h"

extern "C" {

typedef struct StreamBufferDef_t* StreamBufferHandle_t;
typedef struct {
    void* reserved[12];
} StaticStreamBuffer_t;

StreamBufferHandle_t xStreamBufferCreateStatic(size_t bytes, size_t trigger_bytes, uint8_t* storage, StaticStreamBuffer_t* memory);
size_t xStreamBufferSend(StreamBufferHandle_t buffer, const void* data, size_t bytes, TickType_t ticks_to_wait);
size_t xStreamBufferReceive(StreamBufferHandle_t buffer, void* data, size_t bytes, TickType_t ticks_to_wait);

}
