// Two tensors, value by value; one of them may be repeated along some dimensions.
#pragma once

#include <stdint.h>

namespace tinyaudio {
namespace nn {

constexpr int32_t kGridDimensions = 4;

// The output's grid, and how far apart neighbours along each dimension lie in both inputs; 0: they are the same value.
struct Grid {
    int32_t sizes[kGridDimensions];
    int32_t first_strides[kGridDimensions];
    int32_t second_strides[kGridDimensions];
};

struct Rescaling {
    int32_t zero_point;
    int32_t multiplier;   // Q31
    int32_t right_shift;  // negative: shift left
};

struct Bounds {
    int32_t low;
    int32_t high;
};

struct Sum {
    Grid grid;
    Rescaling first;
    Rescaling second;  // with a negative multiplier for a difference
    Rescaling output;
    Bounds bounds;
};

struct Product {
    Grid grid;
    int32_t first_zero_point;
    int32_t second_zero_point;
    Rescaling output;
    Bounds bounds;
};

// (first - second)^2.
struct SquaredDifference {
    Grid grid;
    Rescaling first;  // both raised by 7 bits before
    Rescaling second;
    Rescaling output;
};

// The first input where it is not negative, else the product of both.
struct Prelu {
    Grid grid;
    int32_t first_zero_point;
    int32_t second_zero_point;
    int32_t output_zero_point;
    int32_t rising_multiplier;  // Q31, of what is not negative
    int32_t rising_right_shift;
    int32_t product_multiplier;  // Q31, of the products
    int32_t product_right_shift;
};

// The output may start where an input of the same size starts, or before.
void add(const int8_t* first, const int8_t* second, int8_t* output, const Sum& sum);
void multiply(const int8_t* first, const int8_t* second, int8_t* output, const Product& product);
void maximum(const int8_t* first, const int8_t* second, int8_t* output, const Grid& grid);
void minimum(const int8_t* first, const int8_t* second, int8_t* output, const Grid& grid);
void squared_difference(const int8_t* first, const int8_t* second, int8_t* output, const SquaredDifference& difference);
void prelu(const int8_t* first, const int8_t* second, int8_t* output, const Prelu& parameters);

}  // namespace nn
}  // namespace tinyaudio
