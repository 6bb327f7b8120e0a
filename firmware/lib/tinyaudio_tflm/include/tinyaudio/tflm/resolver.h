// TFLite Micro's resolver, without the warnings that its headers give under this project's flags.
#ifndef TINYAUDIO_TFLM_RESOLVER_H_
#define TINYAUDIO_TFLM_RESOLVER_H_

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#pragma GCC diagnostic pop

#endif  // TINYAUDIO_TFLM_RESOLVER_H_
