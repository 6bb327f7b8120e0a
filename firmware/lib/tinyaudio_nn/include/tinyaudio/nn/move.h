// Values that only change their place.
#pragma once

#include <stdint.h>

namespace tinyaudio {
namespace nn {

constexpr int32_t kMoveDimensions = 5;

// A grid of values, and how far apart neighbours along each dimension lie in the source and in the target.
struct Move {
    int32_t sizes[kMoveDimensions];
    int32_t source_strides[kMoveDimensions];
    int32_t target_strides[kMoveDimensions];
};

void copy(const int8_t* source, int8_t* target, int32_t count);
void move(const int8_t* source, int8_t* target, const Move& grid);

struct Filling {
    int32_t count;
    int32_t value;
};

void fill(int8_t* target, const Filling& filling);

}  // namespace nn
}  // namespace tinyaudio
