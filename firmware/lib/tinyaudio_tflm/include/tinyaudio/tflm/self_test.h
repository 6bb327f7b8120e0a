// The self-test of the runtime `tflm`: an inference on a golden input, each operator's output compared while it is there.
#ifndef TINYAUDIO_TFLM_SELF_TEST_H_
#define TINYAUDIO_TFLM_SELF_TEST_H_

#include <stdint.h>

#include "tinyaudio/golden_vectors.h"

namespace tinyaudio {
namespace tflm {

// The interpreter runs no operator alone. So the whole inference runs, and operators outside of `first` to
// `first + count - 1` are not told. The first operator that differs is the one with a fault: what it was given was right.
void run_golden_inference(const GoldenVectors& golden, const int8_t* golden_input, uint32_t input_elements,
                          uint32_t vector, uint32_t first, uint32_t count, const OutcomeSink& sink);

}  // namespace tflm
}  // namespace tinyaudio

#endif  // TINYAUDIO_TFLM_SELF_TEST_H_
