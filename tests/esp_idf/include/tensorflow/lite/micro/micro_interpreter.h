#pragma once

#include <stddef.h>

#include "tensorflow/lite/c/common.h"
#include "tensorflow/lite/micro/micro_allocator.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/micro/micro_profiler_interface.h"
#include "tensorflow/lite/micro/micro_resource_variable.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace tflite {

class MicroInterpreter {
 public:
    MicroInterpreter(const Model* model, const MicroOpResolver& op_resolver, uint8_t* tensor_arena, size_t tensor_arena_size,
                     MicroResourceVariables* resource_variables = nullptr, MicroProfilerInterface* profiler = nullptr,
                     bool preserve_all_tensors = false);
    MicroInterpreter(const Model* model, const MicroOpResolver& op_resolver, MicroAllocator* allocator,
                     MicroResourceVariables* resource_variables = nullptr, MicroProfilerInterface* profiler = nullptr);

    TfLiteStatus AllocateTensors();
    TfLiteStatus Invoke();
    TfLiteTensor* input(size_t index);
    TfLiteTensor* output(size_t index);
    size_t arena_used_bytes() const;

 protected:
    const TfLiteContext& context() const;
};

}  // namespace tflite
