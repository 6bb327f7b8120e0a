#include "tinyaudio/nn/move.h"

#include <string.h>

namespace tinyaudio {
namespace nn {
namespace {

constexpr int32_t kInner = kMoveDimensions - 1;

void move_row(const int8_t* source, int8_t* target, const Move& grid) {
    const int32_t count = grid.sizes[kInner];
    if (grid.source_strides[kInner] == 1 && grid.target_strides[kInner] == 1) {
        memcpy(target, source, static_cast<size_t>(count));
        return;
    }
    for (int32_t index = 0; index < count; ++index) {
        target[index * grid.target_strides[kInner]] = source[index * grid.source_strides[kInner]];
    }
}

}  // namespace

void copy(const int8_t* source, int8_t* target, int32_t count) { memcpy(target, source, static_cast<size_t>(count)); }

void fill(int8_t* target, const Filling& filling) { memset(target, filling.value, static_cast<size_t>(filling.count)); }

void move(const int8_t* source, int8_t* target, const Move& grid) {
    int32_t position[kInner] = {};
    int32_t dimension = 0;
    while (dimension >= 0) {
        int32_t from = 0;
        int32_t to = 0;
        for (int32_t outer = 0; outer < kInner; ++outer) {
            from += position[outer] * grid.source_strides[outer];
            to += position[outer] * grid.target_strides[outer];
        }
        move_row(source + from, target + to, grid);
        // The next position: the innermost dimension that is not at its end moves on, those within it start again.
        for (dimension = kInner - 1; dimension >= 0 && ++position[dimension] == grid.sizes[dimension]; --dimension) {
            position[dimension] = 0;
        }
    }
}

}  // namespace nn
}  // namespace tinyaudio
