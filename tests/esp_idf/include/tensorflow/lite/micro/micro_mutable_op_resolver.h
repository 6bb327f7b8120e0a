#pragma once

#include "tensorflow/lite/c/common.h"

namespace tflite {

class MicroOpResolver {
 public:
    virtual ~MicroOpResolver() {}
};

template <unsigned int op_count>
class MicroMutableOpResolver : public MicroOpResolver {
 public:
    TfLiteStatus AddConv2D();
    TfLiteStatus AddDepthwiseConv2D();
    TfLiteStatus AddFullyConnected();
    TfLiteStatus AddMean();
    TfLiteStatus AddSoftmax();
};

}  // namespace tflite
